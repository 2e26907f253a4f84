import type { Connection } from "@libp2p/interface";
import { explain, orAborted } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { Backoff } from "./backoff.ts";
import {
  ADDRESSES_HEARD_MAX,
  ADDRESSES_MAX_PER_PEER,
  CALLS_BACK_PER_SECOND_MAX,
  DIAL_BACKOFF_FACTOR,
  DIAL_BACKOFF_FIRST_MS,
  DIAL_BACKOFF_MAX_MS,
  DIAL_CUT_OFF_MAX_MS,
  DIAL_TIMEOUT_MS,
  DIRECT_HEAD_START_MS,
  PING_TIMEOUT_MS,
  UPGRADE_BACKOFF_MAX_MS,
} from "./limits.ts";
import type { Links } from "./links.ts";
import type { Relay } from "./relay.ts";
import type { Peer, Roster } from "./roster.ts";
import { TokenBucket } from "./token-bucket.ts";
import { deadline, pause } from "./waiting.ts";

/** A connection that lasted so long was a success, so the next attempt is quick again. */
const STEADY_AFTER_MS = 5_000;
/** Why a peer is not dialled when nobody could tell where it is. */
const NOWHERE = "its address is not known; name it with --p2p-peers, or a relay with --p2p-relays";
const DIALS_MAX = ADDRESSES_MAX_PER_PEER + ADDRESSES_HEARD_MAX;

/** What the dialer needs of the host. */
export interface DialHost {
  /** Opens a connection; settles when the peer has answered on it. */
  connect(address: string, signal: AbortSignal): Promise<Connection>;
}

/** Where a peer may be found. */
export interface PeerPlaces {
  /** Plain TCP addresses without the peer id, best first; a bounded number. */
  addressesOf(peer: Peer): readonly string[];
  /** Called when a dialled address led to the peer. */
  worked(peer: Peer, address: string): void;
}

/**
 * Keeps one peer connected, for ever: at once and quickly at first, then slower, and quickly again after a disconnect or
 * when a new way appears. A direct connection is the aim; a relayed one serves until then. The other side does the same;
 * two connections at once are avoided where that costs little, and one of them goes later (surplus.ts).
 */
export class Dialer {
  readonly #peer: Peer;
  readonly #needs: {
    readonly host: DialHost;
    readonly places: PeerPlaces;
    readonly links: Links;
    readonly relays: readonly Relay[];
    readonly roster: Roster;
    readonly log: Logger;
    readonly random: () => number;
  };
  readonly #callsBack = new TokenBucket({
    perSecond: CALLS_BACK_PER_SECOND_MAX,
    burst: 1,
    now: performance.now(),
  });
  #lastError: string | undefined;
  #logged = "";
  /** Something has happened since the last attempt began, for which the next one is not waited for. */
  #isCalled = false;
  /** Not while the peer has its head start. */
  #mayBeCalled = false;

  constructor(
    peer: Peer,
    needs: {
      host: DialHost;
      places: PeerPlaces;
      links: Links;
      relays: readonly Relay[];
      roster: Roster;
      log: Logger;
      random: () => number;
    },
  ) {
    this.#peer = peer;
    this.#needs = needs;
  }

  /** Why the last attempt failed; undefined after one that did not. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /**
   * There is a reason to think that the peer can be reached now: it may have called in vain, among strangers who flood us from
   * its address, or another peer is back, and what kept that one away may have kept this one away. If it is not connected it is
   * dialled at once.
   */
  callBack(): void {
    if (!this.#mayBeCalled || this.#needs.links.best(this.#peer.operator) !== undefined) return;
    if (!this.#callsBack.take(performance.now())) return;
    this.#isCalled = true;
    this.#needs.links.changed.get(this.#peer.operator)?.ring();
  }

  /** Settles when the signal fires; never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    const { links, random } = this.#needs;
    const peer = this.#peer;
    const changed = links.changed.get(peer.operator);
    const backoff = (firstMs: number, maxMs: number): Backoff =>
      new Backoff({ firstMs, factor: DIAL_BACKOFF_FACTOR, maxMs }, random);
    const alone = backoff(DIAL_BACKOFF_FIRST_MS, DIAL_BACKOFF_MAX_MS);
    const cutOff = backoff(DIAL_BACKOFF_FIRST_MS, DIAL_CUT_OFF_MAX_MS);
    const relayed = backoff(DIAL_BACKOFF_FIRST_MS * 10, UPGRADE_BACKOFF_MAX_MS);
    if (!this.#isFirst) await changed?.wait(DIRECT_HEAD_START_MS, signal);
    this.#mayBeCalled = true;
    let attempts = 0;
    let connectedSince: number | undefined;
    while (!signal.aborted) {
      const best = links.best(peer.operator);
      const inDoubt = best?.isDoubtful === true;
      if (best !== undefined) {
        connectedSince ??= performance.now();
        if (!inDoubt) attempts = 0;
      } else if (connectedSince !== undefined) {
        // A connection that ends as soon as it begins must not make us dial without pause.
        if (performance.now() - connectedSince >= STEADY_AFTER_MS)
          for (const one of [alone, cutOff]) one.reset();
        else await pause(alone.next(), signal);
        connectedSince = undefined;
      }
      if (best?.relayed === false && !inDoubt) {
        relayed.reset();
        await changed?.wait(undefined, signal);
        continue;
      }
      if (best === undefined && !this.#isFirst && links.hasUnanswered(peer.operator)) {
        await changed?.wait(PING_TIMEOUT_MS, signal);
        if (links.best(peer.operator) !== undefined) continue;
      }
      this.#isCalled = false;
      const relaysToo = (best === undefined || inDoubt) && this.#mayUseRelays(attempts++);
      const connected = await this.#attempt({ relaysToo }, signal);
      if (connected || this.#isCalled) continue;
      // Who reaches nobody is likely to be the one that is cut off, and nobody tells it when that is over.
      const wait = best === undefined ? (links.connected().length > 0 ? alone : cutOff) : relayed;
      await changed?.wait(wait.next(), signal);
    }
  }

  /**
   * Of two that start together the smaller peer id dials at once, and the larger one only when nothing has come of that: else
   * there are two connections, each with its handshake and its pings, where one will do.
   */
  get #isFirst(): boolean {
    return this.#needs.roster.isSmallerThan(this.#peer);
  }

  /** The smaller peer id dials through relays, as in Charon; the other one too when that did not help at once. */
  #mayUseRelays(attempts: number): boolean {
    return attempts > 2 || this.#isFirst;
  }

  async #attempt(options: { readonly relaysToo: boolean }, signal: AbortSignal): Promise<boolean> {
    const { places, links } = this.#needs;
    const direct = places.addressesOf(this.#peer);
    if (direct.length === 0 && !(options.relaysToo && this.#routes().length > 0)) {
      if (links.best(this.#peer.operator) === undefined)
        this.#failed(
          this.#needs.relays.length === 0 ? NOWHERE : "no address of the peer is known yet",
          signal,
        );
      return false;
    }
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, signal]);
    try {
      const directly = this.#first(
        direct.map((address) => `${address}/p2p/${this.#peer.id}`),
        either,
      ).then((address) => places.worked(this.#peer, address.slice(0, -`/p2p/${this.#peer.id}`.length)));
      await Promise.any(options.relaysToo ? [directly, this.#throughRelays(directly, either)] : [directly]);
    } catch (error) {
      this.#failed(summary(error), signal);
      return false;
    } finally {
      over.abort(new Error("another way was quicker"));
    }
    this.#lastError = undefined;
    this.#logged = "";
    return true;
  }

  #routes(): readonly string[] {
    return this.#needs.relays.flatMap((relay) => relay.routesTo(this.#peer));
  }

  /**
   * Dials through the relays once the direct dials have failed, or have had a moment: an address that swallows packets must
   * not keep us from the relays. One that becomes usable meanwhile is used.
   */
  async #throughRelays(directly: Promise<void>, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    directly.catch(() => failed.abort());
    const settled = AbortSignal.any([failed.signal, signal]);
    await pause(DIRECT_HEAD_START_MS, settled);
    const changed = this.#needs.links.changed.get(this.#peer.operator);
    while (this.#routes().length === 0 && !settled.aborted) await changed?.wait(undefined, settled);
    signal.throwIfAborted();
    await this.#first(this.#routes(), signal);
  }

  /** Dials all addresses at once; gives the first that leads to the peer and gives up the others. */
  async #first(addresses: readonly string[], signal: AbortSignal): Promise<string> {
    const limit = deadline(DIAL_TIMEOUT_MS, signal);
    // A signal each: libp2p destroys the socket of a connection whose dial is aborted, even long after it was opened.
    const pending = new Set<AbortController>();
    const giveUp = (): void => {
      for (const dial of pending) dial.abort(limit.signal.reason ?? new Error("another address was quicker"));
    };
    limit.signal.addEventListener("abort", giveUp, { once: true });
    if (limit.signal.aborted) giveUp();
    try {
      const dials = addresses.slice(0, DIALS_MAX).map(async (address) => {
        const dial = new AbortController();
        pending.add(dial);
        await orAborted(this.#needs.host.connect(address, dial.signal), dial.signal);
        pending.delete(dial);
        return address;
      });
      return await Promise.any(dials);
    } finally {
      giveUp();
      limit.clear();
    }
  }

  #failed(why: string, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#lastError = why;
    if (this.#logged === why) return;
    const { log, links } = this.#needs;
    // The first failure is news; that it goes on for whatever reason is not, nor that there is but a way through a relay.
    const isNews = this.#logged === "" && links.best(this.#peer.operator) === undefined;
    this.#logged = why;
    log[isNews ? "info" : "debug"]("Peer not reached; trying again", { peer: this.#peer.name, why });
  }
}

/** The distinct reasons of several failed dials in one line. */
function summary(error: unknown): string {
  const reasons = (one: unknown): readonly string[] =>
    one instanceof AggregateError ? one.errors.flatMap(reasons) : [explain(one)];
  return [...new Set(reasons(error))].slice(0, 4).join("; ") || "no way to the peer";
}
