import { circuitRelayServer } from "@libp2p/circuit-relay-v2";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { PrivateKey } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p, type Libp2p } from "libp2p";

/** A circuit relay on loopback, as Charon's `relay` command is one. */
export async function relayServer(privateKey?: PrivateKey, listen = "/ip4/127.0.0.1/tcp/0"): Promise<Libp2p> {
  return await createLibp2p({
    privateKey: privateKey ?? (await generateKeyPair("secp256k1")),
    addresses: { listen: [listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 100 },
    services: { identify: identify(), ping: ping(), relay: circuitRelayServer() },
  });
}
