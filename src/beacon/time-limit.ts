import type { Clock } from "../ports/index.ts";
import { BeaconError } from "./errors.ts";

/** A signal that fires when any of the given ones does, when the time is over, or when `end` is called. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** Stops what still runs under it and lets go of the others. `reason` is what that work then sees. */
  end(reason?: Error): void;
  /** From now on neither the time nor a parent stops what runs; whoever runs it has another way to stop it. */
  release(): void;
  /** From now on `parent` no longer stops what runs; the time still does. */
  forget(parent: AbortSignal): void;
}

export function timeLimit(clock: Clock, timeoutMs: number, parents: readonly AbortSignal[]): TimeLimit {
  const own = new AbortController();
  const cancel = clock.at(clock.now() + timeoutMs, () =>
    own.abort(
      new BeaconError("beacon/unavailable", "wait for the beacon node", {
        facts: { timeoutMs, reason: `no answer within ${timeoutMs} ms` },
        hint: "Check that the beacon node is well and near; its answer did not come in time.",
      }),
    ),
  );
  const listeners = new Map<AbortSignal, () => void>();
  const forget = (parent: AbortSignal): void => {
    const listener = listeners.get(parent);
    if (listener !== undefined) parent.removeEventListener("abort", listener);
  };
  for (const parent of parents) {
    const listener = (): void => own.abort(parent.reason);
    listeners.set(parent, listener);
    if (parent.aborted) listener();
    else parent.addEventListener("abort", listener, { once: true });
  }
  const release = (): void => {
    cancel();
    for (const parent of parents) forget(parent);
  };
  return {
    signal: own.signal,
    forget,
    release,
    end(reason) {
      release();
      own.abort(reason ?? new Error("the answer is no longer needed"));
    },
  };
}
