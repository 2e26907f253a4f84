import type { CreateStreamOptions, Stream, StreamMuxerFactory } from "@libp2p/interface";
import { UnsupportedProtocolError } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";

/**
 * Says the protocol of a stream together with the first bytes of it, instead of waiting for the other side's consent: one
 * network round trip less per message (docs/adr/0030). The consent still comes back ahead of the answer; it is taken out of
 * the stream and checked here.
 *
 * Ask for it per stream, and only where we write first: `connection.newStream(protocol, lazily({ signal }))`.
 *
 * @spec libp2p connections/README.md#multistream-select, "0-RTT" use of multistream-select 1.0
 */
export function withLazyNegotiation<C>(
  factory: (components: C) => StreamMuxerFactory,
): (components: C) => StreamMuxerFactory {
  return (components) => {
    const inner = factory(components);
    return {
      protocol: inner.protocol,
      createStreamMuxer: (connection) => {
        const muxer = inner.createStreamMuxer(connection);
        const open = muxer.createStream.bind(muxer);
        muxer.createStream = async (options) => {
          const stream = await open(options);
          if (isLazy(options) && options.protocol !== undefined)
            negotiateLazily(stream as InnerStream, options.protocol);
          return stream;
        };
        return muxer;
      },
    };
  };
}

const lazy = Symbol("lazy negotiation");
const isLazy = (options: CreateStreamOptions | undefined): options is CreateStreamOptions =>
  options !== undefined && lazy in options;

/** Stream options that ask for lazy negotiation; libp2p hands them through to the muxer. */
export function lazily<O extends object>(options: O): O {
  return { ...options, [lazy]: true };
}

/**
 * Settles once the other side has agreed to the protocol of a lazily negotiated stream; rejects with an
 * `UnsupportedProtocolError` when it does not know it, and with another error when the stream ended before.
 */
export function consentOf(stream: Stream): Promise<void> {
  return consents.get(stream) ?? Promise.resolve();
}

const consents = new WeakMap<Stream, Promise<void>>();

/** What libp2p's streams have beside their interface; pinned by the exact version in package.json and by our tests. */
interface InnerStream extends Stream {
  onData(data: Uint8Array | Uint8ArrayList): void;
}

const MULTISTREAM = "/multistream/1.0.0";
/** Names of protocols are limited to 1024 bytes, so the length prefix has at most two. */
const LINE_BYTES_MAX = 1024;

/** The opening lines of a stream, each with its length and a newline, as multistream-select writes them. */
export function openingLines(protocol: string): Uint8Array {
  const lines = [MULTISTREAM, protocol].map((text) => {
    const line = Buffer.from(`${text}\n`);
    if (line.length > LINE_BYTES_MAX) throw new RangeError("protocol name too long");
    const length = line.length < 0x80 ? [line.length] : [(line.length & 0x7f) | 0x80, line.length >> 7];
    return Buffer.concat([Uint8Array.from(length), line]);
  });
  return new Uint8Array(Buffer.concat(lines));
}

function negotiateLazily(stream: InnerStream, protocol: string): void {
  const consent = Promise.withResolvers<void>();
  consent.promise.catch(() => {}); // Nobody has to ask.
  consents.set(stream, consent.promise);
  stream.protocol = protocol; // libp2p takes this as "already negotiated".

  const send = stream.send.bind(stream);
  stream.send = (data) => {
    stream.send = send;
    return send(new Uint8ArrayList(openingLines(protocol), data));
  };

  const deliver = stream.onData.bind(stream);
  const reply = new ReplyReader(protocol);
  stream.onData = (data) => {
    const verdict = reply.take(data);
    if (verdict === "more") return;
    stream.onData = deliver;
    if (verdict === "refused") {
      const error = new UnsupportedProtocolError(`the peer does not know ${protocol}`);
      consent.reject(error);
      stream.abort(error);
      return;
    }
    consent.resolve();
    if (verdict.byteLength > 0) deliver(verdict);
  };
  stream.addEventListener(
    "close",
    (event) => consent.reject(event.error ?? new Error("stream closed before the protocol was agreed")),
    { once: true },
  );
}

/** Reads the two reply lines from the head of the incoming bytes. */
export class ReplyReader {
  readonly #wanted: readonly string[];
  readonly #bytes = new Uint8ArrayList();
  #line = 0;

  constructor(protocol: string) {
    this.#wanted = [MULTISTREAM, protocol];
  }

  /** "more" while lines are incomplete, "refused" for any other reply than consent, else the bytes after it. */
  take(data: Uint8Array | Uint8ArrayList): "more" | "refused" | Uint8ArrayList {
    this.#bytes.append(data);
    while (this.#line < this.#wanted.length) {
      const line = takeLine(this.#bytes);
      if (line === incomplete) return "more";
      if (line !== this.#wanted[this.#line]) return "refused";
      this.#line++;
    }
    return this.#bytes;
  }
}

const incomplete = Symbol("incomplete line");

/** The next line without its newline; undefined when the bytes are no line. */
function takeLine(from: Uint8ArrayList): string | typeof incomplete | undefined {
  if (from.byteLength === 0) return incomplete;
  const first = from.get(0);
  const prefixBytes = first < 0x80 ? 1 : 2;
  if (from.byteLength < prefixBytes) return incomplete;
  const second = prefixBytes === 2 ? from.get(1) : 0;
  const length = (first & 0x7f) | (second << 7);
  if (second >= 0x80 || length === 0 || length > LINE_BYTES_MAX) return undefined;
  if (from.byteLength < prefixBytes + length) return incomplete;
  const line = Buffer.from(from.slice(prefixBytes, prefixBytes + length)).toString("utf8");
  from.consume(prefixBytes + length);
  return line.endsWith("\n") ? line.slice(0, -1) : undefined;
}
