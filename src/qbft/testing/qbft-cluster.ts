import { type SeededRandom, seededRandom } from "../../base/index.ts";
import {
  faulty,
  initialState,
  type QbftConfig,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  step,
  type Transition,
} from "../index.ts";
import { Liar, type Manner } from "./liar.ts";

/** A state machine like `step`; canaries pass broken ones. */
export type Step = (config: QbftConfig, state: QbftState, event: QbftEvent) => Transition;

/** Values that no honest operator votes for begin like this. */
export const UNACCEPTABLE = "bad";

const ROUND_MS = 400;

/**
 * A whole cluster of state machines on a simulated clock and a network that loses, delays, doubles and parts. The seed draws
 * its size, its weather, and up to f operators that lie or crash. Round timers are those of the runner: absolute, so
 * that late operators run through the rounds they missed, and doubled when a leader has spoken.
 */
export class QbftCluster {
  readonly operatorCount: number;
  /** By honest operator. */
  readonly decisions = new Map<number, string>();
  readonly proposed = new Set<string>();
  /** An operator decided a second time. */
  contradicted = false;
  readonly #decidedByCrashed = new Set<string>();
  readonly #random: SeededRandom;
  readonly #step: Step;
  readonly #states: QbftState[];
  readonly #liars = new Map<number, Liar>();
  /** When each operator that crashes does so. */
  readonly #crashes = new Map<number, number>();
  readonly #timers = new Map<number, { readonly round: number; readonly token: number }>();
  /** What happens at each millisecond. */
  readonly #agenda = new Map<number, (() => void)[]>();
  #now = 0;
  #token = 0;
  #healed = false;
  readonly #lonely: boolean;
  readonly #manner: Manner;
  /**
   * Where liars boast, this operator alone hears the commits of the first round, and is cut off as soon as it has decided: the
   * others must find its value again among the liars' claims.
   */
  readonly #hermit: number | undefined;
  #partition: ReadonlySet<number> = new Set();

  constructor(seed: number, brokenStep: Step = step) {
    this.#random = seededRandom(seed);
    this.#step = brokenStep;
    this.operatorCount = 4 + (seed % 7);
    // In some worlds the first round's commits hardly arrive and nobody is told of a decision: one operator decides alone,
    // and the others must find its value again by themselves.
    this.#lonely = this.#random.chance(0.4);
    this.#states = Array.from({ length: this.operatorCount }, initialState);
    this.#manner = this.#random.fork("manner").chance(0.1) ? "boasts" : "wild";
    this.#drawFaults();
    const sound = this.#states.findIndex((_, i) => !this.#liars.has(i) && !this.#crashes.has(i));
    this.#hermit = this.#manner === "wild" ? undefined : sound;
    for (let i = 0; i < this.operatorCount; i++) {
      const late = (ms: number): number => (this.#hermit === undefined ? this.#random.integer(ms) : 0);
      this.#after(late(400), () => this.#handle(i, { kind: "start" }));
      this.#after(late(900), () => this.#propose(i));
    }
    this.#part();
  }

  get liars(): number {
    return this.#liars.size;
  }

  /** Operators that neither lie nor crash. */
  get honest(): number {
    return this.operatorCount - this.#liars.size - this.#crashes.size;
  }

  /** What anybody who does not lie has decided, those included that crashed later: they may have signed it. */
  decidedValues(): ReadonlySet<string> {
    return new Set([...this.decisions.values(), ...this.#decidedByCrashed]);
  }

  heal(): void {
    this.#healed = true;
    this.#partition = new Set();
  }

  /** Runs on, at most so long; stops when every honest operator has decided, since nothing can change then. */
  run({ forMs }: { readonly forMs: number }): void {
    const end = this.#now + forMs;
    for (; this.#now <= end && this.decisions.size < this.honest; this.#now++) {
      const due = this.#agenda.get(this.#now);
      // Actions may add to the very millisecond that is under way.
      for (let i = 0; due !== undefined && i < due.length; i++) due[i]?.();
      this.#agenda.delete(this.#now);
    }
  }

  /** Up to f operators are faulty; each lies or stops for good at some time. */
  #drawFaults(): void {
    const count = Math.max(
      this.#manner === "wild" ? 0 : 1,
      this.#random.integer(faulty(this.operatorCount) + 1),
    );
    const order = Array.from({ length: this.operatorCount }, (_, i) => i).toSorted(
      () => this.#random.next() - 0.5,
    );
    for (const operator of order.slice(0, count)) {
      if (this.#random.chance(0.25)) {
        this.#crashes.set(operator, this.#random.integer(3_000));
        continue;
      }
      const config = this.#config(operator);
      this.#liars.set(operator, new Liar(config, this.#random.fork(`liar ${operator}`), this.#manner));
      this.#forge(operator);
    }
  }

  #propose(operator: number): void {
    const value = this.#liars.has(operator) ? `${UNACCEPTABLE} value of ${operator}` : `value of ${operator}`;
    this.proposed.add(value);
    this.#handle(operator, { kind: "input", value });
  }

  /** A liar now and then sends something that it made up. */
  #forge(operator: number): void {
    this.#after(20 + this.#random.integer(300), () => {
      const to = this.#random.integer(this.operatorCount);
      const message = this.#liars.get(operator)?.forge();
      if (message !== undefined && to !== operator) this.#send(operator, to, message);
      this.#forge(operator);
    });
  }

  #after(ms: number, run: () => void): void {
    const at = this.#now + ms;
    const due = this.#agenda.get(at);
    if (due === undefined) this.#agenda.set(at, [run]);
    else due.push(run);
  }

  /** Cuts the cluster in two for a while, again and again until it heals. */
  #part(): void {
    this.#after(300 + this.#random.integer(2_000), () => {
      if (this.#healed || this.#hermit !== undefined) return;
      const all = Array.from({ length: this.operatorCount }, (_, i) => i);
      const cut = this.#random.chance(0.5);
      this.#partition = new Set(cut ? all.filter(() => this.#random.chance(0.5)) : []);
      this.#part();
    });
  }

  #config(self: number): QbftConfig {
    return {
      self,
      operatorCount: this.operatorCount,
      leader: (round) => (round + 1) % this.operatorCount,
    };
  }

  #handle(operator: number, event: QbftEvent): void {
    if (this.#now >= (this.#crashes.get(operator) ?? Infinity)) return;
    const before = this.#states[operator] as QbftState;
    const { state, effects } = this.#step(this.#config(operator), before, event);
    this.#states[operator] = state;
    for (const effect of effects) {
      if (effect.kind === "broadcast") this.#broadcast(operator, effect.message);
      else if (effect.kind === "send") this.#send(operator, effect.to, effect.message);
      else if (effect.kind === "start-timer") this.#startTimer(operator, effect.round);
      else if (effect.kind === "stop-timer") this.#timers.delete(operator);
      else this.#decide(operator, effect.value);
    }
  }

  #decide(operator: number, value: string): void {
    if (this.#liars.has(operator) || this.#crashes.has(operator)) {
      if (!this.#liars.has(operator)) this.#decidedByCrashed.add(value);
      return;
    }
    if (this.decisions.has(operator)) this.contradicted = true;
    this.decisions.set(operator, value);
    if (operator === this.#hermit && !this.#healed) this.#partition = new Set([operator]);
  }

  #startTimer(operator: number, round: number): void {
    const token = this.#token++;
    const extended = this.#timers.get(operator)?.round === round;
    this.#timers.set(operator, { round, token });
    const at = ROUND_MS * round * (extended ? 2 : 1);
    this.#after(Math.max(1, at - this.#now), () => {
      if (this.#timers.get(operator)?.token === token)
        this.#handle(operator, { kind: "timeout", round, next: this.#roundAfter(round) });
    });
  }

  /** Later rounds are left out, as the consensus room does. */
  #roundAfter(round: number): number {
    const stride = this.operatorCount + 1;
    return round < 2 * stride ? round + 1 : (Math.floor(round / stride) + 1) * stride;
  }

  #broadcast(from: number, message: QbftMessage): void {
    this.#overhear(from, message);
    const liar = this.#liars.get(from);
    for (let to = 0; to < this.operatorCount; to++) {
      if (to === from) this.#after(0, () => this.#receive(to, message));
      else this.#deliver(from, to, liar === undefined ? message : liar.twist(message, to));
    }
  }

  #send(from: number, to: number, message: QbftMessage): void {
    this.#overhear(from, message);
    this.#deliver(from, to, message);
  }

  #deliver(from: number, to: number, message: QbftMessage): void {
    const parted = this.#partition.size > 0 && this.#partition.has(from) !== this.#partition.has(to);
    if (!this.#healed && (parted || this.#random.chance(this.#lossOf(message, to)))) return;
    const copies = !this.#healed && this.#random.chance(0.1) ? 2 : 1;
    const latencyMsMax = this.#healed ? 20 : this.#hermit === undefined ? 350 : 100;
    for (let i = 0; i < copies; i++)
      this.#after(1 + this.#random.integer(latencyMsMax), () => this.#receive(to, message));
  }

  /** Liars hear everything, and answer honest messages at once. */
  #overhear(from: number, message: QbftMessage): void {
    for (const [operator, liar] of this.#liars) {
      liar.overhear(message);
      if (this.#liars.has(from)) continue;
      // One victim at a time: what convinces everybody alike does no harm.
      const leader = this.#config(operator).leader(message.round);
      const to =
        message.kind === "round-change" && this.#random.chance(0.7)
          ? leader
          : message.kind === "pre-prepare" && this.#hermit !== undefined
            ? this.#hermit
            : this.#random.integer(this.operatorCount);
      if (to !== operator) for (const said of liar.react(message)) this.#deliver(operator, to, said);
    }
  }

  #lossOf(message: QbftMessage, to: number): number {
    if (this.#hermit !== undefined && message.round === 1)
      return message.kind === "commit" && to !== this.#hermit ? 1 : 0;
    if (this.#lonely && message.kind === "decided") return 0.98;
    return this.#lonely && message.kind === "commit" && message.round === 1 ? 0.6 : 0.15;
  }

  #receive(to: number, message: QbftMessage): void {
    this.#handle(to, { kind: "message", message, acceptable: !message.value.startsWith(UNACCEPTABLE) });
  }
}
