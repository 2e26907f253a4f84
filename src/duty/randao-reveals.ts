import type { GroupKey, Slot } from "../spec/index.ts";

/** Randao reveals from the randao duty to the proposer duty of the same slot. */
export class RandaoReveals {
  readonly #known = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, Set<(reveal: Uint8Array) => void>>();

  set(slot: Slot, groupKey: GroupKey, reveal: Uint8Array): void {
    const name = `${slot}/${groupKey}`;
    this.#known.set(name, reveal);
    for (const resolve of this.#waiting.get(name) ?? []) resolve(reveal);
    this.#waiting.delete(name);
  }

  known(slot: Slot, groupKey: GroupKey): Uint8Array | undefined {
    return this.#known.get(`${slot}/${groupKey}`);
  }

  /** @throws the signal's reason when it fires first. */
  wait(slot: Slot, groupKey: GroupKey, signal: AbortSignal): Promise<Uint8Array> {
    const known = this.known(slot, groupKey);
    if (known !== undefined) return Promise.resolve(known);
    const name = `${slot}/${groupKey}`;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting.add(resolve));
      signal.addEventListener(
        "abort",
        () => {
          waiting.delete(resolve);
          if (waiting.size === 0) this.#waiting.delete(name);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }

  /** Forgets what belongs to slots before `slot`. */
  forgetBefore(slot: Slot): void {
    for (const name of this.#known.keys()) if (Number(name.split("/")[0]) < slot) this.#known.delete(name);
  }
}
