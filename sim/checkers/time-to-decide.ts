import { leaderOf, nextRound, roundEnd } from "../../src/consensus/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyDeadline,
  dutyDue,
  slotStart,
  type UnixMs,
} from "../../src/spec/index.ts";

/** So long a round needs in good weather, from its start until everybody has signed. */
const ROUND_NEEDS_MS = 400;

/**
 * Whether a duty is promised though liars lead some of its rounds: whatever each of them does, an honest leader has its
 * turn before the duty is over. A leader that says nothing holds its round until that ends; one that tells its proposal to
 * some only holds these for twice as long (the timers are Charon's, `consensus/round-timer.ts`). With slots of six seconds
 * that is three seconds of a block's two and a half, so no block is promised in a slot that a liar leads first; with slots of
 * twelve seconds it is three of five.
 */
export function hasTimeToDecide(
  chain: ChainSpec,
  duty: DutyId,
  { operatorCount, liars }: { readonly operatorCount: number; readonly liars: ReadonlySet<number> },
): boolean {
  const deadline = dutyDeadline(chain, duty) ?? Number.MAX_SAFE_INTEGER;
  const inTime = (round: number, from: UnixMs): boolean => {
    if (from + ROUND_NEEDS_MS > deadline) return false;
    if (!liars.has(leaderOf(duty, round, operatorCount))) return true;
    const { first, extended } = roundEnd(chain, duty, round);
    return [first, extended].every((now) =>
      inTime(nextRound(chain, duty, { after: round, operatorCount, now }), now),
    );
  };
  return inTime(1, Math.max(slotStart(chain, duty.slot), dutyDue(chain, duty)));
}
