import { AssertionFailed, DvError, type SeededRandom } from "../src/base/index.ts";
import {
  type Clock,
  type Logger,
  logBug,
  type MessageHandler,
  silent,
  type Transport,
} from "../src/ports/index.ts";
import type { OperatorIndex } from "../src/spec/index.ts";

/** How messages travel. All of it may be changed while the world runs. */
export interface Weather {
  latencyMs: { min: number; max: number };
  /** Probability that a message that was sent never arrives. */
  loss: number;
  /** Probability that it arrives twice. */
  duplication: number;
}

export interface Sent {
  readonly from: OperatorIndex;
  readonly to: OperatorIndex;
  readonly protocol: string;
  readonly message: Uint8Array;
}

/** The same code as the transport of `p2p/`, so that callers cannot tell. */
class Unreachable extends DvError<"p2p/unreachable"> {}

/** A network between operators, with everything that can go wrong drawn from a seed. */
export class SimNetwork {
  readonly weather: Weather;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #operatorCount: number;
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #down = new Set<OperatorIndex>();
  #groups: readonly ReadonlySet<OperatorIndex>[] = [];
  readonly #interceptors: ((sent: Sent) => Uint8Array | "drop" | undefined)[] = [];
  #rejections = new Map<string, number>();
  /** When a link was cut last. */
  readonly #broken = new Map<string, number>();
  readonly #logs = new Map<OperatorIndex, Logger>();
  readonly #listeners = new Map<number, ((to: OperatorIndex) => void)[]>();

  constructor(
    clock: Clock,
    random: SeededRandom,
    options: { readonly operatorCount: number; readonly weather?: Partial<Weather> },
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#operatorCount = options.operatorCount;
    this.weather = { latencyMs: { min: 5, max: 40 }, loss: 0, duplication: 0, ...options.weather };
  }

  /** Only operators of one group reach each other; one that is in no group reaches nobody. */
  partition(...groups: readonly (readonly number[])[]): void {
    this.#groups = groups.map((group) => new Set(group as OperatorIndex[]));
  }

  /** Everybody reaches everybody again, those included that were down. */
  heal(): void {
    this.#groups = [];
    this.#down.clear();
  }

  setDown(operator: number, down: boolean): void {
    if (down) this.#down.add(operator as OperatorIndex);
    else this.#down.delete(operator as OperatorIndex);
  }

  /** Sees every message when it is sent; may give other bytes for it, or drop it. The place for lying operators. */
  intercept(interceptor: (sent: Sent) => Uint8Array | "drop" | undefined): void {
    this.#interceptors.push(interceptor);
  }

  /** Delivers a message as if `from` had sent it. */
  inject(sent: Sent): void {
    this.#carry(sent, () => {});
  }

  /** Breaks the connection of two operators: what is under way between them is lost, and both notice. */
  cut(a: number, b: number): void {
    this.#broken.set(linkName(a, b), this.#clock.now());
    for (const [self, other] of [
      [a, b],
      [b, a],
    ] as const)
      for (const listener of this.#listeners.get(self) ?? []) listener(other as OperatorIndex);
  }

  /** How often handlers threw at messages of this operator. */
  rejectionsOf(operator: number): number {
    return [...this.#rejections]
      .filter(([name]) => name.startsWith(`${operator} `))
      .reduce((sum, [, count]) => sum + count, 0);
  }

  /** Forgets the handlers of an operator, as a crash does. */
  forget(operator: number): void {
    for (const name of this.#handlers.keys())
      if (name.startsWith(`${operator} `)) this.#handlers.delete(name);
    this.#listeners.delete(operator);
  }

  #reach(a: OperatorIndex, b: OperatorIndex): boolean {
    if (this.#down.has(a) || this.#down.has(b)) return false;
    return this.#groups.length === 0 || this.#groups.some((group) => group.has(a) && group.has(b));
  }

  #latency(): number {
    const { min, max } = this.weather.latencyMs;
    return min + Math.floor(this.#random.next() * (max - min + 1));
  }

  #carry(sent: Sent, answer: (bytes: Uint8Array | undefined) => void): void {
    let message = sent.message;
    for (const interceptor of this.#interceptors) {
      const other = interceptor({ ...sent, message });
      if (other === "drop") return;
      message = other ?? message;
    }
    if (this.#random.chance(this.weather.loss)) return;
    const copies = this.#random.chance(this.weather.duplication) ? 2 : 1;
    const sentAt = this.#clock.now();
    for (let copy = 0; copy < copies; copy++) {
      this.#clock.at(sentAt + this.#latency(), () => {
        if (!this.#reach(sent.from, sent.to)) return;
        if ((this.#broken.get(linkName(sent.from, sent.to)) ?? -1) > sentAt) return;
        const handler = this.#handlers.get(`${sent.to} ${sent.protocol}`);
        if (handler === undefined) return;
        const rejected = (): void => {
          const name = `${sent.from} ${sent.protocol}`;
          this.#rejections.set(name, (this.#rejections.get(name) ?? 0) + 1);
        };
        try {
          Promise.resolve(handler(sent.from, message.slice())).then(answer, rejected);
        } catch {
          rejected();
        }
      });
    }
  }

  /**
   * @param how.beside - A second program with the same key: what comes for one reaches both.
   * @param how.log - Told of bugs of ours that a message led to, for which no peer is to blame.
   * @param how.alive - Whether the program that uses it still runs; one that crashed sends nothing any more.
   */
  transport(
    self: OperatorIndex,
    how: { readonly beside?: boolean; readonly alive?: () => boolean; readonly log?: Logger } = {},
  ): Transport {
    if (how.log !== undefined) this.#logs.set(self, how.log);
    const alive = how.alive ?? (() => true);
    const check = (to: OperatorIndex, signal?: AbortSignal): void => {
      signal?.throwIfAborted();
      if (!alive() || !this.#reach(self, to))
        throw new Unreachable("p2p/unreachable", "send message", { facts: { to } });
    };
    return {
      self,
      operatorCount: this.#operatorCount,
      connected: () =>
        Array.from({ length: this.#operatorCount }, (_, i) => i as OperatorIndex).filter(
          (other) => other !== self && this.#reach(self, other),
        ),
      onBroken: (listener) =>
        void this.#listeners.set(self, [...(this.#listeners.get(self) ?? []), listener]),
      send: async (to, protocol, message, signal) => {
        check(to, signal);
        this.#carry({ from: self, to, protocol, message }, () => {});
      },
      request: async (to, protocol, message, signal) => {
        check(to, signal);
        const known = [...this.#handlers.keys()].filter((name) => name.startsWith(`${to} `));
        if (known.length > 0 && !known.includes(`${to} ${protocol}`))
          throw new Unreachable("p2p/unreachable", "request", { facts: { to, reason: "protocol-unknown" } });
        return new Promise((resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
          this.#carry({ from: self, to, protocol, message }, (answer) => {
            if (answer === undefined) return;
            this.#clock.at(this.#clock.now() + this.#latency(), () => {
              if (this.#reach(self, to)) resolve(answer);
            });
          });
        });
      },
      handle: (protocol, _limits, handler) => {
        const name = `${self} ${protocol}`;
        const first = how.beside === true ? this.#handlers.get(name) : undefined;
        const handle: MessageHandler = async (from, message) => {
          try {
            return await handler(from, message);
          } catch (error) {
            if (!(error instanceof AssertionFailed)) throw error;
            logBug(this.#logs.get(self) ?? silent, error, { protocol, peer: from });
            return undefined;
          }
        };
        this.#handlers.set(name, (from, message) => {
          void Promise.resolve(first?.(from, message)).catch(() => {});
          return handle(from, message);
        });
      },
    };
  }
}

function linkName(a: number, b: number): string {
  return `${Math.min(a, b)} ${Math.max(a, b)}`;
}
