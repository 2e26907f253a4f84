import type { Clock } from "../ports/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * Turns of the process for work that is cut into pieces: one piece, then everything else that waits, then the next. Those for
 * whom the work is done get them one after the other, so who makes much work holds up itself and no other.
 */
export class Turns<Who> {
  readonly #clock: Clock;
  readonly #waiting = new Map<Who, (() => void)[]>();
  #giving = false;

  constructor(clock: Clock) {
    this.#clock = clock;
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
    this.#clock.at(this.#clock.now(), () => this.#give());
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

/** Reads encoded items in order, each few of them in a turn of their own. Rejects with what `read` throws. */
export async function inTurns<T extends { readonly data: Uint8Array }, R>(
  turn: () => Promise<void>,
  items: readonly T[],
  read: (item: T) => R,
): Promise<readonly R[]> {
  const done: R[] = [];
  let count = 0;
  let bytes = 0;
  for (const item of items) {
    if (count >= LIMITS.partialsPerTurn || bytes >= LIMITS.partialBytesPerTurn) {
      await turn();
      count = 0;
      bytes = 0;
    }
    done.push(read(item));
    count++;
    bytes += item.data.length;
  }
  return done;
}
