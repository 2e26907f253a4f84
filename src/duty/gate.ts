import type { Clock } from "../ports/index.ts";
import { type ChainSpec, type DutyId, dutyDeadline, epochOf, slotAt } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * Whether a duty that a peer speaks of can exist now: its slot is not more than two epochs ahead, as in Charon
 * (core/gater.go), and its deadline has not passed.
 */
export function dutyGate(chain: ChainSpec, clock: Clock): (duty: DutyId) => boolean {
  return (duty) => {
    if (!Number.isSafeInteger(duty.slot) || duty.slot < 0) return false;
    const now = clock.now();
    const epoch = epochOf(chain, Math.max(0, slotAt(chain, now)));
    if (epochOf(chain, duty.slot) > epoch + LIMITS.futureEpochsMax) return false;
    const deadline = dutyDeadline(chain, duty);
    return deadline === undefined || now < deadline;
  };
}
