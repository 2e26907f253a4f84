import { fromHex, toHex } from "../base/index.ts";
import {
  checkDepositAmounts,
  type Definition,
  type DepositData,
  type DistributedValidator,
  defaultDepositAmounts,
  depositSigningRoot,
  type Registration,
  registrationSigningRoot,
  withdrawalCredentials,
} from "../cluster/index.ts";
import { aggregateSignatures, fastAggregateVerify } from "../crypto/index.ts";
import type { BlsWork } from "../ports/index.ts";
import { type GroupKey, operatorOf, type ShareIndex } from "../spec/index.ts";
import { failed, lied } from "./errors.ts";
import { inTurns } from "./in-turns.ts";
import type { MadeKey } from "./make-keys.ts";
import { type PartialExchange, type Partials, purposes } from "./partials.ts";

/** The gas limit of registrations where the definition names none. */
const defaultGasLimit = 30_000_000;

/** What the signing parts of a ceremony need. */
export interface Signing {
  readonly definition: Definition;
  readonly keys: readonly MadeKey[];
  readonly exchange: PartialExchange;
  readonly bls: BlsWork;
  readonly signal: AbortSignal;
}

/** Deposit data by validator, and within by amount, ascending. */
export async function signDeposits(signing: Signing): Promise<readonly (readonly DepositData[])[]> {
  const { definition, keys } = signing;
  const amounts =
    definition.depositAmounts === undefined || definition.depositAmounts.length === 0
      ? defaultDepositAmounts(definition.compounding)
      : checkDepositAmounts(definition.depositAmounts, definition.compounding);
  const deposits: DepositData[][] = keys.map(() => []);
  // One amount after the other, as Charon does.
  for (const [place, amount] of amounts.entries()) {
    const messages = keys.map(({ groupKey }, i) => ({
      pubkey: groupKey,
      withdrawalCredentials: withdrawalCredentials(
        definition.validators[i]?.withdrawal ?? "",
        definition.compounding,
      ),
      amount: BigInt(amount),
    }));
    const roots = messages.map((message) => depositSigningRoot(message, definition.forkVersion));
    const signatures = await signAsGroup(signing, purposes.deposit(place), roots);
    for (const [i, message] of messages.entries())
      deposits[i]?.push({ ...message, signature: signatures[i] as Uint8Array });
  }
  return deposits;
}

/** Builder registrations by validator. @param timestamp - Unix seconds: the network's genesis, equal for all. */
export async function signRegistrations(
  signing: Signing,
  timestamp: number,
): Promise<readonly Registration[]> {
  const { definition, keys } = signing;
  const messages = keys.map(({ groupKey }, i) => ({
    feeRecipient: fromHex(definition.validators[i]?.feeRecipient ?? "", 20),
    gasLimit: definition.targetGasLimit === 0 ? defaultGasLimit : definition.targetGasLimit,
    timestamp,
    pubkey: groupKey,
  }));
  const roots = messages.map((message) => registrationSigningRoot(message, definition.forkVersion));
  const signatures = await signAsGroup(signing, purposes.registration, roots);
  return messages.map((message, i) => ({ ...message, signature: signatures[i] as Uint8Array }));
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
  const { keys, bls, signal } = signing;
  const own = await inTurns(keys, signal, ({ share }) => share.sign(lockHash));
  const byOperator = await signing.exchange.exchange(purposes.lockHash, groupKeys(keys), own, signal);
  const sum = aggregateSignatures(byOperator.flat());
  const publicShares = validators.flatMap((validator) => validator.publicShares);
  if (sum !== undefined && fastAggregateVerify(lockHash, publicShares, sum)) return sum;
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
  const { definition, keys, bls, signal } = signing;
  const own = await inTurns(keys, signal, ({ share }, i) => share.sign(roots[i] as Uint8Array));
  const byOperator: readonly Partials[] = await signing.exchange.exchange(
    purpose,
    groupKeys(keys),
    own,
    signal,
  );
  const results = await bls.combine(
    keys.map(({ groupKey, publicShares }, i) => ({
      groupKey: toHex(groupKey) as GroupKey,
      root: roots[i] as Uint8Array,
      threshold: definition.threshold,
      publicShares,
      partials: byOperator.map((partials, operator) => ({
        share: (operator + 1) as ShareIndex,
        signature: partials[i] as Uint8Array,
      })),
    })),
  );
  return results.map(({ signature, guilty }, i) => {
    const [liar] = guilty;
    if (liar !== undefined)
      throw lied(operatorOf(liar), `has sent a wrong partial signature for validator ${i}`);
    if (signature === undefined)
      throw failed("no group signature could be made though no partial is wrong: this is a bug");
    return signature;
  });
}

const groupKeys = (keys: readonly MadeKey[]): readonly Uint8Array[] => keys.map(({ groupKey }) => groupKey);
