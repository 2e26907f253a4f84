import type { Clock } from "../src/ports/index.ts";
import type { UnixMs } from "../src/spec/index.ts";

interface Timer {
  readonly at: UnixMs;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/**
 * Time of a simulated world: nothing happens until `run` moves it. Timers fire in the order of their time, those of one
 * instant in the order in which they were set, and everything that an action starts settles before the next one.
 */
export class SimClock implements Clock {
  #now: UnixMs;
  #order = 0;
  /** A binary heap; the earliest timer is first. */
  readonly #timers: Timer[] = [];
  #fired = 0;

  constructor(start: UnixMs) {
    this.#now = start;
  }

  now(): UnixMs {
    return this.#now;
  }

  /** Timers that have fired since the beginning; equal for equal seeds. */
  get fired(): number {
    return this.#fired;
  }

  at(at: UnixMs, action: () => void): () => void {
    const timer: Timer = { at: Math.max(at, this.#now), order: this.#order++, action, cancelled: false };
    this.#push(timer);
    return () => {
      timer.cancelled = true;
    };
  }

  /** Moves time to `until`, firing what is due on the way. */
  async run(options: { readonly until: UnixMs } | { readonly forMs: number }): Promise<void> {
    const until = "until" in options ? options.until : this.#now + options.forMs;
    await settle();
    for (let next = this.#timers[0]; next !== undefined && next.at <= until; next = this.#timers[0]) {
      this.#pop();
      if (next.cancelled) continue;
      this.#now = next.at;
      this.#fired++;
      next.action();
      await settle();
    }
    this.#now = Math.max(this.#now, until);
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!earlier(heap[i] as Timer, heap[parent] as Timer)) break;
      [heap[i], heap[parent]] = [heap[parent] as Timer, heap[i] as Timer];
      i = parent;
    }
  }

  #pop(): void {
    const heap = this.#timers;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && earlier(heap[child] as Timer, heap[least] as Timer)) least = child;
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least] as Timer, heap[i] as Timer];
      i = least;
    }
  }
}

/** The wall clock of one operator in that world: it may be wrong, and it may be set while timers run. */
export class OperatorClock implements Clock {
  readonly #world: SimClock;
  #aheadMs: number;
  readonly #armed = new Map<
    object,
    { readonly at: UnixMs; readonly action: () => void; cancel: () => void }
  >();

  constructor(world: SimClock, options: { readonly aheadMs: number } = { aheadMs: 0 }) {
    this.#world = world;
    this.#aheadMs = options.aheadMs;
  }

  now(): UnixMs {
    return this.#world.now() + this.#aheadMs;
  }

  at(at: UnixMs, action: () => void): () => void {
    const key = {};
    const fire = (): void => {
      this.#armed.delete(key);
      action();
    };
    this.#armed.set(key, { at, action: fire, cancel: this.#world.at(at - this.#aheadMs, fire) });
    return () => {
      this.#armed.get(key)?.cancel();
      this.#armed.delete(key);
    };
  }

  /** Sets this clock forward, or back with a negative number; timers keep the wall-clock time that they were set for. */
  jump(byMs: number): void {
    this.#aheadMs += byMs;
    for (const timer of this.#armed.values()) {
      timer.cancel();
      timer.cancel = this.#world.at(timer.at - this.#aheadMs, timer.action);
    }
  }

  /** Ends all timers, as the death of a process does. */
  cancelAll(): void {
    for (const { cancel } of this.#armed.values()) cancel();
    this.#armed.clear();
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Lets all promises settle that can settle without time passing. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
