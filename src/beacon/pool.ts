import { AssertionFailed, assert, orAborted } from "../base/index.ts";
import { type Clock, sleepUntil } from "../ports/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { about, BeaconError, quote, reasonOf } from "./errors.ts";
import type { BeaconMetrics, RequestKind } from "./metrics.ts";
import { type TimeLimit, timeLimit } from "./time-limit.ts";

export interface PoolOptions {
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  readonly metrics: BeaconMetrics;
  readonly timeoutMs: number;
  /** Ends everything that runs. */
  readonly closing: AbortSignal;
}

/** Asks one node and reads its answer: whatever is wrong with the answer counts as that node's failure. */
export type Attempt<T> = (endpoint: Endpoint, signal: AbortSignal) => Promise<T>;

/** How to tell which of several good answers is the best. */
export interface Contest<T> {
  /** Positive when `a` is better than `b`. Of equals the one that came first wins. */
  readonly compare: (a: T, b: T) => number;
  /** Nothing better can come, so the others are not waited for. */
  readonly unbeatable?: (answer: T) => boolean;
  /** How long the others have after the first good answer. */
  readonly graceMs: number;
}

/** Several beacon nodes that act as one: who is asked, when the next one is, and whose answer counts. */
export class Pool {
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Nodes that serve our chain, the best first. */
  ranked(kind?: RequestKind): Endpoint[] {
    const scored = this.#options.endpoints
      .filter((endpoint) => endpoint.chain === "ours")
      .map((endpoint) => ({ endpoint, score: endpoint.score(kind) }));
    return scored.toSorted((a, b) => a.score - b.score).map(({ endpoint }) => endpoint);
  }

  #limited(signal: AbortSignal, patience = 1): TimeLimit {
    const { clock, timeoutMs, closing } = this.#options;
    return timeLimit(clock, patience * timeoutMs, [signal, closing]);
  }

  /** One attempt, written into the metrics and the node's record. */
  async #attempt<T>(
    kind: RequestKind,
    endpoint: Endpoint,
    attempt: Attempt<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { clock, metrics } = this.#options;
    const startedAt = clock.now();
    const labels = { endpoint: kind };
    metrics.requests.add(1, labels);
    try {
      const value = await orAborted(attempt(endpoint, signal), signal);
      const tookMs = clock.now() - startedAt;
      metrics.latency.observe(tookMs / 1000, labels);
      endpoint.record.succeeded(kind, tookMs);
      return value;
    } catch (error) {
      if (!(error instanceof BeaconError)) {
        // We stopped it ourselves: the caller gave up, or another node was quicker.
        endpoint.record.overtaken(kind, clock.now() - startedAt);
        throw error;
      }
      metrics.errors.add(1, labels);
      // A refusal tells of the question; everything else of the node.
      if (error.code !== "beacon/refused") endpoint.record.failed();
      endpoint.lastError = quote(`${kind}: ${reasonOf(error)}`);
      throw about(error, { node: endpoint.name });
    }
  }

  /**
   * The first good answer. The best node is asked first; the next one as soon as it fails, however it fails, or is slower
   * than it usually is. A node that is behind keeps no slow one company: it would be quick, with yesterday's answer. It is
   * asked when the others have failed, or have let half of the time pass.
   */
  async first<T>(kind: RequestKind, attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const limit = this.#limited(signal);
    try {
      return await this.#race(kind, this.ranked(kind), attempt, limit.signal);
    } finally {
      limit.end();
    }
  }

  #race<T>(
    kind: RequestKind,
    endpoints: readonly Endpoint[],
    attempt: Attempt<T>,
    signal: AbortSignal,
    earlier: readonly unknown[] = [],
  ): Promise<T> {
    const { clock, metrics, timeoutMs } = this.#options;
    const left = [...endpoints];
    const errors = [...earlier];
    const running = new Set<Endpoint>();
    const lastResortAt = clock.now() + timeoutMs / 2;
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      let cancelLastResort: (() => void) | undefined;
      const settle = (how: () => void): void => {
        settled = true;
        cancelLastResort?.();
        how();
      };
      const next = (): void => {
        if (settled) return;
        const endpoint = left[0];
        if (endpoint === undefined) {
          if (running.size === 0) settle(() => reject(worst(errors)));
          return;
        }
        const othersMayDoBetter = !endpoint.usable && [...running].some(({ usable }) => usable);
        if (othersMayDoBetter && clock.now() < lastResortAt) {
          cancelLastResort ??= clock.at(lastResortAt, next);
          return;
        }
        left.shift();
        running.add(endpoint);
        if (running.size > 1 || errors.length > 0) metrics.hedged.add(1, { endpoint: kind });
        const cancel = clock.at(clock.now() + endpoint.record.hedgeMs(kind), next);
        this.#attempt(kind, endpoint, attempt, signal).then(
          (value) => {
            cancel();
            settle(() => resolve(value));
          },
          (error: unknown) => {
            cancel();
            running.delete(endpoint);
            errors.push(error);
            if (signal.aborted) settle(() => reject(signal.reason as Error));
            else next();
          },
        );
      };
      next();
    });
  }

  /**
   * The best of all answers: every usable node is asked at once, and after the first good answer the others have some
   * time to do better. The others are asked when those fail.
   */
  async best<T>(
    kind: RequestKind,
    attempt: Attempt<T>,
    contest: Contest<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    const ranked = this.ranked(kind);
    const usable = ranked.filter((endpoint) => endpoint.usable);
    const others = ranked.filter((endpoint) => !endpoint.usable);
    const limit = this.#limited(signal);
    try {
      if (usable.length <= 1) return await this.#race(kind, ranked, attempt, limit.signal);
      const found = await this.#contend(kind, usable, attempt, contest, limit.signal);
      if ("best" in found) return found.best;
      limit.signal.throwIfAborted();
      return await this.#race(kind, others, attempt, limit.signal, found.errors);
    } finally {
      limit.end();
    }
  }

  async #contend<T>(
    kind: RequestKind,
    endpoints: readonly Endpoint[],
    attempt: Attempt<T>,
    contest: Contest<T>,
    signal: AbortSignal,
  ): Promise<{ readonly best: T } | { readonly errors: readonly unknown[] }> {
    const { clock } = this.#options;
    const good: T[] = [];
    const errors: unknown[] = [];
    const enough = Promise.withResolvers<void>();
    const attempts = endpoints.map(async (endpoint) => {
      try {
        const answer = await this.#attempt(kind, endpoint, attempt, signal);
        good.push(answer);
        if (contest.unbeatable?.(answer) === true) enough.resolve();
      } catch (error) {
        errors.push(error);
        throw error;
      }
    });
    const all = Promise.allSettled(attempts);
    try {
      await Promise.any(attempts);
    } catch {
      return { errors };
    }
    const waiting = new AbortController();
    const grace = sleepUntil(clock, clock.now() + contest.graceMs, waiting.signal).catch(() => {});
    await Promise.race([all, enough.promise, grace]);
    waiting.abort();
    const [first, ...rest] = good;
    assert(first !== undefined || good.length > 0, "a contest without an answer was won");
    return { best: rest.reduce((best, one) => (contest.compare(one, best) > 0 ? one : best), first as T) };
  }

  /**
   * Tells every node of our chain; settles with the first that accepts. The others are then told to the end even when the
   * caller gives up: a message reaches further through two nodes than through one.
   *
   * @param patience - How often the time limit it may take.
   */
  async everywhere(
    kind: RequestKind,
    attempt: Attempt<void>,
    signal: AbortSignal,
    patience = 1,
  ): Promise<void> {
    signal.throwIfAborted();
    const limit = this.#limited(signal, patience);
    const errors: unknown[] = [];
    const attempts = this.ranked(kind).map(async (endpoint) => {
      try {
        await this.#attempt(kind, endpoint, attempt, limit.signal);
      } catch (error) {
        errors.push(error);
        throw error;
      }
    });
    void Promise.allSettled(attempts).then(() => limit.end());
    try {
      await Promise.any(attempts);
      limit.forget(signal);
    } catch {
      signal.throwIfAborted();
      throw worst(errors);
    }
  }
}

/** Of several failures the one that says most: a bug of ours before all others, a refusal with a reason before silence. */
function worst(errors: readonly unknown[]): Error {
  const bug = errors.find((error) => error instanceof AssertionFailed);
  if (bug !== undefined) return bug;
  const known = errors.filter((error): error is BeaconError => error instanceof BeaconError);
  for (const code of ["beacon/refused", "beacon/bad-answer", "beacon/syncing", "beacon/unavailable"]) {
    const found = known.find((error) => error.code === code);
    if (found !== undefined) return found;
  }
  return new BeaconError("beacon/unavailable", "ask the beacon nodes", {
    cause: errors[0],
    hint: "Check that a beacon node of the cluster's network runs at an address given by --beacon-node-endpoints.",
  });
}
