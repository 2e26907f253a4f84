import { HEDGE_MS_MIN, HEDGE_MS_UNKNOWN, LATENCIES_KEPT } from "./limits.ts";

/** How a node has been doing, per kind of request: a block takes much longer than vote data. */
export class TrackRecord {
  readonly #latencies = new Map<string, number[]>();
  #failures = 0;

  succeeded(kind: string, tookMs: number): void {
    this.#remember(kind, tookMs);
    this.#failures = Math.floor(this.#failures / 2);
  }

  /** Something went wrong that tells of the node and not of the question. */
  failed(): void {
    this.#failures = Math.min(this.#failures + 1, 16);
  }

  /** Another node was quicker; this one would have taken at least `tookMs`. */
  overtaken(kind: string, tookMs: number): void {
    this.#remember(kind, tookMs);
  }

  #remember(kind: string, tookMs: number): void {
    this.#latencies.set(kind, [...(this.#latencies.get(kind) ?? []), tookMs].slice(-LATENCIES_KEPT));
  }

  /** Failures of late; halves with every success. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds; over all kinds when none is given. Undefined while nothing was observed. */
  latencyMs(quantile: number, kind?: string): number | undefined {
    const all = kind === undefined ? [...this.#latencies.values()].flat() : (this.#latencies.get(kind) ?? []);
    const sorted = all.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))];
  }

  /** When this node has not answered after so long, another one is asked too. */
  hedgeMs(kind: string): number {
    return Math.max(HEDGE_MS_MIN, this.latencyMs(0.95, kind) ?? HEDGE_MS_UNKNOWN);
  }
}
