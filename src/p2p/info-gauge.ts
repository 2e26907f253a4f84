import type { Meter } from "../ports/index.ts";
import { INFO_VALUES_MAX } from "./limits.ts";

/**
 * A gauge that tells a text of each peer: 1 at the label with the present value, 0 at earlier ones. A peer that changes its
 * value again and again gets the value "other", so that it cannot make series without end.
 */
export class InfoGauge {
  readonly #gauge: { set(value: number, labels: Record<string, string>): void };
  readonly #label: string;
  readonly #seen = new Map<string, Set<string>>();

  /** @param gauge - With the labels "peer" and `label`. */
  constructor(gauge: ReturnType<Meter["gauge"]>, label: string) {
    this.#gauge = gauge;
    this.#label = label;
  }

  set(peer: string, value: string): void {
    const seen = this.#seen.get(peer) ?? new Set<string>();
    this.#seen.set(peer, seen);
    const shown = seen.has(value) || seen.size < INFO_VALUES_MAX ? value : "other";
    seen.add(shown);
    for (const other of seen) this.#gauge.set(other === shown ? 1 : 0, { peer, [this.#label]: other });
  }
}
