import { type CircuitRelayService, circuitRelayServer } from "@libp2p/circuit-relay-v2";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Connection, MultiaddrConnection, PeerId, PeerStore, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import { hostOf, scopeOf, tcpAddress } from "./addresses.ts";
import { CircuitBrake } from "./circuit-brake.ts";
import { type CircuitHandler, withSmallAnswers, withSmallWishes } from "./circuit-wishes.ts";
import { listenFailed } from "./errors.ts";
import { Handshakes, handshakeGate, handshakesAreOurs } from "./handshakes.ts";
import { silentLogger } from "./host.ts";
import { limitIdentify } from "./identify-rate.ts";
import {
  HANDSHAKE_TIMEOUT_MS,
  NEGOTIATION_TIMEOUT_MS,
  RELAY_FORGET_PEER_MS,
  RELAY_HANDSHAKES_PER_SECOND_MAX,
  RELAY_RESERVATION_MS,
  RELAY_STREAM_WINDOW_BYTES_MAX,
  RELAYED_BYTES_MAX,
  RELAYED_CIRCUIT_MS,
  STREAMS_MAX_PER_CONNECTION,
} from "./limits.ts";
import { withStreamGuard } from "./stream-guard.ts";

export interface RelayServerOptions {
  /** 32 bytes: who the relay is. */
  readonly privateKey: Uint8Array;
  /** "host:port" or multiaddrs. */
  readonly listen: readonly string[];
  /** Addresses that are told in addition to those it finds of itself. */
  readonly announce: readonly string[];
  /** Whether addresses of a private network or of this machine are told too. */
  readonly tellPrivate: boolean;
  readonly connectionsMax: number;
  /** Connections from one address; each operator needs one. */
  readonly connectionsPerHostMax: number;
  readonly agent: string;
}

/** A relay that serves whoever asks, within limits. */
export interface RelayServer {
  readonly peerId: string;
  /** Multiaddrs with the peer id, public ones first. */
  addresses(): readonly string[];
  status(): { readonly connections: number; readonly reservations: number };
  stop(): Promise<void>;
}

/**
 * A circuit relay v2 that nodes of any cluster can meet through. It sees only encrypted bytes, and cannot pretend to be
 * an operator. Its limits are those of Charon's relay.
 *
 * @throws P2pError `p2p/bad-option`, `p2p/listen-failed`
 * @spec libp2p relay/circuit-v2.md
 */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const hosts = new HostCap(options.connectionsPerHostMax);
  const handshakes = handshakeGate(
    new Handshakes({
      peersAt: () => [],
      onRefused: () => {},
      strangersPerSecondMax: RELAY_HANDSHAKES_PER_SECOND_MAX,
    }),
  );
  const announce = options.announce.map((address) => tcpAddress(address, "address to announce").toString());
  const listen = options.listen.map((address) => tcpAddress(address, "listen address").toString());
  const node = await createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(options.privateKey),
    nodeInfo: { userAgent: options.agent },
    logger: silentLogger,
    addresses: { listen, appendAnnounce: announce },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      withStreamGuard(
        yamux({
          maxInboundStreams: STREAMS_MAX_PER_CONNECTION,
          streamOptions: { maxStreamWindowSize: RELAY_STREAM_WINDOW_BYTES_MAX },
        }),
        () => {},
        () => performance.now(),
      ),
    ],
    connectionGater: {
      ...handshakes,
      denyInboundConnection: (connection) =>
        !hosts.admit(connection) || handshakes.denyInboundConnection?.(connection) === true,
      denyDialMultiaddr: () => true, // It answers, and never calls.
    },
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: options.connectionsMax,
      ...handshakesAreOurs,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      reconnectRetries: 0,
    },
    services: {
      identify: identify(),
      ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }),
      relay: circuits(options),
    },
  });
  limitIdentify(node.services.identify, { now: () => performance.now(), onRefused: () => {} });
  try {
    await node.start();
  } catch (cause) {
    throw listenFailed("listen for nodes that want to be relayed", listen, cause);
  }
  const forgetting = setInterval(() => {
    const isHere = (id: PeerId): boolean => node.getConnections(id).length > 0;
    forgetStrangers(node.peerStore, isHere).catch(() => {}); // They are forgotten the next time.
  }, RELAY_FORGET_PEER_MS);
  const peerId = node.peerId.toString();
  const relay: CircuitRelayService = node.services.relay;
  return {
    peerId,
    addresses: () => told(node.getMultiaddrs().map(String), announce, options.tellPrivate, peerId),
    status: () => ({
      connections: node.getConnections().length,
      reservations: relay.reservations.size,
    }),
    stop: async () => {
      clearInterval(forgetting);
      await node.stop();
    },
  };
}

/** Forgets what those said of themselves who are gone: the store keeps up to 8 kB of everybody, and by itself for ever. */
export async function forgetStrangers(store: PeerStore, isHere: (id: PeerId) => boolean): Promise<void> {
  for (const { id } of await store.all()) if (!isHere(id)) await store.delete(id);
}

/** What libp2p's relay has beside its interface; pinned by the exact version in package.json and by our tests. */
interface InnerRelay {
  onHop: CircuitHandler;
  /** Serves a wish for a circuit; when it settles the two streams have been joined, or nothing has come of it. */
  handleConnect(wish: { readonly stream: { unwrap(): Stream } }, options: object): Promise<void>;
  /** Asks the peer that a circuit shall lead to; gives the stream to it when it agrees. */
  stopHop(wish: { readonly connection: Connection }, options: object): Promise<Stream | undefined>;
}

function circuits(options: RelayServerOptions): ReturnType<typeof circuitRelayServer> {
  const create = circuitRelayServer({
    maxInboundHopStreams: options.connectionsPerHostMax,
    maxOutboundStopStreams: options.connectionsPerHostMax,
    reservations: {
      maxReservations: options.connectionsMax,
      reservationTtl: RELAY_RESERVATION_MS,
      defaultDurationLimit: RELAYED_CIRCUIT_MS,
      defaultDataLimit: RELAYED_BYTES_MAX,
    },
  });
  return (components) => {
    const service = create(components) as CircuitRelayService & InnerRelay;
    const ask = service.stopHop.bind(service);
    service.onHop = withSmallWishes(service.onHop, () => {});
    /** By the options of the wish, which are an object of its own. */
    const agreed = new WeakMap<object, Stream>();
    service.stopHop = async (wish, options) => {
      const stream = await ask({ ...wish, connection: withSmallAnswers(wish.connection) }, options);
      if (stream !== undefined) agreed.set(options, stream);
      return stream;
    };
    const brake = new CircuitBrake();
    const connect = service.handleConnect.bind(service);
    service.handleConnect = async (wish, options) => {
      await connect(wish, options);
      const to = agreed.get(options);
      if (to !== undefined) brake.join(wish.stream.unwrap(), to);
    };
    return service;
  };
}

/** What nodes are told of where the relay is: what the operator says is told whatever it is. */
function told(
  own: readonly string[],
  announce: readonly string[],
  tellPrivate: boolean,
  peerId: string,
): readonly string[] {
  const suffix = `/p2p/${peerId}`;
  const found = own
    .map((address) => (address.endsWith(suffix) ? address.slice(0, -suffix.length) : address))
    .filter((address) => tellPrivate || ["public", "name"].includes(scopeOf(address)));
  const order = ["public", "name", "private", "loopback", "link-local", "unusable"];
  return [...new Set([...announce, ...found])]
    .toSorted((a, b) => order.indexOf(scopeOf(a)) - order.indexOf(scopeOf(b)))
    .map((address) => address + suffix);
}

/** Connections by the address they come from: one machine cannot take all places. */
class HostCap {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  admit(connection: MultiaddrConnection): boolean {
    const host = hostOf(connection.remoteAddr.toString());
    const open = this.#open.get(host) ?? 0;
    if (open >= this.#max) return false;
    this.#open.set(host, open + 1);
    const closed = (): void => {
      const left = (this.#open.get(host) ?? 1) - 1;
      if (left <= 0) this.#open.delete(host);
      else this.#open.set(host, left);
    };
    connection.addEventListener("close", closed, { once: true });
    return true;
  }
}
