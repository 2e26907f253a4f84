import { multiaddr } from "@multiformats/multiaddr";
import { explain, proto } from "../base/index.ts";
import type { Logger, ProtocolLimits } from "../ports/index.ts";
import { credibleAddresses } from "./addresses.ts";
import { P2pError } from "./errors.ts";
import { ADDRESSES_BYTES_MAX, ADDRESSES_INTERVAL_MS, ADDRESSES_TOLD_MAX } from "./limits.ts";
import type { Links } from "./links.ts";
import type { PeerPlaces } from "./peer-places.ts";
import type { Peer, Roster } from "./roster.ts";

/** A protocol of our own: Charon does not speak it and is none the worse for that (docs/adr/0035). */
export const ADDRESSES_PROTOCOL = "/trireme/addresses/1.0.0";

/** An honest peer asks once a minute. */
export const ADDRESSES_LIMITS: ProtocolLimits = {
  messageBytesMax: ADDRESSES_BYTES_MAX,
  messagesPerSecondMax: 1,
  burstMax: 10,
  receiveTimeoutMs: 5_000,
};

/** The answer to an empty message. */
const Told = proto.message({
  peers: proto.repeated(
    1,
    proto.message({
      /** As text, "16Uiu2...". */
      peerId: proto.string(1),
      /** Multiaddrs in their binary form, without the peer id. */
      addresses: proto.repeatedBytes(2),
    }),
  ),
});

/**
 * Operators tell each other where the others are, so that one that has lost its address book, or whose peer has moved,
 * finds everybody through anybody, without a relay. What is told is a hint: the handshake proves who is at the other end, so
 * a liar costs some dials.
 */
export class AddressExchange {
  readonly #links: Links;
  readonly #log: Logger;
  readonly #places: PeerPlaces;
  readonly #request: (to: Peer, message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
  readonly #roster: Roster;
  readonly #intervalMs: number;

  constructor(needs: {
    links: Links;
    log: Logger;
    places: PeerPlaces;
    request: (to: Peer, message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
    roster: Roster;
    intervalMs?: number;
  }) {
    this.#links = needs.links;
    this.#log = needs.log;
    this.#places = needs.places;
    this.#request = needs.request;
    this.#roster = needs.roster;
    this.#intervalMs = needs.intervalMs ?? ADDRESSES_INTERVAL_MS;
  }

  /** What we tell an operator: where we find the others. */
  answerTo(asker: Peer): Uint8Array {
    const peers = this.#roster.peers
      .filter(({ operator }) => operator !== asker.operator)
      .map((peer) => ({
        peerId: peer.id,
        addresses: this.#places
          .knownOf(peer)
          .slice(0, ADDRESSES_TOLD_MAX)
          .map((address) => multiaddr(address).bytes),
      }));
    return Told.encode({ peers });
  }

  /**
   * Asks a peer as soon as it is connected, then once per interval, as long as somebody is missing; settles when the signal
   * fires, never rejects.
   */
  async keepAsking(peer: Peer, signal: AbortSignal): Promise<void> {
    const changed = this.#links.changed.get(peer.operator);
    while (!signal.aborted) {
      const link = this.#links.best(peer.operator);
      if (link === undefined) {
        await changed?.wait(undefined, signal);
        continue;
      }
      const spoken =
        !this.#somebodyIsMissing() || (await this.#ask(peer, link.connection.remoteAddr, signal));
      // Who does not speak the protocol is asked again over another connection: it may be another program by then.
      const due = spoken ? performance.now() + this.#intervalMs : Number.POSITIVE_INFINITY;
      const rests = (): boolean => {
        const best = this.#links.best(peer.operator);
        return performance.now() < due && (spoken ? best !== undefined : best === link);
      };
      while (!signal.aborted && rests())
        await changed?.wait(spoken ? due - performance.now() : undefined, signal);
    }
  }

  #somebodyIsMissing(): boolean {
    return this.#roster.peers.some(({ operator }) => this.#links.best(operator)?.relayed !== false);
  }

  /** @returns False when the peer does not speak the protocol. */
  async #ask(peer: Peer, via: { toString(): string }, signal: AbortSignal): Promise<boolean> {
    try {
      this.#take(peer, via.toString(), await this.#request(peer, new Uint8Array(0), signal));
    } catch (error) {
      if (signal.aborted) return true;
      this.#log.debug("Peer did not tell where others are", { peer: peer.name, why: explain(error) });
      return !(error instanceof P2pError && error.facts["reason"] === "protocol-unknown");
    }
    return true;
  }

  /** @throws when the answer is none. */
  #take(teller: Peer, via: string, answer: Uint8Array): void {
    const told = new Map(Told.decode(answer).peers.map(({ peerId, addresses }) => [peerId, addresses]));
    for (const peer of this.#roster.peers) {
      const addresses = told.get(peer.id);
      if (addresses === undefined || peer === teller) continue; // Of itself it tells by identify.
      const credible = credibleAddresses(addresses.flatMap(textOf), via, ADDRESSES_TOLD_MAX);
      if (this.#places.heard(teller, peer, credible) && this.#links.best(peer.operator) === undefined) {
        this.#log.debug("Heard where a peer may be", { peer: peer.name, from: teller.name });
        this.#links.changed.get(peer.operator)?.ring();
      }
    }
  }
}

/** None when the bytes are no multiaddr. */
function textOf(bytes: Uint8Array): readonly string[] {
  try {
    return [multiaddr(bytes).toString()];
  } catch {
    return [];
  }
}
