import { fromHex, JsonFields, type JsonFields as JsonFieldsType } from "../base/index.ts";
import { ClusterError } from "./errors.ts";
import {
  atLeast,
  DEPOSIT_AMOUNTS_MAX,
  type Definition,
  type DepositData,
  type DistributedValidator,
  type Lock,
  OPERATORS_MAX,
  type Registration,
  TEXT_BYTES_MAX,
  VALIDATORS_MAX,
  VERSIONS,
  type Version,
  WALLET_SIGNATURE_BYTES,
  WALLET_SIGNATURES_MAX,
} from "./model.ts";

const malformed = (where: string, wanted: string): ClusterError =>
  new ClusterError("cluster/malformed", "read the cluster file", {
    facts: { where, wanted },
    hint: "Use the file as it came out of the ceremony; it is not to be edited.",
  });

/** Hexadecimal text of any length, "" for nothing. */
function hexOrNothing(fields: JsonFieldsType, name: string): Uint8Array {
  const text = fields.text(name, "");
  try {
    return fromHex(text);
  } catch {
    throw fields.failure(name, "hexadecimal text");
  }
}

/** Hexadecimal text of exactly so many bytes. */
function hexOf(fields: JsonFieldsType, name: string, length: number): Uint8Array {
  const value = hexOrNothing(fields, name);
  if (value.length !== length) throw fields.failure(name, `${length} bytes in hexadecimal`);
  return value;
}

/** Hexadecimal text of at most so many bytes; the hash has no room for more. */
function hexUpTo(fields: JsonFieldsType, name: string, max: number): Uint8Array {
  const value = hexOrNothing(fields, name);
  if (value.length > max) throw fields.failure(name, `at most ${max} bytes in hexadecimal`);
  return value;
}

/** Bytes of any length, which v1.0 and v1.1 wrote in base64. */
function bytesOrNothing(fields: JsonFieldsType, name: string, version: Version): Uint8Array {
  if (atLeast(version, "v1.2.0")) return hexOrNothing(fields, name);
  const text = fields.text(name, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw fields.failure(name, "base64");
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Bytes of exactly this length. */
function bytesOf(fields: JsonFieldsType, name: string, version: Version, length: number): Uint8Array {
  const value = bytesOrNothing(fields, name, version);
  if (value.length !== length) throw fields.failure(name, `${length} bytes`);
  return value;
}

/** One signature of a wallet; from v1.11 up to 32, one after the other. */
function walletSignature(fields: JsonFieldsType, name: string, version: Version): Uint8Array {
  if (!atLeast(version, "v1.2.0")) return bytesOrNothing(fields, name, version);
  if (!atLeast(version, "v1.11.0")) return hexUpTo(fields, name, WALLET_SIGNATURE_BYTES);
  const value = hexUpTo(fields, name, WALLET_SIGNATURES_MAX * WALLET_SIGNATURE_BYTES);
  if (value.length % WALLET_SIGNATURE_BYTES !== 0)
    throw fields.failure(name, `signatures of ${WALLET_SIGNATURE_BYTES} bytes`);
  return value;
}

/** Text of at most so many bytes; the hash has no room for more. */
function textUpTo(fields: JsonFieldsType, name: string, max: number, otherwise?: string): string {
  const text = fields.text(name, otherwise);
  if (Buffer.byteLength(text) > max) throw fields.failure(name, `at most ${max} bytes of text`);
  return text;
}

function quotedBig(fields: JsonFieldsType, name: string): bigint {
  const text = fields.text(name);
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 1n << 64n)
    throw fields.failure(name, "an amount in Gwei, in quotes");
  return BigInt(text);
}

function addressOrNothing(fields: JsonFieldsType, name: string): string {
  const text = fields.text(name, "");
  if (text !== "" && !/^0x[0-9a-fA-F]{40}$/.test(text)) throw fields.failure(name, "an Ethereum address");
  return text;
}

/** @throws ClusterError `cluster/malformed` with the path of the field, `cluster/unsupported-version` */
export function parseDefinition(text: string): Definition {
  const root = JsonFields.parse(text, "cluster-definition", malformed);
  if (root.raw("cluster_definition") !== undefined)
    throw new ClusterError("cluster/malformed", "read the cluster definition", {
      facts: { found: "a cluster lock", wanted: "a cluster definition" },
      hint: "A lock is what comes out of a ceremony; name the cluster-definition.json that goes into it.",
    });
  return readDefinition(root);
}

/** @throws ClusterError `cluster/malformed` with the path of the field, `cluster/unsupported-version` */
export function parseLock(text: string): Lock {
  const root = JsonFields.parse(text, "cluster-lock", malformed);
  const definition = readDefinition(root.object("cluster_definition"));
  const { version } = definition;
  return {
    definition,
    validators: root.list("distributed_validators", VALIDATORS_MAX, (item) => readValidator(item, version)),
    signatureAggregate: bytesOrNothing(root, "signature_aggregate", version),
    lockHash: bytesOf(root, "lock_hash", version, 32),
    nodeSignatures: (atLeast(version, "v1.7.0") ? root.items("node_signatures", OPERATORS_MAX) : []).map(
      (item, i) =>
        hexOrNothing(
          new JsonFields({ signature: item }, `cluster-lock.node_signatures[${i}]`, malformed),
          "signature",
        ),
    ),
  };
}

function readVersion(root: JsonFieldsType): Version {
  const version = root.text("version");
  const known = VERSIONS.find((one) => one === version);
  if (known === undefined) {
    throw new ClusterError("cluster/unsupported-version", "read the cluster file", {
      facts: { version: version.slice(0, 16), supported: VERSIONS },
      hint: "Make the lock again with a current version, or run this cluster with the program that made it.",
    });
  }
  return known;
}

function readDefinition(root: JsonFieldsType): Definition {
  const version = readVersion(root);
  const creator = atLeast(version, "v1.4.0") ? root.object("creator") : undefined;
  const numValidators = root.number("num_validators");
  const validators = readSettings(root, version, numValidators);
  if (validators.length !== numValidators)
    throw root.failure("validators", `as many as num_validators (${numValidators})`);
  const operators = root.list("operators", OPERATORS_MAX, (item) => ({
    address: addressOrNothing(item, "address"),
    enr: textUpTo(item, "enr", TEXT_BYTES_MAX.enr, ""),
    configSignature: walletSignature(item, "config_signature", version),
    enrSignature: walletSignature(item, "enr_signature", version),
  }));
  return {
    name: textUpTo(root, "name", TEXT_BYTES_MAX.name, ""),
    uuid: textUpTo(root, "uuid", TEXT_BYTES_MAX.uuid),
    version,
    timestamp: textUpTo(root, "timestamp", TEXT_BYTES_MAX.timestamp, ""),
    numValidators,
    threshold: root.number("threshold"),
    dkgAlgorithm: textUpTo(root, "dkg_algorithm", TEXT_BYTES_MAX.dkgAlgorithm),
    forkVersion: hexOf(root, "fork_version", 4),
    creator: {
      address: creator === undefined ? "" : addressOrNothing(creator, "address"),
      configSignature:
        creator === undefined ? new Uint8Array(0) : walletSignature(creator, "config_signature", version),
    },
    operators,
    validators,
    depositAmounts: readAmounts(root),
    consensusProtocol: textUpTo(root, "consensus_protocol", TEXT_BYTES_MAX.consensusProtocol, ""),
    targetGasLimit: root.number("target_gas_limit", 0),
    compounding: root.flag("compounding"),
    configHash: hashUpTo32(root, "config_hash", version),
    definitionHash: hashUpTo32(root, "definition_hash", version),
  };
}

/** Addresses of each validator; before v1.5 one pair for all. */
function readSettings(
  root: JsonFieldsType,
  version: Version,
  numValidators: number,
): Definition["validators"] {
  const settings = (item: JsonFieldsType) => ({
    feeRecipient: addressOrNothing(item, "fee_recipient_address"),
    withdrawal: addressOrNothing(item, "withdrawal_address"),
  });
  if (atLeast(version, "v1.5.0")) return root.list("validators", VALIDATORS_MAX, settings);
  if (numValidators > VALIDATORS_MAX) throw root.failure("num_validators", `at most ${VALIDATORS_MAX}`);
  const same = settings(root);
  return Array.from({ length: numValidators }, () => same);
}

function hashUpTo32(root: JsonFieldsType, name: string, version: Version): Uint8Array {
  const value = bytesOrNothing(root, name, version);
  if (value.length > 32) throw root.failure(name, "at most 32 bytes");
  return value;
}

function readAmounts(root: JsonFieldsType): readonly number[] | undefined {
  if (root.raw("deposit_amounts") === null || root.raw("deposit_amounts") === undefined) return undefined;
  return root.items("deposit_amounts", DEPOSIT_AMOUNTS_MAX).map((item) => {
    const amount = typeof item === "string" && /^\d{1,16}$/.test(item) ? Number(item) : Number.NaN;
    if (!Number.isSafeInteger(amount)) throw root.failure("deposit_amounts", "amounts in Gwei, in quotes");
    return amount;
  });
}

function readValidator(item: JsonFieldsType, version: Version): DistributedValidator {
  const shares = item.items("public_shares", OPERATORS_MAX);
  return {
    publicKey: hexOf(item, "distributed_public_key", 48),
    publicShares: shares.map((share) =>
      bytesOf(new JsonFields({ share }, item.path("public_shares"), malformed), "share", version, 48),
    ),
    deposits: readDeposits(item, version),
    registration: atLeast(version, "v1.7.0")
      ? readRegistration(item.object("builder_registration"))
      : undefined,
  };
}

function readDeposits(item: JsonFieldsType, version: Version): readonly DepositData[] {
  if (!atLeast(version, "v1.6.0")) return [];
  if (!atLeast(version, "v1.8.0")) return [readDeposit(item.object("deposit_data"))];
  return item.list("partial_deposit_data", DEPOSIT_AMOUNTS_MAX, readDeposit);
}

function readDeposit(deposit: JsonFieldsType): DepositData {
  return {
    pubkey: hexOf(deposit, "pubkey", 48),
    withdrawalCredentials: hexOf(deposit, "withdrawal_credentials", 32),
    amount: quotedBig(deposit, "amount"),
    signature: hexOf(deposit, "signature", 96),
  };
}

function readRegistration(registration: JsonFieldsType): Registration {
  const message = registration.object("message");
  return {
    feeRecipient: hexOf(message, "fee_recipient", 20),
    gasLimit: message.number("gas_limit"),
    timestamp: message.number("timestamp"),
    pubkey: hexOf(message, "pubkey", 48),
    signature: hexOf(registration, "signature", 96),
  };
}
