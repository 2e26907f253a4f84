import { SLOWEST_BYTES_PER_MS } from "./limits.ts";

/**
 * Real time for the network: pauses and deadlines on the machine's steady timers. The wall clock (port `Clock`) may jump
 * when it is set, which must neither stall a reconnection nor cut a message off.
 */

/** Settles after `ms`, or as soon as `signal` fires; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

export class TimedOut extends Error {
  override readonly name = "TimedOut";
  constructor() {
    super("timed out");
  }
}

/**
 * A signal that fires after `ms` or with `parent`. Call `clear` when the work is done, so that no timer stays behind.
 *
 * @param bytesDone - Of a message that comes or goes: how much of it has. Large ones have more time, as long as they move.
 */
export function deadline(
  ms: number,
  parent?: AbortSignal,
  bytesDone: () => number = () => 0,
): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  let given = 0;
  const look = (): void => {
    const more = bytesDone() / SLOWEST_BYTES_PER_MS - given;
    given += more;
    if (more <= 0) controller.abort(new TimedOut());
    else timer = setTimeout(look, more);
  };
  let timer = setTimeout(look, ms);
  if (parent?.aborted === true) onParent();
  else parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** A bell that several may wait for: `ring` wakes everyone who waits now. */
export class Bell {
  #waiting = new Set<() => void>();

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Settles at the next ring, after `ms` (when given), or when the signal fires; never rejects. */
  async wait(ms: number | undefined, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const wake = (): void => stop.abort();
    this.#waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
    try {
      if (ms !== undefined) await pause(ms, stop.signal);
      else if (!stop.signal.aborted)
        await new Promise<void>((resolve) => {
          stop.signal.addEventListener("abort", () => resolve(), { once: true });
        });
    } finally {
      this.#waiting.delete(wake);
      signal.removeEventListener("abort", wake);
    }
  }
}
