import { fromHex, JsonFields, type JsonFields as JsonFieldsType } from "../base/index.ts";
import { ClusterError } from "./errors.ts";
import {
  atLeast,
  DEPOSIT_AMOUNTS_MAX,
  type Definition,
  type DistributedValidator,
  type Lock,
  OPERATORS_MAX,
  TEXT_BYTES_MAX,
  VALIDATORS_MAX,
  VERSIONS,
  type Version,
  WALLET_SIGNATURES_MAX,
} from "./model.ts";

const SIGNATURE_BYTES = 65;

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

/** One signature of a wallet; from v1.11 up to 32, one after the other. */
function walletSignature(fields: JsonFieldsType, name: string, version: Version): Uint8Array {
  if (!atLeast(version, "v1.11.0")) return hexUpTo(fields, name, SIGNATURE_BYTES);
  const value = hexUpTo(fields, name, WALLET_SIGNATURES_MAX * SIGNATURE_BYTES);
  if (value.length % SIGNATURE_BYTES !== 0)
    throw fields.failure(name, `signatures of ${SIGNATURE_BYTES} bytes`);
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
  return readDefinition(JsonFields.parse(text, "cluster-definition", malformed));
}

/** @throws ClusterError `cluster/malformed` with the path of the field, `cluster/unsupported-version` */
export function parseLock(text: string): Lock {
  const root = JsonFields.parse(text, "cluster-lock", malformed);
  const definition = readDefinition(root.object("cluster_definition"));
  return {
    definition,
    validators: root.list("distributed_validators", VALIDATORS_MAX, readValidator),
    signatureAggregate: hexOrNothing(root, "signature_aggregate"),
    lockHash: hexOf(root, "lock_hash", 32),
    nodeSignatures: root
      .items("node_signatures", OPERATORS_MAX)
      .map((item, i) =>
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
  const creator = root.object("creator");
  const numValidators = root.number("num_validators");
  const validators = root.list("validators", VALIDATORS_MAX, (item) => ({
    feeRecipient: addressOrNothing(item, "fee_recipient_address"),
    withdrawal: addressOrNothing(item, "withdrawal_address"),
  }));
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
      address: addressOrNothing(creator, "address"),
      configSignature: walletSignature(creator, "config_signature", version),
    },
    operators,
    validators,
    depositAmounts: readAmounts(root),
    consensusProtocol: textUpTo(root, "consensus_protocol", TEXT_BYTES_MAX.consensusProtocol, ""),
    targetGasLimit: root.number("target_gas_limit", 0),
    compounding: root.flag("compounding"),
    configHash: hexUpTo(root, "config_hash", 32),
    definitionHash: hexUpTo(root, "definition_hash", 32),
  };
}

function readAmounts(root: JsonFieldsType): readonly number[] | undefined {
  if (root.raw("deposit_amounts") === null || root.raw("deposit_amounts") === undefined) return undefined;
  return root.items("deposit_amounts", DEPOSIT_AMOUNTS_MAX).map((item) => {
    const amount = typeof item === "string" && /^\d{1,16}$/.test(item) ? Number(item) : Number.NaN;
    if (!Number.isSafeInteger(amount)) throw root.failure("deposit_amounts", "amounts in Gwei, in quotes");
    return amount;
  });
}

function readValidator(item: JsonFieldsType): DistributedValidator {
  const registration = item.object("builder_registration");
  const message = registration.object("message");
  return {
    publicKey: hexOf(item, "distributed_public_key", 48),
    publicShares: item
      .items("public_shares", OPERATORS_MAX)
      .map((share) => hexOf(new JsonFields({ share }, item.path("public_shares"), malformed), "share", 48)),
    deposits: item.list("partial_deposit_data", DEPOSIT_AMOUNTS_MAX, (deposit) => ({
      pubkey: hexOf(deposit, "pubkey", 48),
      withdrawalCredentials: hexOf(deposit, "withdrawal_credentials", 32),
      amount: quotedBig(deposit, "amount"),
      signature: hexOf(deposit, "signature", 96),
    })),
    registration: {
      feeRecipient: hexOf(message, "fee_recipient", 20),
      gasLimit: message.number("gas_limit"),
      timestamp: message.number("timestamp"),
      pubkey: hexOf(message, "pubkey", 48),
      signature: hexOf(registration, "signature", 96),
    },
  };
}
