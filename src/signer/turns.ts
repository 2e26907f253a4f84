/**
 * Turns of the event loop for work that must be cut into pieces: whoever waits gets one turn after the other, first come
 * first served, and between two turns the loop handles its input. A caller with many pieces asks for a turn each, so one
 * with little to do does not wait for it.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** Settles when it is the caller's turn. The piece that follows must be synchronous and shorter than `PIECE_MS`. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(() => this.#give());
    });
  }

  #give(): void {
    const [first] = this.#waiting;
    first?.();
    // The piece runs in the microtask that follows; the next turn is a whole round of the loop later.
    setImmediate(() => {
      this.#waiting.shift();
      if (this.#waiting.length > 0) this.#give();
    });
  }
}

/**
 * The event loop must never stand still for 20 ms (design, section 4). A piece takes a fifth of that: the same round of the
 * loop may also read a large message, collect garbage, and encode what was signed.
 */
export const PIECE_MS = 4;
