import { identify } from "@libp2p/identify";
import type {
  ComponentLogger,
  Connection,
  ConnectionGater,
  Logger,
  PeerId,
  Stream,
  Transport,
} from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { type CircuitHandler, withSmallWishes } from "./circuit-wishes.ts";
import { listenFailed } from "./errors.ts";
import { Handshakes, handshakeGate, handshakesAreOurs } from "./handshakes.ts";
import { limitIdentify } from "./identify-rate.ts";
import { withLazyNegotiation } from "./lazy-negotiation.ts";
import {
  CIRCUIT_HANDSHAKES_MAX,
  CONNECTIONS_MAX_PER_PEER,
  HANDSHAKE_TIMEOUT_MS,
  NEGOTIATION_TIMEOUT_MS,
  STREAM_WINDOW_BYTES_MAX,
  STREAMS_MAX_PER_CONNECTION,
} from "./limits.ts";
import { peerLookup } from "./lookup.ts";
import { noteProtocolsOnce } from "./note-protocols-once.ts";
import type { Roster } from "./roster.ts";
import { type OnRefused, tellGuard, withStreamGuard } from "./stream-guard.ts";
import type { Violations } from "./violations.ts";

const IDENTIFY_PROTOCOL = "/ipfs/id/1.0.0";

/** The libp2p node under everything else in this room. */
export interface Host {
  readonly node: Libp2p;
  /** Opens a connection to a multiaddr that names its peer, whatever connections there are already. */
  dial(address: string, signal: AbortSignal): Promise<Connection>;
}

/** The part of libp2p's components that dials without looking for existing connections. */
interface Dialling {
  dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>;
}

/**
 * Builds the libp2p node, not yet started: TCP, noise, yamux and identify; relayed connections when wanted. Only
 * operators and relays get through the gate, in both directions, after the handshake has proved who they are.
 */
export async function createHost(
  needs: {
    readonly roster: Roster;
    readonly violations: Violations;
    /** The names of peers that have been at an IP address. */
    readonly peersAt: (host: string) => readonly string[];
    /** Told of peers one of which may have called in vain, among others at its address. */
    readonly onTurnedAway: (peers: readonly string[]) => void;
    /** Whether the operator of this node has named a host. */
    readonly isNamed: (host: string) => boolean;
  },
  options: {
    readonly listen: readonly Multiaddr[];
    readonly announce: readonly Multiaddr[];
    readonly agent: string;
    readonly useRelays: boolean;
  },
): Promise<Host> {
  const { roster, violations } = needs;
  const handshakes = new Handshakes({
    peersAt: needs.peersAt,
    onRefused: (peers) => {
      violations.count("stranger", "handshake");
      needs.onTurnedAway(peers);
    },
  });
  const now = (): number => performance.now();
  const muxer = yamux({
    maxInboundStreams: STREAMS_MAX_PER_CONNECTION,
    maxOutboundStreams: STREAMS_MAX_PER_CONNECTION * 2,
    streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX },
  });
  // Handed on to `net.connect`, of whose options libp2p's types know some.
  const overTcp = tcp({ dialOpts: { lookup: peerLookup({ isTrusted: needs.isNamed }) } as object });
  const refused: OnRefused = (reason, peer) => violations.count(peer, reason);
  const node = await createLibp2p({
    start: false,
    privateKey: roster.privateKey,
    nodeInfo: { userAgent: options.agent },
    logger: silentLogger,
    addresses: {
      listen: options.listen.map(String),
      appendAnnounce: options.announce.map(String),
    },
    transports: options.useRelays ? [overTcp, await circuitTransport(roster, violations)] : [overTcp],
    connectionEncrypters: [noise()],
    streamMuxers: [withStreamGuard(withLazyNegotiation(muxer), refused, now)],
    connectionGater: gate(roster, violations, handshakes),
    connectionMonitor: { enabled: false }, // Our own heartbeat does this.
    connectionManager: {
      maxConnections: (roster.operatorCount + 1) * CONNECTIONS_MAX_PER_PEER * 2 + 64,
      ...handshakesAreOurs,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      reconnectRetries: 0, // Our own dialer does this.
    },
    services: {
      identify: identify(),
      // Not the transport manager itself: libp2p would start it a second time, as a service.
      dialling: ({ transportManager }: { transportManager: Dialling }): Dialling => ({
        dial: (address, dialOptions) => transportManager.dial(address, dialOptions),
      }),
    },
  });
  limitIdentify(node.services.identify, {
    now,
    onRefused: ({ remotePeer }) =>
      violations.count(roster.whoIs(remotePeer)?.name ?? "stranger", "rate", IDENTIFY_PROTOCOL),
  });
  node.addEventListener("connection:open", ({ detail }) => {
    const who = roster.whoIs(detail.remotePeer);
    if (who !== undefined) tellGuard(detail, who);
    // Those of operators are counted by the kind of way (links.ts). Of too many in all, libp2p would close operators' as well.
    if (who?.kind !== "relay" || node.getConnections(detail.remotePeer).length <= CONNECTIONS_MAX_PER_PEER)
      return;
    violations.count(who.name, "too-many-connections");
    detail.abort(new Error("too many connections"));
  });
  noteProtocolsOnce(node.peerStore);
  return {
    node,
    dial: (address, signal) => node.services.dialling.dial(multiaddr(address), { signal }),
  };
}

/** Starts the node. @throws P2pError `p2p/listen-failed` */
export async function startHost(host: Host, listen: readonly Multiaddr[]): Promise<void> {
  try {
    await host.node.start();
  } catch (cause) {
    throw listenFailed("listen for peers", listen.map(String), cause);
  }
}

/**
 * Serves a protocol on direct and relayed connections.
 *
 * @param streamsMax - At once on one connection; by default more than our own limits admit, which are counted.
 */
export async function serveProtocol(
  host: Host,
  protocol: string,
  serve: (stream: Stream, connection: Connection) => Promise<void>,
  streamsMax: number = STREAMS_MAX_PER_CONNECTION,
): Promise<void> {
  await host.node.handle(protocol, serve, {
    maxInboundStreams: streamsMax,
    maxOutboundStreams: STREAMS_MAX_PER_CONNECTION,
    runOnLimitedConnection: true,
  });
}

function gate(roster: Roster, violations: Violations, handshakes: Handshakes): ConnectionGater {
  const isStranger = (peerId: PeerId): boolean => {
    const who = roster.whoIs(peerId);
    if (who === undefined) violations.count("stranger", "not-an-operator");
    return who === undefined || violations.isPutOut(who.name);
  };
  return {
    denyDialMultiaddr: () => false,
    ...handshakeGate(handshakes),
    denyInboundEncryptedConnection: isStranger,
    denyOutboundEncryptedConnection: isStranger,
    denyInboundRelayedConnection: (relay, remote) =>
      roster.whoIs(relay)?.kind !== "relay" || roster.whoIs(remote)?.kind !== "operator",
  };
}

/** Loaded only where relays are configured. */
async function circuitTransport(roster: Roster, violations: Violations): Promise<ReturnType<typeof tcp>> {
  const { circuitRelayTransport } = await import("@libp2p/circuit-relay-v2");
  // Every factory is handed the same components; the two declare different parts of them.
  const create = circuitRelayTransport({
    maxInboundStopStreams: CIRCUIT_HANDSHAKES_MAX,
  }) as unknown as ReturnType<typeof tcp>;
  return (components) => {
    const transport = create(components) as Transport & {
      reservationStore: { hasReservation(peerId: PeerId): boolean };
      onStop: CircuitHandler;
    };
    transport.onStop = withSmallWishes(transport.onStop, ({ remotePeer }) =>
      violations.count(roster.whoIs(remotePeer)?.name ?? "stranger", "too-large"),
    );
    // Reservations are ours (relay.ts): libp2p's own give up on a relay for ever once it was down.
    transport.reservationStore.hasReservation = () => true;
    return transport;
  };
}

const quiet = Object.assign((): void => {}, {
  error: (): void => {},
  trace: (): void => {},
  enabled: false,
  newScope: (): Logger => quiet,
}) as Logger;

/** libp2p makes a logger per stream; what it has to say reaches us as errors and events. */
export const silentLogger: ComponentLogger = { forComponent: () => quiet };
