import { equalBytes, toHex } from "../base/index.ts";
import { fastAggregateVerify, verify, verifySecp256k1 } from "../crypto/index.ts";
import { registrationSigningRoot } from "./deposit.ts";
import { signedBy } from "./eip712.ts";
import { parseEnr } from "./enr.ts";
import { ClusterError } from "./errors.ts";
import { configHash, definitionHash } from "./hash.ts";
import { lockHash } from "./hash-lock.ts";
import { atLeast, type Definition, type Lock } from "./model.ts";
import { chainIdOf, type Network } from "./networks.ts";

function hashDiffers(which: string, found: Uint8Array, right: Uint8Array): ClusterError {
  return new ClusterError("cluster/hash-differs", "verify the cluster file", {
    facts: { which, found: toHex(found), right: toHex(right) },
    hint: "The file was changed after it was made. Get the original from another operator; --no-verify goes on at your own risk.",
  });
}

function badSignature(whose: string, over: string): ClusterError {
  return new ClusterError("cluster/bad-signature", "verify the cluster file", {
    facts: { whose, over },
    hint: "Get the original file from another operator; --no-verify goes on at your own risk.",
  });
}

/** Checks the hashes of a definition. @throws ClusterError `cluster/hash-differs` */
export function verifyDefinitionHashes(definition: Definition): void {
  const config = configHash(definition);
  if (!equalBytes(config, definition.configHash))
    throw hashDiffers("config_hash", definition.configHash, config);
  const all = definitionHash(definition);
  if (!equalBytes(all, definition.definitionHash))
    throw hashDiffers("definition_hash", definition.definitionHash, all);
}

/** Checks the wallets' signatures of operators and creator. @throws ClusterError `cluster/bad-signature` */
export function verifyDefinitionSignatures(definition: Definition, custom?: Network): void {
  const { configHash: hash, version } = definition;
  if (!atLeast(version, "v1.3.0")) return refuseOldSignatures(definition);
  const unsigned = definition.operators.filter(
    (operator) =>
      operator.address === "" && operator.configSignature.length === 0 && operator.enrSignature.length === 0,
  );
  // A cluster of one person, made by `create cluster`, has no wallets at all.
  const nobodySigned = unsigned.length === definition.operators.length;
  if (!nobodySigned && unsigned.length > 0)
    throw badSignature("some operators", "nothing: they have not signed while others have");
  if (nobodySigned && definition.creator.address === "" && definition.creator.configSignature.length === 0)
    return;
  const chainId = chainIdOf(definition.forkVersion, custom);
  if (chainId === undefined) {
    throw new ClusterError("cluster/malformed", "verify the cluster file", {
      facts: { where: "fork_version", found: toHex(definition.forkVersion) },
      hint: "The network is not known; give --testnet-name, --testnet-chain-id, --testnet-fork-version and --testnet-genesis-timestamp.",
    });
  }
  const { creator } = definition;
  const withCreator = atLeast(version, "v1.4.0");
  if (
    withCreator &&
    !signedBy(
      creator.address,
      { type: "CreatorConfigHash", configHash: hash },
      chainId,
      creator.configSignature,
    )
  )
    throw badSignature(`creator ${creator.address}`, "config_hash");
  if (nobodySigned) return;
  for (const [i, operator] of definition.operators.entries()) {
    const whose = `operator ${i} (${operator.address})`;
    if (
      !signedBy(
        operator.address,
        { type: withCreator ? "OperatorConfigHash" : "ConfigHash", configHash: hash },
        chainId,
        operator.configSignature,
      )
    )
      throw badSignature(whose, "config_hash");
    if (!signedBy(operator.address, { type: "ENR", enr: operator.enr }, chainId, operator.enrSignature))
      throw badSignature(whose, "its ENR");
  }
}

/** Before v1.3 wallets signed otherwise, and neither program can check that. @throws ClusterError `cluster/bad-signature` */
function refuseOldSignatures({ operators, version }: Definition): void {
  for (const [i, { configSignature, enrSignature }] of operators.entries())
    if (configSignature.length > 0 || enrSignature.length > 0)
      throw badSignature(`operator ${i}`, `something that nobody can check in a file of ${version}`);
}

/**
 * Checks everything a lock claims: hashes, wallets' signatures, the shares' aggregate signature, builder registrations and
 * node signatures.
 *
 * @throws ClusterError `cluster/hash-differs`, `cluster/bad-signature`, `cluster/malformed`
 */
export function verifyLock(lock: Lock, custom?: Network): void {
  const { definition } = lock;
  verifyDefinitionHashes(definition);
  const hash = lockHash(lock);
  if (!equalBytes(hash, lock.lockHash)) throw hashDiffers("lock_hash", lock.lockHash, hash);
  verifyShape(lock);
  verifyDefinitionSignatures(definition, custom);
  const shares = lock.validators.flatMap((validator) => validator.publicShares);
  if (!fastAggregateVerify(lock.lockHash, shares, lock.signatureAggregate))
    throw badSignature("all key shares together", "lock_hash (signature_aggregate)");
  for (const [i, validator] of lock.validators.entries()) {
    const { publicKey, registration } = validator;
    if (registration === undefined) continue; // Before v1.7.
    const root = registrationSigningRoot(registration, definition.forkVersion);
    if (!verify({ publicKey, root, signature: registration.signature }))
      throw badSignature(`validator ${i} (${toHex(validator.publicKey)})`, "its builder registration");
  }
  if (!atLeast(definition.version, "v1.7.0")) return;
  for (const [i, operator] of definition.operators.entries()) {
    const signature = lock.nodeSignatures[i] ?? new Uint8Array(0);
    if (!verifySecp256k1(lock.lockHash, parseEnr(operator.enr).publicKey, signature))
      throw badSignature(`operator ${i}`, "lock_hash (node_signatures)");
  }
}

function verifyShape(lock: Lock): void {
  const { definition, validators } = lock;
  const fail = (where: string, wanted: string): never => {
    throw new ClusterError("cluster/malformed", "verify the cluster file", {
      facts: { where, wanted },
      hint: "Get the original file from another operator.",
    });
  };
  const { threshold, operators } = definition;
  if (operators.length === 0 || threshold < 1 || threshold > operators.length)
    fail("threshold", "between 1 and the number of operators");
  const nodes = new Set(operators.map(({ enr }) => toHex(parseEnr(enr).publicKey)));
  if (nodes.size !== operators.length) fail("operators", "each node key once");
  if (validators.length !== definition.numValidators)
    fail("distributed_validators", `${definition.numValidators} validators`);
  const keys = new Set(validators.map((validator) => toHex(validator.publicKey)));
  if (keys.size !== validators.length) fail("distributed_validators", "each public key once");
  for (const [i, validator] of validators.entries()) {
    if (validator.publicShares.length !== definition.operators.length)
      fail(`distributed_validators[${i}].public_shares`, "one share per operator");
    const { registration } = validator;
    if (registration !== undefined && !equalBytes(registration.pubkey, validator.publicKey))
      fail(`distributed_validators[${i}].builder_registration`, "the validator's own key");
  }
  const shares = validators.flatMap((validator) => validator.publicShares.map(toHex));
  if (new Set(shares).size !== shares.length) fail("public_shares", "each share once");
}
