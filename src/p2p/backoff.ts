/** Waits that grow: first, first x factor, ... up to max, each spread by a fifth either way so that peers do not move in step. */
export class Backoff {
  readonly #options: { readonly firstMs: number; readonly factor: number; readonly maxMs: number };
  readonly #random: () => number;
  #nextMs: number;

  /** @param random - Uniform in [0, 1). */
  constructor(
    options: { readonly firstMs: number; readonly factor: number; readonly maxMs: number },
    random: () => number,
  ) {
    this.#options = options;
    this.#random = random;
    this.#nextMs = options.firstMs;
  }

  /** How long to wait now, in milliseconds; never more than `maxMs`. */
  next(): number {
    const spread = 0.8 + 0.4 * this.#random();
    const wait = Math.min(this.#options.maxMs, this.#nextMs * spread);
    this.#nextMs = Math.min(this.#options.maxMs, this.#nextMs * this.#options.factor);
    return wait;
  }

  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
