import { type SeededRandom, seededRandom } from "../../base/index.ts";
import {
  initialState,
  type QbftConfig,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  step,
  type Transition,
} from "../index.ts";

/** A state machine like `step`; canaries pass broken ones. */
export type Step = (config: QbftConfig, state: QbftState, event: QbftEvent) => Transition;

interface Delivery {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export interface WorldOptions {
  readonly operatorCount: number;
  /** Operators that lie: their leaders say different things to different peers, and they vote for everything. */
  readonly liars: number;
  readonly step?: Step;
}

/**
 * A whole cluster of state machines on a simulated clock and a network that loses, delays, doubles and parts. Liars sign
 * what they like but cannot sign for others, as in real life.
 */
export class QbftCluster {
  readonly decisions = new Map<number, string>();
  readonly #random: SeededRandom;
  readonly #options: WorldOptions;
  readonly #states: QbftState[];
  readonly #timers = new Map<number, number>();
  readonly #step: Step;
  #queue: Delivery[] = [];
  #now = 0;
  #order = 0;
  #healed = false;
  readonly #lonely: boolean;
  #partition: ReadonlySet<number> = new Set();

  constructor(seed: number, options: WorldOptions) {
    this.#random = seededRandom(seed);
    this.#options = options;
    this.#step = options.step ?? step;
    // In some worlds the first round's commits hardly arrive and nobody is told of a decision: one operator decides alone,
    // and the others must find its value again by themselves.
    this.#lonely = this.#random.chance(0.4);
    this.#states = Array.from({ length: options.operatorCount }, initialState);
    for (let i = 0; i < options.operatorCount; i++) {
      this.#after(this.#random.integer(400), () => this.#handle(i, { kind: "start" }));
      this.#after(this.#random.integer(900), () =>
        this.#handle(i, { kind: "input", value: `value of ${i}` }),
      );
    }
    this.#part();
  }

  get honest(): number {
    return this.#options.operatorCount - this.#options.liars;
  }

  isLiar(operator: number): boolean {
    return operator >= this.honest;
  }

  decidedValues(): ReadonlySet<string> {
    return new Set(this.decisions.values());
  }

  heal(): void {
    this.#healed = true;
    this.#partition = new Set();
  }

  run({ forMs }: { readonly forMs: number }): void {
    const end = this.#now + forMs;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }

  #next(): Delivery | undefined {
    let best: Delivery | undefined;
    for (const one of this.#queue)
      if (best === undefined || one.at < best.at || (one.at === best.at && one.order < best.order))
        best = one;
    return best;
  }

  #after(ms: number, run: () => void): void {
    this.#queue.push({ at: this.#now + ms, order: this.#order++, run });
  }

  /** Cuts the cluster in two for a while, again and again until it heals. */
  #part(): void {
    this.#after(300 + this.#random.integer(2_000), () => {
      if (this.#healed) return;
      const cut = this.#random.chance(0.5);
      this.#partition = cut
        ? new Set(
            Array.from({ length: this.#options.operatorCount }, (_, i) => i).filter(() =>
              this.#random.chance(0.5),
            ),
          )
        : new Set();
      this.#part();
    });
  }

  #config(self: number): QbftConfig {
    return {
      self,
      operatorCount: this.#options.operatorCount,
      leader: (round) => (round + 1) % this.#options.operatorCount,
    };
  }

  #handle(operator: number, event: QbftEvent): void {
    const { state, effects } = this.#step(this.#config(operator), this.#states[operator] as QbftState, event);
    this.#states[operator] = state;
    for (const effect of effects) {
      if (effect.kind === "broadcast") this.#broadcast(operator, effect.message);
      else if (effect.kind === "start-timer") this.#startTimer(operator, effect.round);
      else if (effect.kind === "stop-timer") this.#timers.delete(operator);
      else if (!this.isLiar(operator)) this.decisions.set(operator, effect.value);
    }
  }

  #startTimer(operator: number, round: number): void {
    const token = this.#order;
    this.#timers.set(operator, token);
    this.#after(400 * round, () => {
      if (this.#timers.get(operator) === token) this.#handle(operator, { kind: "timeout", round });
    });
  }

  #broadcast(from: number, message: QbftMessage): void {
    for (let to = 0; to < this.#options.operatorCount; to++) {
      const sent = this.isLiar(from) ? this.#lie(message, to) : message;
      if (to === from) this.#after(0, () => this.#receive(to, sent));
      else this.#send(from, to, sent);
    }
  }

  /** A liar tells every second peer another value, with the same justification. */
  #lie(message: QbftMessage, to: number): QbftMessage {
    if (message.value === "" || message.kind === "decided") return message;
    return to % 2 === 0 ? message : { ...message, value: `${message.value}, or another` };
  }

  #send(from: number, to: number, message: QbftMessage): void {
    const parted = this.#partition.size > 0 && this.#partition.has(from) !== this.#partition.has(to);
    const loss = this.#lonely
      ? message.kind === "decided"
        ? 0.98
        : message.kind === "commit" && message.round === 1
          ? 0.6
          : 0.15
      : 0.15;
    if (!this.#healed && (parted || this.#random.chance(loss))) return;
    const copies = !this.#healed && this.#random.chance(0.1) ? 2 : 1;
    for (let i = 0; i < copies; i++)
      this.#after(1 + this.#random.integer(this.#healed ? 20 : 350), () => this.#receive(to, message));
  }

  #receive(to: number, message: QbftMessage): void {
    this.#handle(to, { kind: "message", message, acceptable: true });
  }
}
