import { AssertionFailed } from "../base/index.ts";
import { type Clock, sleepUntil } from "../ports/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * Runs `attempt` until it succeeds, with growing pauses.
 *
 * @throws the signal's reason when it fires first; the failures before are told to `onFailure`. A bug of ours at once: nobody
 *   else failed, and the next attempt would do the same.
 */
export async function retry<T>(
  clock: Clock,
  signal: AbortSignal,
  attempt: () => Promise<T>,
  onFailure: (error: unknown, attempts: number) => void,
  pauseMaxMs: number = LIMITS.retryMaxMs,
): Promise<T> {
  let pauseMs: number = LIMITS.retryFirstMs;
  for (let attempts = 1; ; attempts++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof AssertionFailed) throw error;
      signal.throwIfAborted();
      onFailure(error, attempts);
    }
    await sleepUntil(clock, clock.now() + pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, pauseMaxMs);
  }
}
