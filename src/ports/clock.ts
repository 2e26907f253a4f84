import type { UnixMs } from "../spec/index.ts";

/** Time, as everything from `base` to `duty` sees it. Implementations: node/clock.ts, sim/clock.ts. */
export interface Clock {
  /** Wall-clock time. May jump when the machine's clock is set. */
  now(): UnixMs;
  /**
   * Runs `action` once when the wall clock has reached `at`; as soon as possible, but never before this call returns,
   * when that is past.
   *
   * @returns A function that cancels; harmless afterwards.
   */
  at(at: UnixMs, action: () => void): () => void;
}

/** Settles when the clock reaches `at`; rejects with the signal's reason when it fires first. */
export function sleepUntil(clock: Clock, at: UnixMs, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.at(at, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
