import type { Connection, Stream, StreamMessageEvent } from "@libp2p/interface";
import { CIRCUIT_WISH_BYTES_MAX } from "./limits.ts";

// A circuit begins with one small message of each side, the wish and its answer. libp2p would keep 4 MB of what should be
// one, of each of the hundreds of streams that it takes at once: gigabytes for whoever opens them, at a relay anybody.

/** How libp2p serves a stream of a circuit protocol. */
export type CircuitHandler = (stream: Stream, connection: Connection) => Promise<void>;

/** Caps the wish: what comes on a stream before it was answered. @param onRefused - Told of each that was too large. */
export function withSmallWishes(
  handler: CircuitHandler,
  onRefused: (connection: Connection) => void,
): CircuitHandler {
  return (stream, connection) => {
    capUntil(stream, 1, () => onRefused(connection));
    return handler(stream, connection);
  };
}

/** Opens streams on which a wish of ours is answered within the cap; what is sent after the wish is the circuit's. */
export function withSmallAnswers({ newStream, remotePeer }: Connection): Connection {
  const capped: Connection["newStream"] = async (...options) => {
    const stream = await newStream(...options);
    capUntil(stream, 2, () => {});
    return stream;
  };
  return { newStream: capped, remotePeer } as Connection;
}

/** Resets the stream when more comes than one small message, until we have sent so many ourselves. */
function capUntil(stream: Stream, sendings: number, onRefused: () => void): void {
  let bytes = 0;
  let sent = 0;
  const count = ({ data }: StreamMessageEvent): void => {
    bytes += data.byteLength;
    if (bytes <= CIRCUIT_WISH_BYTES_MAX) return;
    stream.removeEventListener("message", count);
    onRefused();
    stream.abort(new Error("a wish for a circuit, or its answer, is too large"));
  };
  const send = stream.send.bind(stream);
  // Stays: others may have put theirs on top of it.
  stream.send = (data) => {
    if (++sent === sendings) stream.removeEventListener("message", count);
    return send(data);
  };
  stream.addEventListener("message", count);
}
