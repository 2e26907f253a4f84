import type { Connection } from "@libp2p/interface";
import { explain, proto } from "../base/index.ts";
import type { Logger, Meter } from "../ports/index.ts";
import { Backoff } from "./backoff.ts";
import { P2pError } from "./errors.ts";
import { frame, readFrame } from "./framing.ts";
import { ping, whileAnswering } from "./heartbeat.ts";
import { lazily } from "./lazy-negotiation.ts";
import {
  DIAL_BACKOFF_FACTOR,
  DIAL_TIMEOUT_MS,
  LOST_PINGS_MAX,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
  RELAY_BACKOFF_FIRST_MS,
  RELAY_BACKOFF_MAX_MS,
  RELAY_RESOLVE_INTERVAL_MS,
  RELAY_STEADY_AFTER_MS,
  RESERVATION_MARGIN_MS,
  RESERVATION_MAX_MS,
  RESERVATION_MIN_MS,
} from "./limits.ts";
import { p2pMetrics } from "./metrics.ts";
import { queryRelay, type ReadEnr, type RelayPlace, type RelaySource } from "./relay-address.ts";
import type { Peer, Roster } from "./roster.ts";
import { endSoon } from "./stream-end.ts";
import { type Bell, deadline, pause } from "./waiting.ts";

const HOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/hop";
/** HopMessage{type: RESERVE}; the type is written although it is zero, since its presence is demanded. */
const reserve = Uint8Array.of(0x08, 0x00);
const STATUS_OK = 100;
const HopMessage = proto.message({
  type: proto.int32(1),
  reservation: proto.sub(3, proto.message({ expire: proto.uint64(1) })),
  status: proto.int32(5),
});

/**
 * Takes a slot at the relay, so that peers can reach us through it.
 *
 * @returns For how long, in milliseconds, within our own bounds.
 * @throws P2pError `p2p/relay` - refused; other errors when the connection broke or the signal fired.
 * @spec libp2p relay/circuit-v2.md#reservation
 */
export async function reserveSlot(
  connection: Connection,
  unixNow: number,
  signal: AbortSignal,
): Promise<number> {
  const stream = await connection.newStream(HOP_PROTOCOL, lazily({ signal }));
  try {
    const answer = readFrame(stream, { bytesMax: 64 * 1024, signal });
    answer.catch(() => {}); // Nobody waits for it when the question cannot be sent.
    stream.send(frame(reserve));
    const { status, reservation } = HopMessage.decode(await answer);
    if (status !== STATUS_OK)
      throw new P2pError("p2p/relay", "reserve a slot", {
        facts: { status },
        hint: "The relay is full or does not serve this cluster. Use more than one relay.",
      });
    const lasts = (reservation?.expire ?? 0) * 1000 - unixNow;
    return Math.max(RESERVATION_MIN_MS, Math.min(RESERVATION_MAX_MS, lasts));
  } finally {
    endSoon(stream);
  }
}

/** How often a relay in use is pinged, and how long its answers are waited for, in milliseconds. */
interface Waits {
  readonly pingEveryMs: number;
  readonly pingAnswerMs: number;
  readonly slotAnswerMs: number;
}

/** A relay that is not in use is told of in so many ways at most. */
const REASONS_TOLD_MAX = 8;

/** What a relay needs of the host. */
export interface RelayHost {
  connectionsTo(peerId: string): readonly Connection[];
  dial(address: string, signal: AbortSignal): Promise<Connection>;
}

/**
 * One relay, kept in use: found, connected, a slot reserved and renewed. Whatever goes wrong with it costs its own use and
 * no more; it is tried again for ever.
 */
export class Relay {
  /** Label in metrics and logs: "relay-0". */
  readonly name: string;
  readonly #source: RelaySource;
  readonly #needs: {
    readonly roster: Roster;
    readonly host: RelayHost;
    readonly log: Logger;
    readonly readEnr: ReadEnr;
    readonly headers: Readonly<Record<string, string>>;
    readonly unixNow: () => number;
    readonly random: () => number;
    readonly bells: Iterable<Bell>;
  };
  readonly #waits: Waits;
  readonly #connected: { set(value: number, labels: Record<string, string>): void };
  #place: RelayPlace | undefined;
  #resolvedAt = Number.NEGATIVE_INFINITY;
  #ready = false;
  /** Reasons that were logged since it was last in use. */
  readonly #told = new Set<string>();

  constructor(
    name: string,
    source: RelaySource,
    needs: {
      roster: Roster;
      host: RelayHost;
      log: Logger;
      meter: Meter;
      readEnr: ReadEnr;
      headers: Readonly<Record<string, string>>;
      unixNow: () => number;
      random: () => number;
      /** Rung when peers can be reached through this relay. */
      bells: Iterable<Bell>;
      /** Default: those of limits.ts. */
      waits?: Waits;
    },
  ) {
    this.name = name;
    this.#source = source;
    this.#needs = needs;
    this.#waits = needs.waits ?? {
      pingEveryMs: PING_INTERVAL_MS,
      pingAnswerMs: PING_TIMEOUT_MS,
      slotAnswerMs: DIAL_TIMEOUT_MS,
    };
    this.#connected = p2pMetrics(needs.meter).relays;
    this.#connected.set(0, { peer: name });
  }

  /** Whether a slot is reserved right now. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Addresses of a peer through this relay; none while it is not usable. */
  routesTo(peer: Peer): readonly string[] {
    const place = this.#place;
    if (place === undefined || !this.#ready || place.peerId === peer.id) return [];
    return place.addresses.map((address) => `${address}/p2p/${place.peerId}/p2p-circuit/p2p/${peer.id}`);
  }

  /** Closes every connection to it. */
  drop(reason: string): void {
    const { host } = this.#needs;
    if (this.#place === undefined) return;
    for (const connection of host.connectionsTo(this.#place.peerId)) connection.abort(new Error(reason));
  }

  /** Settles when the signal fires; never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(
      { firstMs: RELAY_BACKOFF_FIRST_MS, factor: DIAL_BACKOFF_FACTOR, maxMs: RELAY_BACKOFF_MAX_MS },
      this.#needs.random,
    );
    while (!signal.aborted) {
      try {
        const place = await this.#find(signal);
        const connection = await this.#connect(place, signal);
        const forMs = await this.#reserve(connection, signal);
        const since = performance.now();
        try {
          await this.#use(connection, forMs, signal);
        } finally {
          if (performance.now() - since >= RELAY_STEADY_AFTER_MS) backoff.reset();
        }
      } catch (error) {
        if (!signal.aborted) this.#report(explain(error));
      }
      this.#ready = false;
      this.#connected.set(0, { peer: this.name });
      await pause(backoff.next(), signal);
    }
  }

  async #find(signal: AbortSignal): Promise<RelayPlace> {
    const source = this.#source;
    if (source.kind === "fixed") this.#setPlace(source.place);
    else if (performance.now() - this.#resolvedAt >= RELAY_RESOLVE_INTERVAL_MS || this.#place === undefined) {
      const { headers, readEnr } = this.#needs;
      try {
        this.#setPlace(await queryRelay(source.url, { headers, readEnr, signal }));
        this.#resolvedAt = performance.now();
      } catch (error) {
        if (this.#place === undefined) throw error; // Where it was last is better than nowhere.
        this.#report(explain(error));
      }
    }
    if (this.#place === undefined) throw new P2pError("p2p/relay", "find relay");
    return this.#place;
  }

  #setPlace(place: RelayPlace): void {
    const before = this.#place;
    this.#place = place;
    if (before?.peerId === place.peerId) return;
    this.#needs.roster.setRelay(this.name, place.peerId);
    if (before !== undefined)
      for (const connection of this.#needs.host.connectionsTo(before.peerId))
        if (this.#needs.roster.whoIs(connection.remotePeer) === undefined)
          connection.abort(new Error("relay has another peer id now"));
  }

  async #connect(place: RelayPlace, signal: AbortSignal): Promise<Connection> {
    const { host } = this.#needs;
    const open = host.connectionsTo(place.peerId).find(({ status }) => status === "open");
    if (open !== undefined) return open;
    let cause: unknown;
    for (const address of place.addresses) {
      const limit = deadline(DIAL_TIMEOUT_MS, signal);
      try {
        return await host.dial(`${address}/p2p/${place.peerId}`, limit.signal);
      } catch (error) {
        signal.throwIfAborted();
        cause = error;
      } finally {
        limit.clear();
      }
    }
    throw new P2pError("p2p/relay", "connect to relay", { cause });
  }

  async #reserve(connection: Connection, signal: AbortSignal): Promise<number> {
    const limit = deadline(this.#waits.slotAnswerMs, signal);
    try {
      return await reserveSlot(connection, this.#needs.unixNow(), limit.signal);
    } catch (error) {
      // Its other end may be gone without a word, and it must not be found again as an open one.
      if (limit.signal.aborted) connection.abort(new Error("relay does not answer"));
      throw error;
    } finally {
      limit.clear();
    }
  }

  /** Until the connection ends, the slot must be renewed, or the relay may have moved. */
  async #use(connection: Connection, forMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#ready) {
      this.#ready = true;
      this.#told.clear();
      this.#connected.set(1, { peer: this.name });
      this.#needs.log.info("Relay in use", { relay: this.name, peerId: this.#place?.peerId ?? "" });
      for (const bell of this.#needs.bells) bell.ring();
    }
    const renewAt = performance.now() + Math.max(RESERVATION_MIN_MS / 2, forMs - RESERVATION_MARGIN_MS);
    for (;;) {
      const moved = this.#source.kind === "url" ? performance.now() + RELAY_RESOLVE_INTERVAL_MS : renewAt;
      await this.#whileAnswering(connection, Math.min(renewAt, moved), signal);
      if (signal.aborted || connection.status !== "open") return;
      const before = this.#place?.peerId;
      if ((await this.#find(signal)).peerId !== before) return;
      if (performance.now() < renewAt) continue;
      return await this.#use(connection, await this.#reserve(connection, signal), signal);
    }
  }

  /**
   * Pings the relay until `at`, or until the connection or the signal ends.
   *
   * @throws P2pError `p2p/relay` - too many pings in a row were lost: the connection is dead, and is ended.
   */
  async #whileAnswering(connection: Connection, at: number, signal: AbortSignal): Promise<void> {
    const limit = deadline(Math.max(0, at - performance.now()), signal);
    const closed = new AbortController();
    const onClose = (): void => closed.abort();
    connection.addEventListener("close", onClose, { once: true });
    if (connection.status !== "open") onClose();
    const ended = AbortSignal.any([limit.signal, closed.signal]);
    const { pingEveryMs, pingAnswerMs } = this.#waits;
    try {
      const fate = await whileAnswering(() => isAnswering(connection, pingAnswerMs, ended), {
        everyMs: pingEveryMs,
        ended,
        patience: () => LOST_PINGS_MAX,
      });
      if (fate === "ended") return;
      connection.abort(new Error("relay does not answer pings"));
      throw new P2pError("p2p/relay", "ping relay");
    } finally {
      limit.clear();
      connection.removeEventListener("close", onClose);
    }
  }

  /** Each reason once: a relay that is down fails in two ways in turn, twice a minute, and for days. */
  #report(why: string): void {
    if (this.#told.has(why) || this.#told.size >= REASONS_TOLD_MAX) return;
    this.#told.add(why);
    this.#needs.log.warn("Relay not usable; trying again", { relay: this.name, why });
  }
}

/** Whether anything comes back: a relay that does not know pings says so, which is an answer too. */
async function isAnswering(connection: Connection, withinMs: number, signal: AbortSignal): Promise<boolean> {
  const limit = deadline(withinMs, signal);
  try {
    await ping(connection, limit.signal);
    return true;
  } catch {
    return !limit.signal.aborted;
  } finally {
    limit.clear();
  }
}
