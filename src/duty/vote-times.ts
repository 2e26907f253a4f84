import { type Clock, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, dutyDue, type Slot, slotStart } from "../spec/index.ts";

/** When to fetch the vote of a slot: as soon as the slot's block has been processed, and at the latest when votes are due. */
export class VoteTimes {
  readonly #clock: Clock;
  readonly #chain: ChainSpec;
  #headSlot = -1;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, chain: ChainSpec) {
    this.#clock = clock;
    this.#chain = chain;
  }

  /** The beacon node has processed the block of `slot`. */
  onHead(slot: Slot): void {
    this.#headSlot = Math.max(this.#headSlot, slot);
    for (const look of this.#waiting) look();
  }

  /** @throws the signal's reason when it fires first. */
  async wait(slot: Slot, signal: AbortSignal): Promise<void> {
    // A block that is ahead of our clock does not make us vote before the slot.
    await sleepUntil(this.#clock, slotStart(this.#chain, slot), signal);
    if (this.#headSlot >= slot) return;
    const early = new AbortController();
    const look = (): void => {
      if (this.#headSlot >= slot) early.abort();
    };
    this.#waiting.add(look);
    try {
      await sleepUntil(
        this.#clock,
        dutyDue(this.#chain, { slot, kind: "attester" }),
        AbortSignal.any([signal, early.signal]),
      );
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#waiting.delete(look);
    }
  }
}
