import type { ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { hostOf } from "./addresses.ts";
import { capAnswers } from "./answer-cap.ts";
import {
  CIRCUIT_HANDSHAKES_MAX,
  HANDSHAKE_ANSWERS_MAX,
  HANDSHAKE_FAIR_MS,
  HANDSHAKE_SILENT_MS,
  HANDSHAKE_TIMEOUT_MS,
  HANDSHAKES_MAX,
  HANDSHAKES_MAX_PER_HOST,
  HANDSHAKES_PER_SECOND_OF_STRANGERS_MAX,
  HANDSHAKES_PER_SECOND_PER_HOST_MAX,
  HANDSHAKES_PER_SECOND_PER_PEER_MAX,
} from "./limits.ts";
import { Lots } from "./lots.ts";

/** One connection whose other end has not proved who it is. */
interface Handshake {
  readonly connection: InnerConnection;
  readonly host: string;
  /** The peers that have been at the address. */
  readonly peers: readonly string[];
  readonly isKnown: boolean;
  readonly lane: Lane;
  /** When it was opened, and when it spoke. */
  since: number;
  timer: NodeJS.Timeout;
  /** Lets us send whatever we like on it. */
  free: () => void;
}

/** The two ways to us, of which one cannot be filled through the other. */
interface Lane {
  readonly placesMax: number;
  readonly lots: Lots;
  /** Who has said nothing yet, and who is being served; the oldest first. */
  readonly silent: Set<Handshake>;
  readonly served: Set<Handshake>;
}

/** What libp2p's connections have beside their interface; pinned by the exact version in package.json and by our tests. */
interface InnerConnection extends MultiaddrConnection {
  onData(data: Uint8Array | Uint8ArrayList): void;
}

/**
 * The handshakes under way with those who call us. Anybody can open connections, and only a finished handshake, which costs
 * us some 7 ms, tells peers from strangers. Three rules keep strangers from shutting peers out and from taking our time:
 *
 * 1. Who says nothing costs a place and no more. Places are few, and the oldest silent one makes place for the newest, since
 *    peers speak at once.
 * 2. Who speaks is served up to a rate, of each address, of all addresses of a peer, which may make up more than it has,
 *    and of all that are unknown. Beyond, everybody has the same chance at every try, whatever the others' timing; and where places are taken, lots are cast again. So from the address of a
 *    flood ten times the rate a peer gets in at every tenth try or so, and it tries until it does; and we dial it ourselves.
 * 3. Who is served is answered so often: each line that proposes a protocol is a line from us, and a handshake has few.
 */
export class Handshakes {
  readonly #peersAt: (host: string) => readonly string[];
  readonly #onRefused: (peers: readonly string[]) => void;
  readonly #random: () => number;
  readonly #strangersPerSecondMax: number;
  readonly #direct: Lane;
  readonly #circuits: Lane;
  readonly #of = new Map<MultiaddrConnection, Handshake>();

  /**
   * @param needs.peersAt - Names of the peers that have been at an address, which is then spared before others.
   * @param needs.onRefused - Told of each handshake for which there was no place, or no time, and which peers it may have been.
   * @param needs.random - Harmless chance, uniform in [0, 1).
   * @param needs.strangersPerSecondMax - How many of unknown addresses are served; default: what leaves time for duties.
   */
  constructor(needs: {
    peersAt: (host: string) => readonly string[];
    onRefused: (peers: readonly string[]) => void;
    random?: () => number;
    strangersPerSecondMax?: number;
  }) {
    this.#peersAt = needs.peersAt;
    this.#onRefused = needs.onRefused;
    this.#random = needs.random ?? Math.random;
    this.#strangersPerSecondMax = needs.strangersPerSecondMax ?? HANDSHAKES_PER_SECOND_OF_STRANGERS_MAX;
    const newLane = (placesMax: number): Lane => {
      return { placesMax, lots: new Lots(this.#random), silent: new Set(), served: new Set() };
    };
    this.#direct = newLane(HANDSHAKES_MAX);
    this.#circuits = newLane(CIRCUIT_HANDSHAKES_MAX);
  }

  /** Takes in a connection that has just been opened. */
  admit(connection: MultiaddrConnection): void {
    const address = connection.remoteAddr.toString();
    const lane = address.includes("/p2p-circuit") ? this.#circuits : this.#direct;
    const host = hostOf(address);
    const ofHost = [...lane.silent].filter((other) => other.host === host);
    if (ofHost.length >= HANDSHAKES_MAX_PER_HOST) this.#refuse(ofHost[0], "it makes place for a newer one");
    else if (lane.silent.size >= lane.placesMax)
      this.#refuse(
        [...lane.silent].find(({ isKnown }) => !isKnown) ?? [...lane.silent][0],
        "it makes place for a newer one",
      );
    const peers = this.#peersAt(host);
    this.#listen({
      connection: connection as InnerConnection,
      host,
      peers,
      isKnown: peers.length > 0,
      lane,
      since: performance.now(),
      timer: setTimeout(() => this.#end(this.#of.get(connection), "nothing was said"), HANDSHAKE_SILENT_MS),
      free: capAnswers(connection, HANDSHAKE_ANSWERS_MAX, () =>
        this.#refuse(this.#of.get(connection), "one proposal after the other"),
      ),
    });
  }

  /** The other end has proved who it is, and the connection is ready. */
  finished(connection: MultiaddrConnection): void {
    this.#forget(this.#of.get(connection));
  }

  #listen(handshake: Handshake): void {
    const { connection, lane } = handshake;
    lane.silent.add(handshake);
    this.#of.set(connection, handshake);
    connection.addEventListener("close", () => this.#forget(handshake), { once: true });
    const deliver = connection.onData.bind(connection);
    connection.onData = (data) => {
      connection.onData = deliver;
      if (this.#serve(handshake)) deliver(data);
    };
  }

  /** A handshake costs work only once the other end has spoken. */
  #serve(handshake: Handshake): boolean {
    const { host, isKnown, peers, lane } = handshake;
    lane.silent.delete(handshake);
    clearTimeout(handshake.timer);
    handshake.since = performance.now();
    const isDrawn =
      lane.lots.draw(host, HANDSHAKES_PER_SECOND_PER_HOST_MAX) &&
      (isKnown
        ? peers.some((peer) => lane.lots.draw(peer, HANDSHAKES_PER_SECOND_PER_PEER_MAX))
        : lane.lots.draw(STRANGERS, this.#strangersPerSecondMax));
    const ofHost = [...lane.served].filter((other) => other.host === host);
    const hasPlace =
      isDrawn &&
      (ofHost.length < HANDSHAKES_MAX_PER_HOST || this.#makePlace(ofHost, isKnown)) &&
      (lane.served.size < lane.placesMax || this.#makePlace([...lane.served], isKnown));
    if (!hasPlace) {
      this.#refuse(handshake, "too many");
      return false;
    }
    lane.served.add(handshake);
    handshake.timer = setTimeout(() => this.#end(handshake, "it took too long"), HANDSHAKE_TIMEOUT_MS);
    return true;
  }

  /** Ends one of those being served: the one that takes longest; of those that are in time a stranger, by lot. */
  #makePlace(among: readonly Handshake[], forKnown: boolean): boolean {
    const slowest = among.find(({ since }) => performance.now() - since >= HANDSHAKE_FAIR_MS);
    const strange = among.filter(({ isKnown }) => !isKnown);
    const spared = slowest ?? this.#anyOf(strange) ?? (forKnown ? this.#anyOf(among) : undefined);
    this.#refuse(spared, "it makes place for another");
    return spared !== undefined;
  }

  #anyOf(among: readonly Handshake[]): Handshake | undefined {
    return among[Math.floor(this.#random() * among.length)];
  }

  #refuse(handshake: Handshake | undefined, why: string): void {
    if (handshake !== undefined) this.#onRefused(handshake.peers);
    this.#end(handshake, why);
  }

  #end(handshake: Handshake | undefined, why: string): void {
    this.#forget(handshake);
    handshake?.connection.abort(new Error(`handshake ended: ${why}`));
  }

  #forget(handshake: Handshake | undefined): void {
    if (handshake === undefined) return;
    clearTimeout(handshake.timer);
    handshake.free();
    this.#of.delete(handshake.connection);
    handshake.lane.silent.delete(handshake);
    handshake.lane.served.delete(handshake);
  }
}

/** All unknown addresses together, where lots are drawn. */
const STRANGERS = "strangers";

/** Where libp2p asks and tells of handshakes. */
export function handshakeGate(
  handshakes: Handshakes,
): Pick<ConnectionGater, "denyInboundConnection" | "denyInboundUpgradedConnection"> {
  return {
    denyInboundConnection: (connection) => {
      handshakes.admit(connection);
      return false;
    },
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
