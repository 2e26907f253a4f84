/**
 * Turns for work that is cut into pieces: one piece, then everything else that waits, then the next. Those for whom the work
 * is done get them one after the other, so who makes much work holds up itself and no other.
 */
export class Turns<Who> {
  readonly #soon: (give: () => void) => void;
  readonly #waiting = new Map<Who, (() => void)[]>();
  #giving = false;

  /** @param soon - Calls back once everything else that waits now has had its time: an immediate, or a timer that is due. */
  constructor(soon: (give: () => void) => void) {
    this.#soon = soon;
  }

  /** Settles when it is the turn of `who`. The piece that follows must be synchronous. */
  next(who: Who): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(who) ?? [];
      this.#waiting.set(who, queue);
      queue.push(resolve);
      if (!this.#giving) this.#giveSoon();
    });
  }

  #giveSoon(): void {
    this.#giving = true;
    this.#soon(() => this.#give());
  }

  #give(): void {
    this.#giving = false;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [who, queue] = first;
    this.#waiting.delete(who);
    const go = queue.shift();
    if (queue.length > 0) this.#waiting.set(who, queue); // Behind the others.
    this.#giveSoon();
    go?.();
  }
}
