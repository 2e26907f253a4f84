import { LOTS_REMEMBERED_MAX } from "./limits.ts";

/** How many came of late: each counts for a second or so, ever less. */
interface Recent {
  count: number;
  at: number;
}

/**
 * Admits up to a rate, and beyond it by lot: whoever comes has the same chance, whatever the timing of the others. So nobody
 * can keep another out by being first in every second, and what is admitted stays within the rate all the same.
 */
export class Lots {
  readonly #random: () => number;
  readonly #recent = new Map<string, Recent>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** One more comes under a name, of which so many are admitted in a second. */
  draw(name: string, perSecond: number): boolean {
    const now = performance.now();
    const recent = this.#recent.get(name) ?? { count: 0, at: now };
    recent.count = recent.count * Math.exp((recent.at - now) / 1_000) + 1;
    recent.at = now;
    this.#recent.delete(name);
    this.#recent.set(name, recent);
    const [longestAgo] = this.#recent.keys();
    if (this.#recent.size > LOTS_REMEMBERED_MAX && longestAgo !== undefined) this.#recent.delete(longestAgo);
    return this.#random() * recent.count < perSecond;
  }
}
