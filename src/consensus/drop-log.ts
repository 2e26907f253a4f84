import type { Facts } from "../base/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import type { OperatorIndex, UnixMs } from "../spec/index.ts";
import { DROP_LOG_WINDOW_MS } from "./limits.ts";
import type { Refusal } from "./receive.ts";

/** What a correct peer causes too, when it or we are late. */
const HARMLESS: ReadonlySet<Refusal> = new Set(["impossible-duty", "expired"]);

/** Tells people why messages of a peer are dropped, once per window and reason, so that a flood does not fill the log. */
export class DropLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #windows = new Map<string, { readonly since: UnixMs; more: number }>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  note(peer: OperatorIndex, reason: Refusal, facts: Facts): void {
    const name = `${peer} ${reason}`;
    const window = this.#windows.get(name);
    const now = this.#clock.now();
    if (window !== undefined && Math.abs(now - window.since) < DROP_LOG_WINDOW_MS) {
      window.more++;
      return;
    }
    this.#windows.set(name, { since: now, more: 0 });
    const all = { peer, reason, ...facts, ...(window === undefined ? {} : { droppedSince: window.more }) };
    if (HARMLESS.has(reason)) this.#log.debug("Consensus message dropped", all);
    else this.#log.warn("Consensus message dropped", all);
  }
}
