import { toHex } from "../base/index.ts";
import {
  type Definition,
  type DistributedValidator,
  depositsToSign,
  type GroupSignatures,
  registrationsToSign,
} from "../cluster/index.ts";
import { aggregateSignatures, fastAggregateVerify, type Known } from "../crypto/index.ts";
import type { BlsWork } from "../ports/index.ts";
import { type GroupKey, operatorOf, type ShareIndex } from "../spec/index.ts";
import { failed, lied } from "./errors.ts";
import { inPieces, inTurns } from "./in-turns.ts";
import type { MadeKey } from "./make-keys.ts";
import { type PartialExchange, type Partials, purposes } from "./partials.ts";

/** Partial signatures that are combined and verified as one batch: 20 ms, and a larger batch is hardly cheaper. */
const PIECE_PARTIALS = 128;

/** What the signing parts of a ceremony need. */
export interface Signing {
  readonly definition: Definition;
  readonly keys: readonly MadeKey[];
  readonly exchange: PartialExchange;
  readonly bls: BlsWork;
  readonly known: Known;
  readonly signal: AbortSignal;
}

/** Signatures of the deposits, by amount, ascending, and then by validator. */
export async function signDeposits(signing: Signing): Promise<GroupSignatures["deposits"]> {
  const signatures: (readonly Uint8Array[])[] = [];
  // One amount after the other, as Charon does.
  for (const [place, { roots }] of depositsToSign(signing.definition, groupKeys(signing.keys)).entries())
    signatures.push(await signAsGroup(signing, purposes.deposit(place), roots));
  return signatures;
}

/** Signatures of the builder registrations, by validator. @param timestamp - Unix seconds, equal for all operators. */
export async function signRegistrations(
  signing: Signing,
  timestamp: number,
): Promise<GroupSignatures["registrations"]> {
  const { roots } = registrationsToSign(signing.definition, groupKeys(signing.keys), timestamp);
  return await signAsGroup(signing, purposes.registration, roots);
}

/**
 * The sum of all shares' signatures over the lock hash: every operator shows that it has its share of every validator, and
 * that its lock is the same as ours.
 */
export async function signLockHash(
  signing: Signing,
  lockHash: Uint8Array,
  validators: readonly DistributedValidator[],
): Promise<Uint8Array> {
  const { keys, bls, known, signal } = signing;
  const own = await inTurns(keys, signal, ({ share }) => share.sign(lockHash));
  const byOperator = await signing.exchange.exchange(purposes.lockHash, groupKeys(keys), own, signal);
  const sum = aggregateSignatures(byOperator.flat(), { inGroup: false });
  const publicShares = validators.flatMap((validator) => validator.publicShares);
  if (sum !== undefined && fastAggregateVerify(lockHash, publicShares, sum, known.keys)) return sum;
  for (const [operator, partials] of byOperator.entries()) {
    const verdicts = await bls.verify(
      partials.map((signature, i) => ({
        publicKey: validators[i]?.publicShares[operator] as Uint8Array,
        root: lockHash,
        signature,
      })),
    );
    if (verdicts.includes(false))
      throw lied(
        operator,
        "has signed another cluster lock than ours, or not with the shares that it announced",
      );
  }
  throw failed("the signatures over the lock hash do not add up, though each is right: this is a bug");
}

/** Signs one root per validator with our shares, exchanges, and combines to the validators' own signatures, verified. */
async function signAsGroup(
  signing: Signing,
  purpose: number,
  roots: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const { definition, keys, bls, known, signal } = signing;
  const own = await inTurns(keys, signal, ({ share }, i) => share.sign(roots[i] as Uint8Array));
  const byOperator: readonly Partials[] = await signing.exchange.exchange(
    purpose,
    groupKeys(keys),
    own,
    signal,
  );
  const jobs = keys.map(({ groupKey, publicShares }, i) => ({
    groupKey: toHex(groupKey) as GroupKey,
    root: roots[i] as Uint8Array,
    threshold: definition.threshold,
    publicShares,
    partials: byOperator.map((partials, operator) => ({
      share: (operator + 1) as ShareIndex,
      signature: partials[i] as Uint8Array,
    })),
  }));
  const results = await inPieces(jobs, PIECE_PARTIALS / byOperator.length, signal, (piece) =>
    bls.combine(piece),
  );
  return results.map(({ signature, guilty }, i) => {
    const { groupKey } = keys[i] as MadeKey;
    const root = roots[i] as Uint8Array;
    const [liar] = guilty;
    if (liar !== undefined)
      throw lied(operatorOf(liar), `has sent a wrong partial signature for validator ${i}`);
    if (signature === undefined)
      throw failed("no group signature could be made though no partial is wrong: this is a bug");
    known.signatures.add({ publicKey: groupKey, root, signature });
    return signature;
  });
}

const groupKeys = (keys: readonly MadeKey[]): readonly Uint8Array[] => keys.map(({ groupKey }) => groupKey);
