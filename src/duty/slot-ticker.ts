import type { Clock } from "../ports/index.ts";
import { type ChainSpec, type Slot, slotAt, slotStart } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * Calls `onSlot` at the start of every slot, once and in order, whatever the wall clock does. Slots that passed while
 * the clock jumped or the machine slept are reported as skipped; after a jump back nothing happens until time has come
 * round again.
 */
export function tickSlots(
  chain: ChainSpec,
  clock: Clock,
  listener: {
    readonly onSlot: (slot: Slot) => void;
    readonly onSkipped: (from: Slot, to: Slot) => void;
  },
  signal: AbortSignal,
): void {
  let next = Math.max(0, slotAt(chain, clock.now()));
  let first = true;

  function tick(): void {
    if (signal.aborted) return;
    const now = clock.now();
    let slot = slotAt(chain, now);
    const late = (now - slotStart(chain, slot)) / chain.slotMs > LIMITS.slotStartLateMax;
    if (late && slot > next && !first) slot++; // Too late to begin in this one: its successor is the next.
    if (slot > next && !first) listener.onSkipped(next, slot - 1);
    first = false;
    next = Math.max(next, slot);
    if (slotStart(chain, next) <= now) {
      listener.onSlot(next);
      next++;
    }
    arm();
  }

  let cancel = (): void => {};
  function arm(): void {
    cancel = clock.at(slotStart(chain, next), tick);
  }
  signal.addEventListener("abort", () => cancel(), { once: true });
  arm();
}
