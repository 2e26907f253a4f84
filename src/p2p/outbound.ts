import type { Stream } from "@libp2p/interface";
import { TooManyOutboundProtocolStreamsError, UnsupportedProtocolError } from "@libp2p/interface";
import { orAborted } from "../base/index.ts";
import type { Meter } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type P2pError, type UnreachableReason, unreachable } from "./errors.ts";
import { bytesGone, FrameError, readFrame, writeFrame } from "./framing.ts";
import { consentOf, lazily } from "./lazy-negotiation.ts";
import { ANSWER_BYTES_MAX, SEND_TIMEOUT_MS } from "./limits.ts";
import type { Link, Links } from "./links.ts";
import { p2pMetrics } from "./metrics.ts";
import { endSoon } from "./stream-end.ts";
import { deadline, TimedOut } from "./waiting.ts";

/** More than libp2p's 64, which a slot of a large cluster would exceed; the muxer's own cap still holds. */
const OUTBOUND_STREAMS_MAX = 512;

/** One message on its way, and perhaps its answer. */
interface Exchange {
  readonly link: Link;
  readonly stream: Stream;
  readonly limit: AbortSignal;
  /** Told how many bytes of the answer came. */
  readonly came: (bytes: number) => true;
}

/** Sends messages to operators: a stream for each, over the best connection at that moment. */
export class Outbound {
  readonly #links: Links;
  readonly #duration: { observe(value: number, labels: Record<string, string>): void };
  readonly #bytes: { add(by: number, labels: Record<string, string>): void };

  constructor(needs: { links: Links; meter: Meter }) {
    this.#links = needs.links;
    const { sendDuration, sentBytes } = p2pMetrics(needs.meter);
    this.#duration = sendDuration;
    this.#bytes = sentBytes;
  }

  /** @throws P2pError `p2p/unreachable` */
  async send(to: OperatorIndex, protocol: string, message: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#exchange(to, protocol, message, signal, async ({ link, stream, limit }) => {
      const consent = consentOf(stream).then(
        () => void link.refused.delete(protocol),
        (error: unknown) => {
          if (error instanceof UnsupportedProtocolError) link.refused.add(protocol);
          throw error;
        },
      );
      consent.catch(() => {}); // Known only after this call has settled, unless we have reason to wait.
      await writeFrame(stream, message, limit);
      if (link.refused.has(protocol)) await orAborted(consent, limit);
    });
  }

  /**
   * @param answerMax - Largest answer in bytes.
   * @throws P2pError `p2p/unreachable`
   */
  async request(
    to: OperatorIndex,
    protocol: string,
    message: Uint8Array,
    signal?: AbortSignal,
    answerMax: number = ANSWER_BYTES_MAX,
  ): Promise<Uint8Array> {
    return await this.#exchange(to, protocol, message, signal, async ({ stream, limit, came }) => {
      const answer = readFrame(stream, { bytesMax: answerMax, signal: limit, hold: came });
      answer.catch(() => {}); // Awaited below, unless writing fails first.
      await writeFrame(stream, message, limit);
      return await answer;
    });
  }

  /** A stream of its own that stays open. @throws P2pError `p2p/unreachable` */
  async openStream(to: OperatorIndex, protocol: string, signal: AbortSignal): Promise<Stream> {
    const limit = deadline(SEND_TIMEOUT_MS, signal);
    try {
      return (await this.#open(to, protocol, limit.signal)).opened;
    } catch (error) {
      signal.throwIfAborted();
      throw toP2pError(error, to, protocol);
    } finally {
      limit.clear();
    }
  }

  async #exchange<T>(
    to: OperatorIndex,
    protocol: string,
    message: Uint8Array,
    signal: AbortSignal | undefined,
    use: (exchange: Exchange) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const start = performance.now();
    let stream: Stream | undefined;
    let bytesCame = 0;
    const bytesDone = (): number => (stream === undefined ? 0 : bytesGone(stream, message) + bytesCame);
    const limit = deadline(SEND_TIMEOUT_MS, signal, bytesDone);
    try {
      const { link, opened } = await this.#open(to, protocol, limit.signal);
      stream = opened;
      const came = (bytes: number): true => {
        bytesCame += bytes;
        return true;
      };
      const result = await use({ link, stream, limit: limit.signal, came });
      this.#bytes.add(message.length, { peer: link.peer.name, protocol, transport: "tcp" });
      endSoon(stream);
      return result;
    } catch (error) {
      stream?.abort(error instanceof Error ? error : new Error(String(error)));
      signal?.throwIfAborted();
      throw toP2pError((await refusal(stream)) ?? error, to, protocol);
    } finally {
      limit.clear();
      this.#duration.observe((performance.now() - start) / 1000, {
        peer: `operator-${to}`,
        protocol,
        topic: "",
      });
    }
  }

  /** A stream over the best link; over the next best when that one just broke. Nothing has been sent before. */
  async #open(
    to: OperatorIndex,
    protocol: string,
    signal: AbortSignal,
  ): Promise<{ link: Link; opened: Stream }> {
    let cause: unknown;
    for (const link of this.#links.ranked(to)) {
      signal.throwIfAborted();
      try {
        const options = lazily({
          signal,
          runOnLimitedConnection: true,
          maxOutboundStreams: OUTBOUND_STREAMS_MAX,
        });
        return { link, opened: await link.connection.newStream(protocol, options) };
      } catch (error) {
        cause = error;
      }
    }
    if (cause === undefined) throw unreachable("not-connected", to, protocol);
    throw cause;
  }
}

/** A refused protocol ends its stream in one of many ways; this tells the cause and not its consequence. */
async function refusal(stream: Stream | undefined): Promise<UnsupportedProtocolError | undefined> {
  if (stream === undefined) return undefined;
  const why = await consentOf(stream).catch((error: unknown) => error); // Settled, since the stream has ended.
  return why instanceof UnsupportedProtocolError ? why : undefined;
}

function toP2pError(error: unknown, to: OperatorIndex, protocol: string): P2pError {
  if (error instanceof Error && error.name === "P2pError") return error as P2pError;
  return unreachable(reasonOf(error), to, protocol, error);
}

function reasonOf(error: unknown): UnreachableReason {
  if (error instanceof UnsupportedProtocolError) return "protocol-unknown";
  if (error instanceof TooManyOutboundProtocolStreamsError) return "busy";
  if (error instanceof TimedOut) return "timed-out";
  if (error instanceof FrameError) {
    if (error.failure === "too-large") return "too-large";
    return error.failure === "incomplete" ? "connection-broke" : "bad-answer";
  }
  return "connection-broke";
}
