import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { Connection, MessageStream, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import type { NodeKey } from "../../crypto/index.ts";
import { frame } from "../framing.ts";

/** An operator's key in the hands of somebody who keeps no rule: raw streams to a node. */
export interface HostilePeer {
  readonly connection: Connection;
  open(protocol: string): Promise<Stream>;
  /** Serves streams that the node opens. */
  handle(protocol: string, serve: (stream: Stream) => void): Promise<void>;
  /** One round trip. */
  ping(): Promise<unknown>;
  /** Bytes under all streams, where the frames of the muxer belong. */
  write(bytes: Uint8Array): void;
  stop(): Promise<void>;
}

/** @param answers - What it says to every stream of a protocol, as one message. */
export async function hostilePeer(
  key: NodeKey,
  address: string,
  answers: Readonly<Record<string, Uint8Array>> = {},
): Promise<HostilePeer> {
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(key.revealBytes()),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 100_000 })],
    connectionMonitor: { enabled: false },
    services: { ping: ping() }, // Who does not answer pings is not even connected.
  });
  for (const [protocol, answer] of Object.entries(answers))
    await node.handle(protocol, async (stream) => {
      stream.send(frame(answer));
      await stream.close().catch(() => {});
    });
  const connection = await node.dial(multiaddr(address)).catch(async (error: unknown) => {
    await node.stop();
    throw error;
  });
  const inner = connection as unknown as { muxer: { maConn: MessageStream } };
  return {
    connection,
    open: (protocol) => connection.newStream(protocol, { maxOutboundStreams: 100_000 }),
    handle: (protocol, serve) => node.handle(protocol, serve),
    ping: () => node.services.ping.ping(connection.remotePeer),
    write: (bytes) => void inner.muxer.maConn.send(bytes),
    stop: async () => await node.stop(),
  };
}
