import { LATENCIES_KEPT } from "./limits.ts";

/** The newest measurements, for median and 95th percentile. */
export class Latencies {
  readonly #values: number[] = [];
  #next = 0;

  add(ms: number): void {
    if (this.#values.length < LATENCIES_KEPT) this.#values.push(ms);
    else this.#values[this.#next] = ms;
    this.#next = (this.#next + 1) % LATENCIES_KEPT;
  }

  get values(): readonly number[] {
    return this.#values;
  }
}

/** The value that `share` of all values do not exceed (nearest rank); null for none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
