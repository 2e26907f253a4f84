import type { Connection, MessageStream, Stream, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { capAnswers } from "./answer-cap.ts";
import {
  FRAME_PIECES_MAX,
  FRAMES_BURST_MAX,
  FRAMES_PER_SECOND_MAX,
  NEGOTIATION_ANSWERS_MAX,
  PINGS_BURST_MAX,
  PINGS_PER_SECOND_MAX,
  RELAY_STREAMS_BURST_MAX,
  RELAY_STREAMS_PER_SECOND_MAX,
  STREAM_WINDOW_BYTES_MAX,
  STREAMS_BURST_MAX,
  STREAMS_PER_SECOND_MAX,
  UNNEGOTIATED_BYTES_MAX,
} from "./limits.ts";
import type { Who } from "./roster.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Told of each stream that was reset, or connection that was ended, and of whose it was as far as that is known. */
export type OnRefused = (
  reason:
    | "stream-rate"
    | "unnegotiated-bytes"
    | "no-protocol"
    | "unfinished-frame"
    | "frame-rate"
    | "ping-rate",
  peer: string,
) => void;

/**
 * Caps what one connection may cost before any of our handlers is asked: streams and frames per second (those of all
 * connections of a peer), bytes that pile up on streams that have not said their protocol, proposals of protocols, what is held
 * of a frame that is not whole yet, and pings of the muxer. libp2p itself would hold 4 MB for each such stream, of one frame the
 * 4 GB that its header may announce, and an answer to every ping for a peer that reads none.
 *
 * @param now - Steady milliseconds.
 */
export function withStreamGuard<C>(
  factory: (components: C) => StreamMuxerFactory,
  refused: OnRefused,
  now: () => number,
): (components: C) => StreamMuxerFactory {
  // One for each operator and relay: who opens several connections, or one after the other, has no more than one may.
  const allowances = new Map<string, Allowance>();
  const allowanceOf = ({ kind, name }: Who): Allowance => {
    const allowance = allowances.get(name) ?? newAllowance(kind, now());
    allowances.set(name, allowance);
    return allowance;
  };
  return (components) => {
    const inner = factory(components);
    return {
      protocol: inner.protocol,
      createStreamMuxer: (connection) => {
        const muxer = inner.createStreamMuxer(connection) as InnerMuxer;
        guard(muxer, connection as InnerConnection, { refused, now, allowanceOf });
        return muxer;
      },
    };
  };
}

/**
 * Tells the guard of a connection who is at its other end: what it refuses is counted in that name from now on, and a
 * relay, which has little to say, may open fewer streams.
 */
export function tellGuard(connection: Connection, who: Who): void {
  (connection as Connection & { readonly muxer?: InnerMuxer }).muxer?.[guarding]?.(who);
}

const guarding = Symbol("stream guard");

/** What libp2p's muxer and streams have beside their interface; pinned by the exact version in package.json and by our tests. */
interface InnerMuxer extends StreamMuxer {
  [guarding]?: (who: Who) => void;
  onRemoteStream(stream: InnerStream): void;
  /** What this, `handlePing` and `onData` throw ends the connection. */
  handleFrame(frame: unknown): void;
  handlePing(header: unknown): void;
  onData(data: Uint8Array | Uint8ArrayList): void;
  /** Its buffer begins with the header of the frame that has not arrived whole, if any. */
  readonly decoder: { readonly buffer: Uint8ArrayList };
}
interface InnerStream extends Stream {
  onData(data: Uint8Array | Uint8ArrayList): void;
}
interface InnerConnection extends MessageStream {
  /** Told of each piece that was decrypted, an empty one as well; what it throws ends the connection. */
  onData(data: Uint8Array | Uint8ArrayList): void;
}

/** @spec yamux/spec.md "Framing": version, type, flags, stream id, then the length as big-endian 32 bits. */
const FRAME_HEADER_BYTES = 12;
const FRAME_LENGTH_AT = 8;

/** What one peer may do, over whatever connections. */
interface Allowance {
  readonly streams: TokenBucket;
  readonly frames: TokenBucket;
}

const newAllowance = (kind: Who["kind"], now: number): Allowance => ({
  streams:
    kind === "relay"
      ? new TokenBucket({ perSecond: RELAY_STREAMS_PER_SECOND_MAX, burst: RELAY_STREAMS_BURST_MAX, now })
      : new TokenBucket({ perSecond: STREAMS_PER_SECOND_MAX, burst: STREAMS_BURST_MAX, now }),
  frames: new TokenBucket({ perSecond: FRAMES_PER_SECOND_MAX, burst: FRAMES_BURST_MAX, now }),
});

function guard(
  muxer: InnerMuxer,
  connection: InnerConnection,
  needs: { refused: OnRefused; now: () => number; allowanceOf: (who: Who) => Allowance },
): void {
  const { refused, now } = needs;
  let allowance = newAllowance("operator", now());
  let name = "unknown";
  muxer[guarding] = (who) => {
    name = who.name;
    allowance = needs.allowanceOf(who);
  };
  const countFrame = (): void => {
    if (allowance.frames.take(now())) return;
    refused("frame-rate", name);
    throw new Error("too many frames");
  };
  const hear = connection.onData.bind(connection);
  connection.onData = (data) => {
    countFrame();
    hear(data);
  };
  const handleFrame = muxer.handleFrame.bind(muxer);
  muxer.handleFrame = (frame) => {
    countFrame();
    handleFrame(frame);
  };
  const decode = muxer.onData.bind(muxer);
  let pieces = 0;
  muxer.onData = (data) => {
    decode(data);
    const unfinished = muxer.decoder.buffer;
    pieces = unfinished.byteLength > data.byteLength ? pieces + 1 : 1;
    if (unfinished.byteLength < FRAME_HEADER_BYTES) return;
    if (unfinished.getUint32(FRAME_LENGTH_AT) <= STREAM_WINDOW_BYTES_MAX && pieces <= FRAME_PIECES_MAX)
      return;
    refused("unfinished-frame", name);
    throw new Error("a frame larger than any window, or in too many pieces");
  };

  const pings = new TokenBucket({ perSecond: PINGS_PER_SECOND_MAX, burst: PINGS_BURST_MAX, now: now() });
  const answer = muxer.handlePing.bind(muxer);
  muxer.handlePing = (header) => {
    if (pings.take(now())) return answer(header);
    refused("ping-rate", name);
    throw new Error("too many pings");
  };

  const waiting = new Map<InnerStream, number>();
  let waitingBytes = 0;

  const settle = (stream: InnerStream): void => {
    waitingBytes -= waiting.get(stream) ?? 0;
    waiting.delete(stream);
  };
  const count = (stream: InnerStream, bytes: number): boolean => {
    waiting.set(stream, (waiting.get(stream) ?? 0) + bytes);
    waitingBytes += bytes;
    if (waitingBytes <= UNNEGOTIATED_BYTES_MAX) return true;
    for (const other of waiting.keys()) if (other.protocol !== "") settle(other);
    return waitingBytes <= UNNEGOTIATED_BYTES_MAX;
  };

  const admit = muxer.onRemoteStream.bind(muxer);
  muxer.onRemoteStream = (stream) => {
    if (!allowance.streams.take(now())) {
      refused("stream-rate", name);
      return stream.abort(new Error("too many streams"));
    }
    const free = capAnswers(stream, NEGOTIATION_ANSWERS_MAX, () => {
      if (stream.protocol !== "") return free();
      refused("no-protocol", name);
      stream.abort(new Error("too many protocols that are none of ours"));
    });
    const deliver = stream.onData.bind(stream);
    stream.onData = (data) => {
      if (stream.protocol !== "") {
        settle(stream);
        stream.onData = deliver;
        return deliver(data);
      }
      if (count(stream, data.byteLength)) return deliver(data);
      refused("unnegotiated-bytes", name);
      settle(stream);
      stream.abort(new Error("too many bytes before the protocol was said"));
    };
    stream.addEventListener("close", () => settle(stream), { once: true });
    admit(stream);
  };
}
