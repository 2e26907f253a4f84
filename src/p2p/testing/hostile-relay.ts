import { generateKeyPair } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p, type Libp2p } from "libp2p";
import { readFrame } from "../framing.ts";

export const HOP = "/libp2p/circuit/relay/0.2.0/hop";
export const STOP = "/libp2p/circuit/relay/0.2.0/stop";

/** HopMessage{type: STATUS, status: OK, reservation: {expire}}; the time, in Unix seconds, is taken as written. */
export function slotUntil(expire: number): Uint8Array {
  const varint: number[] = [];
  let rest = expire;
  for (; rest >= 128; rest = Math.floor(rest / 128)) varint.push((rest % 128) | 128);
  varint.push(rest);
  return Uint8Array.of(0x08, 2, 0x1a, varint.length + 1, 0x08, ...varint, 0x28, 100);
}

/** A node in the place of a relay that answers those who want a slot, or a circuit, as a test wishes. */
export async function hostileRelay(
  onHop: (stream: Stream, connection: Connection, wish: "slot" | "circuit") => void,
): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: await generateKeyPair("secp256k1"),
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 100_000 })],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 1_000 },
    services: { identify: identify() },
  });
  await node.handle(
    HOP,
    async (stream, connection) => {
      const [, type] = await readFrame(stream, { bytesMax: 1_000, signal: AbortSignal.timeout(10_000) });
      onHop(stream, connection, type === 0 ? "slot" : "circuit");
    },
    { maxInboundStreams: 1_000 },
  );
  return node;
}
