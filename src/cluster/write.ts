import { toHex } from "../base/index.ts";
import { configHash, definitionHash } from "./hash.ts";
import { lockHash } from "./hash-lock.ts";
import {
  atLeast,
  type Definition,
  type DepositData,
  type DistributedValidator,
  type Lock,
  type Registration,
  type Version,
} from "./model.ts";

/**
 * JSON as Go's encoder writes it: one space of indentation, the characters <, >, & and the line separators escaped. The
 * same bytes as Charon's files.
 */
export function goJson(value: unknown): string {
  return JSON.stringify(value, null, 1).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`,
  );
}

/** Bytes as a version writes them: v1.0 and v1.1 in base64. */
function bytesText(bytes: Uint8Array, version: Version): string {
  if (!atLeast(version, "v1.2.0")) return Buffer.from(bytes).toString("base64");
  return bytes.length === 0 ? "" : toHex(bytes);
}

function definitionJson(definition: Definition): Record<string, unknown> {
  const { version, creator } = definition;
  const config = configHash(definition);
  const text = (bytes: Uint8Array): string => bytesText(bytes, version);
  return {
    ...(definition.name === "" ? {} : { name: definition.name }),
    ...(atLeast(version, "v1.4.0")
      ? { creator: { address: creator.address, config_signature: text(creator.configSignature) } }
      : {}),
    operators: definition.operators.map(({ address, enr, configSignature, enrSignature }) => ({
      address,
      enr,
      ...(atLeast(version, "v1.2.0") ? {} : { nonce: 0 }),
      config_signature: text(configSignature),
      enr_signature: text(enrSignature),
    })),
    uuid: definition.uuid,
    version,
    ...(definition.timestamp === "" ? {} : { timestamp: definition.timestamp }),
    num_validators: definition.numValidators,
    threshold: definition.threshold,
    ...settingsJson(definition),
    dkg_algorithm: definition.dkgAlgorithm,
    fork_version: toHex(definition.forkVersion),
    ...(atLeast(version, "v1.8.0")
      ? { deposit_amounts: definition.depositAmounts?.map(String) ?? null }
      : {}),
    ...(atLeast(version, "v1.9.0") ? { consensus_protocol: definition.consensusProtocol } : {}),
    ...(atLeast(version, "v1.10.0")
      ? { target_gas_limit: definition.targetGasLimit, compounding: definition.compounding }
      : {}),
    config_hash: text(config),
    definition_hash: text(definitionHash({ ...definition, configHash: config })),
  };
}

/** Addresses of each validator; before v1.5 one pair for all, left out when empty. */
function settingsJson({ version, validators }: Definition): Record<string, unknown> {
  const settings = validators.map(({ feeRecipient, withdrawal }) => ({
    fee_recipient_address: feeRecipient,
    withdrawal_address: withdrawal,
  }));
  if (atLeast(version, "v1.5.0")) return { validators: settings };
  return Object.fromEntries(Object.entries(settings[0] ?? {}).filter(([, address]) => address !== ""));
}

/** A definition file; its hashes are computed anew, so a stale one cannot be written. */
export function writeDefinition(definition: Definition): string {
  return goJson(definitionJson(definition));
}

function validatorJson(validator: DistributedValidator, version: Version): Record<string, unknown> {
  const { publicKey, publicShares, deposits, registration } = validator;
  const of8 = atLeast(version, "v1.8.0");
  return {
    distributed_public_key: toHex(publicKey),
    public_shares: publicShares.map((share) => bytesText(share, version)),
    ...(!of8 && deposits[0] !== undefined ? { deposit_data: depositJson(deposits[0]) } : {}),
    ...(registration === undefined ? {} : { builder_registration: registrationJson(registration) }),
    ...(of8 && deposits.length > 0 ? { partial_deposit_data: deposits.map(depositJson) } : {}),
  };
}

function depositJson(deposit: DepositData): Record<string, unknown> {
  return {
    pubkey: toHex(deposit.pubkey),
    withdrawal_credentials: toHex(deposit.withdrawalCredentials),
    amount: String(deposit.amount),
    signature: toHex(deposit.signature),
  };
}

function registrationJson(registration: Registration): Record<string, unknown> {
  return {
    message: {
      fee_recipient: toHex(registration.feeRecipient),
      gas_limit: registration.gasLimit,
      timestamp: registration.timestamp,
      pubkey: toHex(registration.pubkey),
    },
    signature: toHex(registration.signature),
  };
}

/** A lock file; its hashes are computed anew. */
export function writeLock(lock: Lock): string {
  const definition = { ...lock.definition, configHash: configHash(lock.definition) };
  const { version } = definition;
  return goJson({
    cluster_definition: definitionJson(definition),
    distributed_validators: lock.validators.map((validator) => validatorJson(validator, version)),
    signature_aggregate: bytesText(lock.signatureAggregate, version),
    lock_hash: bytesText(lockHash({ ...lock, definition }), version),
    ...(atLeast(version, "v1.7.0")
      ? { node_signatures: lock.nodeSignatures.map((signature) => bytesText(signature, version)) }
      : {}),
  });
}
