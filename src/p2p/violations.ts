import type { Logger, Meter } from "../ports/index.ts";
import { VIOLATION_LOG_WINDOW_MS, VIOLATION_WINDOW_MS, VIOLATIONS_MAX_PER_WINDOW } from "./limits.ts";
import { p2pMetrics } from "./metrics.ts";

/** What a peer did wrong: a small closed set, since metrics count by it. */
export type Violation =
  | "not-an-operator"
  | "handshake"
  | "rate"
  | "concurrency"
  | "memory"
  | "too-large"
  | "bad-length"
  | "incomplete"
  | "too-slow"
  | "handler-threw"
  | "handler-too-slow"
  | "stream-rate"
  | "unnegotiated-bytes"
  | "no-protocol"
  | "unfinished-frame"
  | "frame-rate"
  | "ping-rate"
  | "too-many-connections";

/**
 * The account of what peers did wrong: counted in a metric, logged once per window, peer and reason; a peer that goes on
 * and on is put out for a while. Peers are names from a small closed set ("operator-2", "relay", "stranger").
 */
export class Violations {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #onExcess: (peer: string) => void;
  readonly #counter: { add(by: number, labels: Record<string, string>): void };
  readonly #logged = new Map<string, { at: number; dropped: number }>();
  readonly #windows = new Map<string, { since: number; count: number; putOut: boolean }>();

  /** @param needs.onExcess - Called once per window when a peer has more violations than the cap. */
  constructor(needs: { log: Logger; meter: Meter; now: () => number; onExcess: (peer: string) => void }) {
    this.#log = needs.log;
    this.#now = needs.now;
    this.#onExcess = needs.onExcess;
    this.#counter = p2pMetrics(needs.meter).violations;
  }

  /**
   * @param protocol - One of our registered protocols, or "" where none is known.
   * @param detail - For the log only.
   */
  count(peer: string, reason: Violation, protocol = "", detail = ""): void {
    this.#counter.add(1, { peer, reason, protocol });
    this.#logOnce(peer, reason, protocol, detail);
    const now = this.#now();
    let window = this.#windows.get(peer);
    if (window === undefined || now - window.since >= VIOLATION_WINDOW_MS) {
      window = { since: now, count: 0, putOut: false };
      this.#windows.set(peer, window);
    }
    window.count++;
    if (window.count > VIOLATIONS_MAX_PER_WINDOW && !window.putOut) {
      window.putOut = true;
      this.#log.warn("Peer put out for a while because of its many violations", { peer });
      this.#onExcess(peer);
    }
  }

  /** Whether a peer has used up its violations of the current window. */
  isPutOut(peer: string): boolean {
    const window = this.#windows.get(peer);
    return window?.putOut === true && this.#now() - window.since < VIOLATION_WINDOW_MS;
  }

  #logOnce(peer: string, reason: Violation, protocol: string, detail: string): void {
    const key = `${peer} ${reason}`;
    const last = this.#logged.get(key);
    const now = this.#now();
    if (last !== undefined && now - last.at < VIOLATION_LOG_WINDOW_MS) {
      last.dropped++;
      return;
    }
    this.#logged.set(key, { at: now, dropped: 0 });
    this.#log.warn("Dropped what a peer sent", {
      peer,
      reason,
      protocol,
      detail: detail.slice(0, 200),
      ...(last === undefined || last.dropped === 0 ? {} : { moreSinceLastLine: last.dropped }),
    });
  }
}
