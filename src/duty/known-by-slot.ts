import type { Slot } from "../spec/index.ts";

/** What one duty finds out and another one of the same slot waits for: a randao, a selection proof, a decided vote. */
export class KnownBySlot<T> {
  readonly #known = new Map<Slot, Map<string, T>>();
  readonly #waiting = new Map<string, Set<(value: T) => void>>();

  /** @param name - Whose it is, e.g. a group key. What was set first stays. */
  set(slot: Slot, name: string, value: T): void {
    const ofSlot = this.#known.get(slot) ?? new Map<string, T>();
    if (ofSlot.has(name)) return;
    this.#known.set(slot, ofSlot.set(name, value));
    const key = `${slot}/${name}`;
    for (const resolve of this.#waiting.get(key) ?? []) resolve(value);
    this.#waiting.delete(key);
  }

  known(slot: Slot, name: string): T | undefined {
    return this.#known.get(slot)?.get(name);
  }

  /**
   * Tells once when it becomes known; not at all when it is already. Costs next to nothing, so thousands may wait.
   *
   * @returns Stops waiting.
   */
  watch(slot: Slot, name: string, onKnown: (value: T) => void): () => void {
    const key = `${slot}/${name}`;
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(onKnown));
    return () => {
      waiting.delete(onKnown);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    };
  }

  /** @throws the signal's reason when it fires first. */
  wait(slot: Slot, name: string, signal: AbortSignal): Promise<T> {
    const known = this.known(slot, name);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const leave = this.watch(slot, name, (value) => {
        signal.removeEventListener("abort", onAbort);
        resolve(value);
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Forgets what belongs to slots before `slot`. */
  forgetBefore(slot: Slot): void {
    for (const known of this.#known.keys()) if (known < slot) this.#known.delete(known);
  }
}

/** Names a validator's part of a duty, where it has several. */
export function partName(groupKey: string, part: number): string {
  return `${groupKey}/${part}`;
}
