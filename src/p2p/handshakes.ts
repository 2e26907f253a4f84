import type { ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { hostOf } from "./addresses.ts";
import {
  circuitHandshakesMax,
  handshakeFairMs,
  handshakeSilentMs,
  handshakesMax,
  handshakesMaxPerHost,
  handshakesPerSecondPerHostMax,
  handshakeTimeoutMs,
} from "./limits.ts";

/** One connection whose other end has not proved who it is. */
interface Handshake {
  readonly connection: InnerConnection;
  readonly host: string;
  readonly isKnown: boolean;
  readonly since: number;
  spoke: boolean;
  timer: NodeJS.Timeout;
}

/** What libp2p's connections have beside their interface; pinned by the exact version in package.json and by our tests. */
interface InnerConnection extends MultiaddrConnection {
  onData(data: Uint8Array | Uint8ArrayList): void;
}

/**
 * The handshakes under way with those who call us. Anybody can open connections, and only a finished handshake tells peers
 * from strangers; so places are few, and when they are taken it is not the newcomer who pays: the oldest connection that
 * has said nothing makes place, since peers speak at once. Circuits through relays have places of their own.
 */
export class Handshakes {
  readonly #isKnown: (host: string) => boolean;
  readonly #onRefused: () => void;
  readonly #direct = new Set<Handshake>();
  readonly #circuits = new Set<Handshake>();
  readonly #of = new Map<MultiaddrConnection, Handshake>();
  /** Who spoke in the second that began at `#countedSince`. */
  readonly #spoken = new Map<string, number>();
  #countedSince = 0;

  /**
   * @param needs.isKnown - Whether peers have been at an address: those are spared before others.
   * @param needs.onRefused - Told of each handshake for which there was no place, or no time.
   */
  constructor(needs: { isKnown: (host: string) => boolean; onRefused: () => void }) {
    this.#isKnown = needs.isKnown;
    this.#onRefused = needs.onRefused;
  }

  /** Takes in a connection that has just been opened; false when it must be closed. */
  admit(connection: MultiaddrConnection): boolean {
    const address = connection.remoteAddr.toString();
    const [places, placesMax] = address.includes("/p2p-circuit")
      ? [this.#circuits, circuitHandshakesMax]
      : [this.#direct, handshakesMax];
    const host = hostOf(address);
    const isKnown = this.#isKnown(host);
    const ofHost = [...places].filter((other) => other.host === host);
    const hasPlace =
      (ofHost.length < handshakesMaxPerHost || this.#makePlace(ofHost, isKnown)) &&
      (places.size < placesMax || this.#makePlace([...places], isKnown));
    if (hasPlace) this.#begin(places, { connection: connection as InnerConnection, host, isKnown });
    else this.#onRefused();
    return hasPlace;
  }

  /** The other end has proved who it is, and the connection is ready. */
  finished(connection: MultiaddrConnection): void {
    this.#forget(this.#of.get(connection));
  }

  #begin(
    places: Set<Handshake>,
    { connection, host, isKnown }: Pick<Handshake, "connection" | "host" | "isKnown">,
  ): void {
    const silent = setTimeout(() => this.#end(handshake, "nothing was said"), handshakeSilentMs);
    const handshake: Handshake = {
      connection,
      host,
      isKnown,
      since: performance.now(),
      spoke: false,
      timer: silent,
    };
    places.add(handshake);
    this.#of.set(connection, handshake);
    connection.addEventListener("close", () => this.#forget(handshake), { once: true });
    const deliver = connection.onData.bind(connection);
    connection.onData = (data) => {
      connection.onData = deliver;
      clearTimeout(handshake.timer);
      handshake.spoke = true;
      if (!this.#maySpeak(host)) return this.#refuse(handshake, "too many in a second");
      handshake.timer = setTimeout(() => this.#end(handshake, "it took too long"), handshakeTimeoutMs);
      deliver(data);
    };
  }

  /** A handshake costs work only once the other end has spoken. */
  #maySpeak(host: string): boolean {
    const now = performance.now();
    if (now - this.#countedSince >= 1_000) {
      this.#spoken.clear();
      this.#countedSince = now;
    }
    const spoken = (this.#spoken.get(host) ?? 0) + 1;
    this.#spoken.set(host, spoken);
    return spoken <= handshakesPerSecondPerHostMax;
  }

  /** Ends the one that can best be spared: silent before speaking, unknown before known, old before new. */
  #makePlace(among: readonly Handshake[], forKnown: boolean): boolean {
    const now = performance.now();
    const [spared] = among
      .filter(
        ({ spoke, since, isKnown }) => !spoke || now - since >= handshakeFairMs || (forKnown && !isKnown),
      )
      .toSorted(
        (a, b) =>
          Number(a.spoke) - Number(b.spoke) || Number(a.isKnown) - Number(b.isKnown) || a.since - b.since,
      );
    if (spared !== undefined) this.#refuse(spared, "it makes place for a newer one");
    return spared !== undefined;
  }

  #refuse(handshake: Handshake, why: string): void {
    this.#onRefused();
    this.#end(handshake, why);
  }

  #end(handshake: Handshake, why: string): void {
    this.#forget(handshake);
    handshake.connection.abort(new Error(`handshake ended: ${why}`));
  }

  #forget(handshake: Handshake | undefined): void {
    if (handshake === undefined) return;
    clearTimeout(handshake.timer);
    this.#of.delete(handshake.connection);
    this.#direct.delete(handshake);
    this.#circuits.delete(handshake);
  }
}

/** Where libp2p asks and tells of handshakes. */
export function handshakeGate(
  handshakes: Handshakes,
): Pick<ConnectionGater, "denyInboundConnection" | "denyInboundUpgradedConnection"> {
  return {
    denyInboundConnection: (connection) => !handshakes.admit(connection),
    denyInboundUpgradedConnection: (_, connection) => {
      handshakes.finished(connection);
      return false;
    },
  };
}

/** libp2p's own caps refuse the newest, whoever has the places: they are out of the way. */
export const handshakesAreOurs = {
  maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
  inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
} as const;
