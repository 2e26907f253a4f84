import { UnsupportedProtocolError } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";
import { Uint8ArrayList } from "uint8arraylist";

/**
 * One network round trip per message instead of two. js-libp2p waits for the answer of the protocol negotiation before the
 * first byte of a message may be written; Go sends header, protocol and payload together and checks the answer when it
 * comes. This muxer does the same for streams that are opened for exactly one of our protocols.
 *
 * @spec https://github.com/multiformats/multistream-select (the "lazy" client)
 */
const HEADER = "/multistream/1.0.0\n";
const LINE_MAX = 1024;

type Data = Uint8Array | Uint8ArrayList;
/** What we replace on a yamux stream; pinned versions and lazy-negotiation.test.ts hold it in place. */
interface OpenStream {
  protocol: string;
  send(data: Data): boolean;
  onData(data: Data): void;
  abort(error: Error): void;
}
interface OpenMuxer {
  createStream(options?: { protocol?: string }): Promise<OpenStream>;
}
interface MuxerFactory {
  protocol: string;
  createStreamMuxer(connection: unknown): OpenMuxer;
}

/** Yamux whose streams for protocols that `isLazy` names negotiate without waiting. */
export function lazyYamux(isLazy: (protocol: string) => boolean): ReturnType<typeof yamux> {
  const make = yamux({ streamOptions: {} });
  const factory = (...components: unknown[]): MuxerFactory => {
    const inner = (make as unknown as (...from: unknown[]) => MuxerFactory)(...components);
    const createStreamMuxer = inner.createStreamMuxer.bind(inner);
    inner.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection);
      const createStream = muxer.createStream.bind(muxer);
      muxer.createStream = async (options) => {
        const stream = await createStream(options);
        if (options?.protocol !== undefined && isLazy(options.protocol))
          negotiateLater(stream, options.protocol);
        return stream;
      };
      return muxer;
    };
    return inner;
  };
  return factory as unknown as ReturnType<typeof yamux>;
}

function line(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  // Protocol names are far shorter than 128 bytes, so that the length is one byte.
  if (bytes.length > 127) throw new UnsupportedProtocolError(`protocol name too long: ${text}`);
  return Uint8Array.of(bytes.length, ...bytes);
}

function negotiateLater(stream: OpenStream, protocol: string): void {
  const send = stream.send.bind(stream);
  const onData = stream.onData.bind(stream);
  stream.protocol = protocol;
  stream.send = (data) => {
    stream.send = send;
    return send(new Uint8ArrayList(line(HEADER), line(`${protocol}\n`), data));
  };
  const expected = Buffer.concat([line(HEADER), line(`${protocol}\n`)]);
  const received = new Uint8ArrayList();
  stream.onData = (data) => {
    received.append(data);
    const enough = Math.min(received.byteLength, expected.length);
    const begins = Buffer.compare(received.subarray(0, enough), expected.subarray(0, enough)) === 0;
    if (!begins || received.byteLength > LINE_MAX + expected.length + 64 * 1024 * 1024) {
      stream.abort(new UnsupportedProtocolError(`the peer does not speak ${protocol}`));
      return;
    }
    if (received.byteLength < expected.length) return;
    stream.onData = onData;
    received.consume(expected.length);
    if (received.byteLength > 0) onData(received);
  };
}
