import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Libp2p, PeerId, PrivateKey } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { type Ping, ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { P2pError } from "./errors.ts";
import { lazyYamux } from "./lazy-negotiation.ts";

export type Host = Libp2p<{ ping: Ping; identify: unknown }>;

export interface HostOptions {
  readonly privateKey: PrivateKey;
  /** "host:port"; port 0 for any. */
  readonly listen: readonly string[];
  /** Multiaddrs told to others instead of what we listen on. */
  readonly announce: readonly string[];
  readonly userAgent: string;
  /** Whether a peer may be connected to us: an operator of the cluster or a relay. */
  readonly admits: (peer: PeerId) => boolean;
}

/** "host:port" as a multiaddr. @throws P2pError `p2p/bad-address` */
export function tcpAddress(text: string): string {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new P2pError("p2p/bad-address", "read an address to listen on", {
      facts: { found: text.slice(0, 120) },
      hint: "Write host:port, e.g. 0.0.0.0:3610.",
    });
  }
  const [, v6, host] = match;
  if (v6 !== undefined) return `/ip6/${v6}/tcp/${port}`;
  return /^[\d.]+$/.test(host ?? "") ? `/ip4/${host}/tcp/${port}` : `/dns/${host}/tcp/${port}`;
}

/** The libp2p host, not started: TCP, noise, yamux, identify, ping; only those whom `admits` names get in. */
export function createHost(options: HostOptions): Promise<Host> {
  const stranger = (peer: PeerId): boolean => !options.admits(peer);
  return createLibp2p({
    privateKey: options.privateKey,
    start: false,
    addresses: {
      listen: options.listen.map(tcpAddress),
      ...(options.announce.length > 0 ? { announce: [...options.announce] } : {}),
    },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    // Our messages are sent the moment they exist; libp2p's own protocols negotiate as usual.
    streamMuxers: [lazyYamux((protocol) => protocol.includes("charon/"))],
    nodeInfo: { userAgent: options.userAgent },
    connectionGater: {
      denyDialPeer: stranger,
      // Private addresses are where home stakers live.
      denyDialMultiaddr: () => false,
      denyInboundEncryptedConnection: stranger,
      denyOutboundEncryptedConnection: stranger,
    },
    // Peers of one machine come from one address, so the per-host limit is generous; the gater is what keeps strangers out.
    connectionManager: {
      maxConnections: 512,
      inboundConnectionThreshold: 64,
      maxIncomingPendingConnections: 64,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    services: {
      identify: identify({ maxInboundStreams: 8 }),
      ping: ping({ maxInboundStreams: 32, maxOutboundStreams: 8, runOnLimitedConnection: true }),
    },
  });
}
