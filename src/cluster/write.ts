import { toHex } from "../base/index.ts";
import { configHash, definitionHash, lockHash } from "./hash.ts";
import { atLeast, type Definition, type DistributedValidator, type Lock } from "./model.ts";

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

const hex = (bytes: Uint8Array): string => (bytes.length === 0 ? "" : toHex(bytes));

function definitionJson(definition: Definition): Record<string, unknown> {
  const config = configHash(definition);
  return {
    ...(definition.name === "" ? {} : { name: definition.name }),
    creator: {
      address: definition.creator.address,
      config_signature: hex(definition.creator.configSignature),
    },
    operators: definition.operators.map(({ address, enr, configSignature, enrSignature }) => ({
      address,
      enr,
      config_signature: hex(configSignature),
      enr_signature: hex(enrSignature),
    })),
    uuid: definition.uuid,
    version: definition.version,
    ...(definition.timestamp === "" ? {} : { timestamp: definition.timestamp }),
    num_validators: definition.numValidators,
    threshold: definition.threshold,
    validators: definition.validators.map(({ feeRecipient, withdrawal }) => ({
      fee_recipient_address: feeRecipient,
      withdrawal_address: withdrawal,
    })),
    dkg_algorithm: definition.dkgAlgorithm,
    fork_version: toHex(definition.forkVersion),
    deposit_amounts: definition.depositAmounts?.map(String) ?? null,
    ...(atLeast(definition.version, "v1.9.0") ? { consensus_protocol: definition.consensusProtocol } : {}),
    ...(atLeast(definition.version, "v1.10.0")
      ? { target_gas_limit: definition.targetGasLimit, compounding: definition.compounding }
      : {}),
    config_hash: hex(config),
    definition_hash: hex(definitionHash({ ...definition, configHash: config })),
  };
}

/** A definition file; its hashes are computed anew, so a stale one cannot be written. */
export function writeDefinition(definition: Definition): string {
  return goJson(definitionJson(definition));
}

function validatorJson(validator: DistributedValidator): Record<string, unknown> {
  const { registration } = validator;
  return {
    distributed_public_key: hex(validator.publicKey),
    public_shares: validator.publicShares.map(hex),
    builder_registration: {
      message: {
        fee_recipient: hex(registration.feeRecipient),
        gas_limit: registration.gasLimit,
        timestamp: registration.timestamp,
        pubkey: hex(registration.pubkey),
      },
      signature: hex(registration.signature),
    },
    ...(validator.deposits.length === 0
      ? {}
      : {
          partial_deposit_data: validator.deposits.map((deposit) => ({
            pubkey: hex(deposit.pubkey),
            withdrawal_credentials: hex(deposit.withdrawalCredentials),
            amount: String(deposit.amount),
            signature: hex(deposit.signature),
          })),
        }),
  };
}

/** A lock file; its hashes are computed anew. */
export function writeLock(lock: Lock): string {
  const definition = { ...lock.definition, configHash: configHash(lock.definition) };
  return goJson({
    cluster_definition: definitionJson(definition),
    distributed_validators: lock.validators.map(validatorJson),
    signature_aggregate: hex(lock.signatureAggregate),
    lock_hash: hex(lockHash({ ...lock, definition })),
    node_signatures: lock.nodeSignatures.map(hex),
  });
}
