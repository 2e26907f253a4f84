import { AssertionFailed, DvError, explain } from "../base/index.ts";
import type { SlashableVote } from "../slashing/index.ts";
import { dutyName, type GroupKey, type Root } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { LIMITS } from "./limits.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** A bug on the way to the slashing memory: whether it still knows what was signed is no longer sure. */
export class GuardBroken extends DvError<"duty/guard-broken"> {}

/** One validator's part of what was decided, with the root to be signed. */
export interface ToSign<T> {
  readonly groupKey: GroupKey;
  readonly root: Root;
  readonly value: T;
  /** Which of several things that the validator signs in this duty; 0 when left out. */
  readonly part?: number;
}

/**
 * Asks the slashing memory about all validators of a slot in one call. What it admits is on disk when this settles (S1);
 * what it refuses is dropped for that validator alone.
 *
 * @throws GuardBroken - after which this node signs nothing more (docs/adr/0210).
 */
export async function guard<T>(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  decided: readonly ToSign<T>[],
  vote: (item: ToSign<T>) => SlashableVote,
  signal: AbortSignal,
): Promise<readonly ToSign<T>[]> {
  const { clock, chain, slashing, memory, log, metrics } = context;
  if (decided.length === 0) return [];
  const votes = decided.map((item) => ({ pubkey: item.groupKey, vote: vote(item) }));
  // A disk that hangs refuses nothing: it has to be told of before the deadline of a vote, which is an epoch away.
  const cancel = clock.at(clock.now() + LIMITS.diskPatience * chain.slotMs, () => {
    memory.failed();
    duty.record.blame("slashing-memory-unavailable");
    log.error("Slashing memory does not answer, nothing is signed before it does", {
      duty: dutyName(duty.id),
    });
  });
  const asked = slashing.admit(votes, signal).finally(cancel);
  const verdicts = await asked.catch((error: unknown) => {
    if (error instanceof AssertionFailed) {
      memory.doubt();
      duty.record.blame("slashing-memory-doubted");
      throw new GuardBroken("duty/guard-broken", "the slashing memory was asked what it cannot be asked", {
        cause: error,
      });
    }
    signal.throwIfAborted(); // The deadline passed while the disk was busy.
    memory.failed();
    duty.record.blame("slashing-memory-unavailable");
    log.error("Slashing memory unavailable, nothing signed", {
      duty: dutyName(duty.id),
      why: explain(error),
    });
    throw error;
  });
  memory.recorded();
  duty.record.absolve("slashing-memory-unavailable");
  const admitted = decided.filter((item, i) => {
    const verdict = verdicts[i];
    if (verdict?.admitted === true) return true;
    const reason = verdict?.reason ?? "no verdict";
    duty.record.blame("refused-by-slashing-memory", [item.groupKey]);
    metrics.refused(reason);
    log.warn("Signature refused by the slashing memory", {
      duty: dutyName(duty.id),
      validator: item.groupKey,
      reason,
    });
    return false;
  });
  duty.record.note("guarded", { admitted: admitted.length, refused: decided.length - admitted.length });
  return admitted;
}
