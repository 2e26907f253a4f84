import { type Clock, type Meter, sleepUntil } from "../ports/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";

export interface PoolOptions {
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  readonly meter: Meter;
  readonly timeoutMs: number;
}

type Attempt<T> = (endpoint: Endpoint, signal: AbortSignal) => Promise<T>;

/** Several beacon nodes that act as one: who is asked, when the next one is, and whose answer counts. */
export class Pool {
  readonly endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #errors: ReturnType<Meter["counter"]>;
  readonly #latency: ReturnType<Meter["histogram"]>;

  constructor(options: PoolOptions) {
    this.endpoints = options.endpoints;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#errors = options.meter.counter(
      "app_eth2_errors_total",
      "Total number of errors returned by eth2 beacon node requests",
      ["endpoint"],
    );
    this.#latency = options.meter.histogram(
      "app_eth2_latency_seconds",
      "Latency in seconds for eth2 beacon node requests",
      ["endpoint"],
      [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    );
  }

  #ranked(): Endpoint[] {
    return this.endpoints.filter((endpoint) => !endpoint.foreign).toSorted((a, b) => a.rank - b.rank);
  }

  /** A signal that ends with the caller's or at the time limit. */
  #limited(signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
    const own = new AbortController();
    const cancel = this.#clock.at(this.#clock.now() + this.#timeoutMs, () =>
      own.abort(
        new BeaconError("beacon/unavailable", "wait for the beacon node", {
          facts: { timeoutMs: this.#timeoutMs },
        }),
      ),
    );
    const onAbort = (): void => own.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    return {
      signal: own.signal,
      end: () => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        own.abort(new Error("another answer was used"));
      },
    };
  }

  async #measured<T>(name: string, endpoint: Endpoint, attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
    const startedAt = this.#clock.now();
    try {
      const value = await untilAborted(attempt(endpoint, signal), signal);
      this.#latency.observe((this.#clock.now() - startedAt) / 1000, { endpoint: name });
      return value;
    } catch (error) {
      if (!signal.aborted) this.#errors.add(1, { endpoint: name });
      throw error;
    }
  }

  /**
   * The first good answer. The best node is asked first; the next one when it fails, however it fails, or is slower than it
   * usually is.
   */
  async first<T>(name: string, attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
    const limited = this.#limited(signal);
    const left = this.#ranked();
    const errors: unknown[] = [];
    try {
      return await new Promise<T>((resolve, reject) => {
        let running = 0;
        limited.signal.addEventListener("abort", () => reject(limited.signal.reason as Error), {
          once: true,
        });
        const next = (): void => {
          const endpoint = left.shift();
          if (endpoint === undefined) {
            if (running === 0) reject(worst(errors));
            return;
          }
          running++;
          const hedge = this.#clock.at(this.#clock.now() + endpoint.hedgeMs, () => {
            if (!limited.signal.aborted) next();
          });
          this.#measured(name, endpoint, attempt, limited.signal).then(
            (value) => {
              hedge();
              resolve(value);
            },
            (error: unknown) => {
              hedge();
              running--;
              errors.push(error);
              next();
            },
          );
        };
        next();
      });
    } finally {
      limited.end();
    }
  }

  /**
   * The best of all answers: everybody usable is asked at once, and after the first good answer the others have `graceMs` to
   * do better.
   */
  async best<T>(
    name: string,
    attempt: Attempt<T>,
    better: (a: T, b: T) => number,
    graceMs: number,
    signal: AbortSignal,
  ): Promise<T> {
    const usable = this.endpoints.filter((endpoint) => endpoint.usable);
    if (usable.length <= 1) return this.first(name, attempt, signal);
    const limited = this.#limited(signal);
    const good: T[] = [];
    try {
      const attempts = usable.map(async (endpoint) => {
        good.push(await this.#measured(name, endpoint, attempt, limited.signal));
      });
      const all = Promise.allSettled(attempts);
      try {
        await untilAborted(Promise.any(attempts), limited.signal);
      } catch {
        return await this.first(name, attempt, signal);
      }
      await Promise.race([all, sleepUntil(this.#clock, this.#clock.now() + graceMs, limited.signal)]);
      return good.toSorted((a, b) => better(b, a))[0] as T;
    } finally {
      limited.end();
    }
  }

  /** Tells every node; settles with the first that accepts and goes on telling the others. */
  async everywhere(name: string, attempt: Attempt<void>, signal: AbortSignal): Promise<void> {
    const asked = this.endpoints.filter((endpoint) => !endpoint.foreign);
    const limited = this.#limited(signal);
    const attempts = asked.map((endpoint) => this.#measured(name, endpoint, attempt, limited.signal));
    void Promise.allSettled(attempts).then(() => limited.end());
    try {
      await Promise.any(attempts);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw worst(error instanceof AggregateError ? error.errors : [error]);
    }
  }
}

/** The promise, or the signal's reason when it fires first: an HTTP client may be slow to notice. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Of several failures the one that says most: a refusal with a reason before silence. */
function worst(errors: readonly unknown[]): Error {
  const known = errors.filter((error): error is BeaconError => error instanceof BeaconError);
  for (const code of [
    "beacon/refused",
    "beacon/bad-answer",
    "beacon/syncing",
    "beacon/unavailable",
  ] as const) {
    const found = known.find((error) => error.code === code);
    if (found !== undefined) return found;
  }
  return new BeaconError("beacon/unavailable", "ask the beacon nodes", {
    cause: errors[0],
    hint: "Check that a beacon node runs at the address given by --beacon-node-endpoints.",
  });
}
