import { equalBytes, toHex } from "../base/index.ts";
import {
  areSharesOf,
  fastAggregateVerify,
  type Known,
  nothingKnown,
  type SignatureSet,
  verifyEach,
  verifySecp256k1,
} from "../crypto/index.ts";
import { registrationSigningRoot } from "./deposit.ts";
import { parseEnr } from "./enr.ts";
import { badSignature, ClusterError, hashDiffers } from "./errors.ts";
import { lockHash } from "./hash-lock.ts";
import { atLeast, type Lock } from "./model.ts";
import type { Network } from "./networks.ts";
import { verifyDefinitionHashes, verifyDefinitionSignatures } from "./verify.ts";
import { type ContractAnswers, noAnswers } from "./wallet-claims.ts";

/** One of the things that a lock claims. */
export interface Check {
  /** What is checked, for a list: "hashes". */
  readonly name: string;
  /** What is true when it holds, and when it does not, as sentences. */
  readonly holds: string;
  readonly fails: string;
  /** @throws ClusterError what is wrong */
  readonly run: () => void;
}

/**
 * Everything that a lock claims, each check by itself; a later one relies on those before.
 *
 * @param answers - What contracts said to `contractQuestions` of its definition.
 * @param known - What of the lock was read or verified before.
 */
export function lockChecks(
  lock: Lock,
  custom?: Network,
  answers: ContractAnswers = noAnswers,
  known: Known = nothingKnown(),
): readonly Check[] {
  return [
    {
      name: "hashes",
      holds: "the lock is what it was when it was made",
      fails: "the lock was changed after it was made",
      run: () => verifyHashes(lock),
    },
    {
      name: "content",
      holds: "every validator has one share per operator",
      fails: "the lock contradicts itself",
      run: () => verifyShape(lock),
    },
    {
      name: "wallets",
      holds: lock.definition.operators.some(({ address }) => address !== "")
        ? "creator and operators signed the definition with their wallets"
        : "nobody was to sign the definition with a wallet",
      fails: "the wallets' signatures of the definition are not right",
      run: () => verifyDefinitionSignatures(lock.definition, custom, answers),
    },
    {
      name: "shares",
      holds: `any ${lock.definition.threshold} shares make a validator's key`,
      fails: "shares do not make their validator's key",
      run: () => verifyShares(lock, known),
    },
    {
      name: "operators' consent",
      holds: "every key share signed this lock",
      fails: "not every key share signed this lock",
      run: () => verifyAggregate(lock, known),
    },
    ...(atLeast(lock.definition.version, "v1.7.0") ? checksSinceV7(lock, known) : []),
  ];
}

/** Locks before v1.7 have neither. */
function checksSinceV7(lock: Lock, known: Known): readonly Check[] {
  return [
    {
      name: "registrations",
      holds: "builder registrations are signed by their validators",
      fails: "a builder registration is not its validator's",
      run: () => verifyRegistrations(lock, known),
    },
    {
      name: "node signatures",
      holds: "every node key signed this lock",
      fails: "not every node key signed this lock",
      run: () => verifyNodeSignatures(lock),
    },
  ];
}

/**
 * Checks everything a lock claims.
 *
 * @throws ClusterError `cluster/hash-differs`, `cluster/bad-signature`, `cluster/malformed`
 */
export function verifyLock(lock: Lock, custom?: Network, answers?: ContractAnswers, known?: Known): void {
  for (const { run } of lockChecks(lock, custom, answers, known)) run();
}

function verifyHashes(lock: Lock): void {
  verifyDefinitionHashes(lock.definition);
  const hash = lockHash(lock);
  if (!equalBytes(hash, lock.lockHash)) throw hashDiffers("lock_hash", lock.lockHash, hash);
}

const malformed = (where: string, wanted: string): ClusterError =>
  new ClusterError("cluster/malformed", "verify the cluster file", {
    facts: { where, wanted },
    hint: "Get the original file from another operator.",
  });

function verifyShape({ definition, validators }: Lock): void {
  const { threshold, operators } = definition;
  if (operators.length === 0 || threshold < 1 || threshold > operators.length)
    throw malformed("threshold", "between 1 and the number of operators");
  const nodes = new Set(operators.map(({ enr }) => toHex(parseEnr(enr).publicKey)));
  if (nodes.size !== operators.length) throw malformed("operators", "each node key once");
  if (validators.length !== definition.numValidators)
    throw malformed("distributed_validators", `${definition.numValidators} validators`);
  const keys = new Set(validators.map((validator) => toHex(validator.publicKey)));
  if (keys.size !== validators.length) throw malformed("distributed_validators", "each public key once");
  for (const [i, { publicKey, publicShares, registration }] of validators.entries()) {
    const where = `distributed_validators[${i}]`;
    if (publicShares.length !== operators.length)
      throw malformed(`${where}.public_shares`, "one share per operator");
    if (registration !== undefined && !equalBytes(registration.pubkey, publicKey))
      throw malformed(`${where}.builder_registration`, "the validator's own key");
  }
  const shares = validators.flatMap(({ publicShares }) => publicShares.map(toHex));
  if (new Set(shares).size !== shares.length) throw malformed("public_shares", "each share once");
}

/** That the shares are those of the validator's key, so that the cluster can sign for it at all. */
function verifyShares({ definition, validators }: Lock, { keys }: Known): void {
  for (const [i, { publicKey, publicShares }] of validators.entries())
    if (!areSharesOf(publicKey, publicShares, definition.threshold, keys))
      throw malformed(
        `distributed_validators[${i}].public_shares`,
        `shares of which any ${definition.threshold} make ${toHex(publicKey)}`,
      );
}

function verifyAggregate(
  { definition, validators, lockHash: hash, signatureAggregate }: Lock,
  { keys }: Known,
): void {
  // The first locks were made without.
  if (signatureAggregate.length === 0 && !atLeast(definition.version, "v1.2.0")) return;
  const shares = validators.flatMap(({ publicShares }) => publicShares);
  if (!fastAggregateVerify(hash, shares, signatureAggregate, keys))
    throw badSignature("all key shares together", "lock_hash (signature_aggregate)");
}

/** What was registered must be what the definition says. */
function verifyRegistrations({ definition, validators }: Lock, { keys, signatures }: Known): void {
  const sets: SignatureSet[] = [];
  for (const [i, { publicKey, registration }] of validators.entries()) {
    if (registration === undefined) return;
    const where = `distributed_validators[${i}].builder_registration`;
    const feeRecipient = definition.validators[i]?.feeRecipient ?? "";
    if (toHex(registration.feeRecipient) !== feeRecipient.toLowerCase())
      throw malformed(where, `the definition's fee recipient ${feeRecipient}`);
    const root = registrationSigningRoot(registration, definition.forkVersion);
    sets.push({ publicKey, root, signature: registration.signature });
  }
  const open = sets.filter((set) => !signatures.has(set));
  const wrong = open[verifyEach(open, keys).indexOf(false)];
  if (wrong === undefined) return;
  const validator = `validator ${sets.indexOf(wrong)} (${toHex(wrong.publicKey)})`;
  throw badSignature(validator, "its builder registration");
}

function verifyNodeSignatures({ definition, lockHash: hash, nodeSignatures }: Lock): void {
  if (nodeSignatures.length > definition.operators.length)
    throw malformed("node_signatures", "one per operator");
  for (const [i, { enr }] of definition.operators.entries())
    if (!verifySecp256k1(hash, parseEnr(enr).publicKey, nodeSignatures[i] ?? new Uint8Array(0)))
      throw badSignature(`operator ${i}`, "lock_hash (node_signatures)");
}
