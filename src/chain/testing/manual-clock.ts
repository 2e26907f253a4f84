import type { Clock } from "../../ports/index.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly action: () => void }>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  at(at: number, action: () => void): () => void {
    const name = this.#order++;
    this.#timers.set(name, { at, action });
    return () => void this.#timers.delete(name);
  }

  /** Moves time forward; timers run in order, each at its own time. */
  moveTo(time: number): void {
    for (;;) {
      const due = [...this.#timers]
        .filter(([, timer]) => timer.at <= time)
        .toSorted(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].action();
    }
    this.#now = Math.max(this.#now, time);
  }
}
