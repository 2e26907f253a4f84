import type { PeerId } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { explain } from "../base/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import { sleepUntil } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { Host } from "./host.ts";
import type { HeardInfo } from "./peerinfo.ts";
import { connectionTo } from "./streams.ts";

/** Waits between attempts to reach a peer; quick at first, since clusters start together. */
const RETRY_MS = [200, 300, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
const DIAL_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;

/** What an operator sees of a peer. */
export interface PeerStatus {
  readonly operator: OperatorIndex;
  readonly peerId: string;
  readonly connected: boolean;
  readonly direct: boolean;
  readonly rttMs: number | undefined;
  readonly info: HeardInfo | undefined;
  readonly lastError: string;
}

export interface PeerOptions {
  readonly operator: OperatorIndex;
  readonly id: PeerId;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the peer may be reached, best first. */
  readonly addresses: () => readonly Multiaddr[];
  /** In [0, 1); spreads attempts. */
  readonly jitter: () => number;
  readonly onConnected: (peer: Peer) => void;
}

/** One other operator: keeps a connection to it, and knows how well it answers. */
export class Peer {
  readonly operator: OperatorIndex;
  readonly id: PeerId;
  readonly #options: PeerOptions;
  info: HeardInfo | undefined;
  rttMs: number | undefined;
  lastError = "";
  #answers = false;
  #wake: (() => void) | undefined;

  constructor(options: PeerOptions) {
    this.operator = options.operator;
    this.id = options.id;
    this.#options = options;
  }

  /** Counts as connected only when it has answered: a refused connection looks open for a moment. */
  get connected(): boolean {
    return this.#answers && connectionTo(this.#options.host, this.id) !== undefined;
  }

  status(): PeerStatus {
    const connection = connectionTo(this.#options.host, this.id);
    return {
      operator: this.operator,
      peerId: this.id.toString(),
      connected: this.connected,
      direct: connection !== undefined && connection.limits === undefined,
      rttMs: this.rttMs,
      info: this.info,
      lastError: this.lastError,
    };
  }

  /** Something changed (a connection came or went): look at once. */
  poke(): void {
    this.#wake?.();
  }

  /** Runs until the signal fires: connects, watches, reconnects. */
  async keep(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const open = connectionTo(this.#options.host, this.id) !== undefined || (await this.#dial(signal));
      const answers = open && (await this.#ping(signal));
      if (answers && !this.#answers) {
        this.#answers = true;
        this.#options.log.info("Peer connected", {
          peer: this.operator,
          rttMs: Math.round(10 * (this.rttMs ?? 0)) / 10,
          direct: this.status().direct,
        });
        this.#options.onConnected(this);
      } else if (!answers && this.#answers) {
        this.#answers = false;
        this.#options.log.warn("Peer lost", { peer: this.operator, why: this.lastError });
      }
      failures = answers ? 0 : failures + 1;
      if (failures % 8 === 4)
        this.#options.log.debug("Peer cannot be reached", {
          peer: this.operator,
          failures,
          why: this.lastError,
        });
      const retryMs = RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? RETRY_MS[0];
      await this.#rest(answers ? PING_EVERY_MS : retryMs * (0.75 + 0.5 * this.#options.jitter()), signal);
    }
  }

  /** Sleeps, unless poked. */
  async #rest(forMs: number, signal: AbortSignal): Promise<void> {
    const early = new AbortController();
    this.#wake = () => early.abort(new Error("poked"));
    await sleepUntil(
      this.#options.clock,
      this.#options.clock.now() + forMs,
      AbortSignal.any([signal, early.signal]),
    ).catch(() => {});
    this.#wake = undefined;
  }

  async #dial(signal: AbortSignal): Promise<boolean> {
    const addresses = this.#options.addresses();
    if (addresses.length === 0) {
      this.lastError = "no address known";
      return false;
    }
    try {
      await this.#options.host.dial([...addresses], {
        signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]),
      });
      return true;
    } catch (error) {
      this.lastError = explain(error).slice(0, 200);
      return false;
    }
  }

  async #ping(signal: AbortSignal): Promise<boolean> {
    const connection = connectionTo(this.#options.host, this.id);
    if (connection === undefined) return false;
    try {
      const until = AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]);
      this.rttMs = await this.#options.host.services.ping.ping(this.id, {
        signal: until,
        runOnLimitedConnection: true,
      });
      return true;
    } catch (error) {
      this.lastError = explain(error).slice(0, 200);
      // A connection that does not answer is of no use, and stands in the way of a new one.
      if (!signal.aborted) connection.abort(new Error("the peer does not answer"));
      return false;
    }
  }
}
