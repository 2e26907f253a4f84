import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { explain } from "../base/index.ts";
import type { Logger, MessageHandler, Meter, ProtocolLimits } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { P2pError } from "./errors.ts";
import { readMessage, writeMessage } from "./framing.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Sending one message may take this long, as with Charon. */
const SEND_TIMEOUT_MS = 7_000;
/** Streams of one protocol that one peer may have open towards us. */
const INBOUND_STREAMS_MAX = 256;
const OUTBOUND_STREAMS_MAX = 1_024;
/** Answers are as large as the messages of Charon's small protocols; large ones are never asked for. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** The same complaint about the same peer is logged once in this time. */
const COMPLAIN_EVERY_MS = 60_000;

/** The direct connection to a peer, else the one through a relay. */
export function connectionTo(node: Libp2p, peer: PeerId): Connection | undefined {
  const open = node.getConnections(peer).filter((connection) => connection.status === "open");
  return open.find((connection) => connection.limits === undefined) ?? open[0];
}

async function openStream(
  node: Libp2p,
  peer: PeerId,
  protocol: string,
  signal: AbortSignal,
): Promise<Stream> {
  const connection = connectionTo(node, peer);
  if (connection === undefined)
    throw new P2pError("p2p/unreachable", "send message", { facts: { protocol, reason: "not connected" } });
  try {
    return await connection.newStream([protocol], {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: OUTBOUND_STREAMS_MAX,
    });
  } catch (cause) {
    throw new P2pError("p2p/unreachable", "send message", { cause, facts: { protocol } });
  }
}

/** Ends with the caller's signal or after the time limit, whichever is first. */
const limited = (signal: AbortSignal | undefined): AbortSignal =>
  signal === undefined
    ? AbortSignal.timeout(SEND_TIMEOUT_MS)
    : AbortSignal.any([signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]);

/** Sends one message. Settles when the connection has taken it; the stream is closed behind the caller's back. */
export async function sendMessage(
  node: Libp2p,
  peer: PeerId,
  protocol: string,
  message: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const until = limited(signal);
  const stream = await openStream(node, peer, protocol, until);
  try {
    await writeMessage(stream, message, until);
  } catch (cause) {
    stream.abort(cause instanceof Error ? cause : new Error("send failed"));
    throw new P2pError("p2p/unreachable", "send message", { cause, facts: { protocol } });
  }
  stream.close({ signal: AbortSignal.timeout(SEND_TIMEOUT_MS) }).then(
    () => finishReading(stream),
    () => stream.abort(new Error("the peer did not take the message in time")),
  );
}

/** A peer that never closes its side must not keep the stream. */
function finishReading(stream: Stream): void {
  const timer = setTimeout(
    () => stream.abort(new Error("the peer did not close the stream")),
    SEND_TIMEOUT_MS,
  );
  timer.unref();
  stream.addEventListener("close", () => clearTimeout(timer), { once: true });
  // Whatever arrives is not an answer; it is thrown away so that it does not pile up.
  stream.addEventListener("message", () => {});
}

/** Sends one message and waits for one answer. */
export async function requestMessage(
  node: Libp2p,
  peer: PeerId,
  protocol: string,
  message: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const until = limited(signal);
  const stream = await openStream(node, peer, protocol, until);
  try {
    const answer = readMessage(stream, ANSWER_BYTES_MAX, until);
    // The answer may be refused before it is awaited.
    answer.catch(() => {});
    await writeMessage(stream, message, until);
    await stream.close({ signal: until });
    return await answer;
  } catch (cause) {
    stream.abort(cause instanceof Error ? cause : new Error("request failed"));
    throw new P2pError("p2p/unreachable", "ask peer", { cause, facts: { protocol } });
  }
}

export interface InboundOptions {
  readonly operatorOf: (peer: PeerId) => OperatorIndex | undefined;
  readonly log: Logger;
  readonly meter: Meter;
  readonly now: () => number;
}

/** Receives messages within the limits of their protocols. What goes beyond is counted, logged now and then, and dropped. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #complained = new Map<string, number>();
  readonly #dropped: ReturnType<Meter["counter"]>;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#dropped = options.meter.counter(
      "trireme_p2p_dropped_total",
      "Messages of peers that were dropped, by reason",
      ["peer", "protocol", "reason"],
    );
  }

  async register(
    node: Libp2p,
    protocol: string,
    limits: ProtocolLimits,
    handler: MessageHandler,
  ): Promise<void> {
    const onStream = async (stream: Stream, connection: Connection): Promise<void> => {
      const from = this.#options.operatorOf(connection.remotePeer);
      if (from === undefined) return stream.abort(new Error("not an operator of this cluster"));
      try {
        const bucket = this.#bucket(`${from}/${protocol}`, limits);
        if (!bucket.take(this.#options.now()))
          throw new P2pError("p2p/refused", "receive message", { facts: { reason: "too-many" } });
        const message = await readMessage(
          stream,
          limits.messageBytesMax,
          AbortSignal.timeout(limits.receiveTimeoutMs),
        );
        const answer = await handler(from, message);
        const until = AbortSignal.timeout(SEND_TIMEOUT_MS);
        if (answer !== undefined) await writeMessage(stream, answer, until);
        await stream.close({ signal: until });
      } catch (error) {
        stream.abort(error instanceof Error ? error : new Error("refused"));
        this.#complain(from, protocol, error);
      }
    };
    await node.handle(protocol, onStream, {
      maxInboundStreams: INBOUND_STREAMS_MAX,
      maxOutboundStreams: OUTBOUND_STREAMS_MAX,
      runOnLimitedConnection: true,
    });
  }

  #bucket(name: string, limits: ProtocolLimits): TokenBucket {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(limits.messagesPerSecondMax, limits.burstMax, this.#options.now());
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }

  #complain(from: OperatorIndex, protocol: string, error: unknown): void {
    const known = error instanceof P2pError ? error.facts["reason"] : undefined;
    const reason =
      typeof known === "string"
        ? known
        : error instanceof Error && error.name === "TimeoutError"
          ? "too-slow"
          : "failed";
    this.#dropped.add(1, { peer: `node${from}`, protocol, reason });
    const name = `${from}/${protocol}/${reason}`;
    const now = this.#options.now();
    if (now - (this.#complained.get(name) ?? -COMPLAIN_EVERY_MS) < COMPLAIN_EVERY_MS) return;
    this.#complained.set(name, now);
    this.#options.log.warn("Message of a peer dropped", {
      peer: from,
      protocol,
      reason,
      why: explain(error).slice(0, 200),
    });
  }
}
