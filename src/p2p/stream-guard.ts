import type { Stream, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { streamsBurstMax, streamsPerSecondMax, unnegotiatedBytesMax } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * Caps what one connection may cost before any of our handlers is asked: streams opened per second, and bytes that pile up
 * on streams that have not said their protocol. libp2p itself would hold 4 MB for each of those.
 *
 * @param refused - Told of each stream that was reset.
 * @param now - Steady milliseconds.
 */
export function withStreamGuard<C>(
  factory: (components: C) => StreamMuxerFactory,
  refused: (reason: "stream-rate" | "unnegotiated-bytes") => void,
  now: () => number,
): (components: C) => StreamMuxerFactory {
  return (components) => {
    const inner = factory(components);
    return {
      protocol: inner.protocol,
      createStreamMuxer: (connection) => {
        const muxer = inner.createStreamMuxer(connection) as InnerMuxer;
        guard(muxer, refused, now);
        return muxer;
      },
    };
  };
}

/** What libp2p's muxer and streams have beside their interface; pinned by the exact version in package.json and by our tests. */
interface InnerMuxer extends StreamMuxer {
  onRemoteStream(stream: InnerStream): void;
}
interface InnerStream extends Stream {
  onData(data: Uint8Array | Uint8ArrayList): void;
}

function guard(
  muxer: InnerMuxer,
  refused: (reason: "stream-rate" | "unnegotiated-bytes") => void,
  now: () => number,
): void {
  const bucket = new TokenBucket({ perSecond: streamsPerSecondMax, burst: streamsBurstMax, now: now() });
  const waiting = new Map<InnerStream, number>();
  let waitingBytes = 0;

  const settle = (stream: InnerStream): void => {
    waitingBytes -= waiting.get(stream) ?? 0;
    waiting.delete(stream);
  };
  const count = (stream: InnerStream, bytes: number): boolean => {
    waiting.set(stream, (waiting.get(stream) ?? 0) + bytes);
    waitingBytes += bytes;
    if (waitingBytes <= unnegotiatedBytesMax) return true;
    for (const other of waiting.keys()) if (other.protocol !== "") settle(other);
    return waitingBytes <= unnegotiatedBytesMax;
  };

  const admit = muxer.onRemoteStream.bind(muxer);
  muxer.onRemoteStream = (stream) => {
    if (!bucket.take(now())) {
      refused("stream-rate");
      return stream.abort(new Error("too many streams"));
    }
    const deliver = stream.onData.bind(stream);
    stream.onData = (data) => {
      if (stream.protocol !== "") {
        settle(stream);
        stream.onData = deliver;
        return deliver(data);
      }
      if (count(stream, data.byteLength)) return deliver(data);
      refused("unnegotiated-bytes");
      settle(stream);
      stream.abort(new Error("too many bytes before the protocol was said"));
    };
    stream.addEventListener("close", () => settle(stream), { once: true });
    admit(stream);
  };
}
