import type { Stream } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";

/** Why a message could not be read. */
export type ReadFailure = "bad-length" | "too-large" | "incomplete" | "memory";

export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly failure: ReadFailure;

  constructor(failure: ReadFailure) {
    super(`message not read: ${failure}`);
    this.failure = failure;
  }
}

/** 2^35 - 1 in five bytes: beyond every message, and small enough to count without overflow. */
const PREFIX_BYTES_MAX = 5;

/** A message with its length before it, as unsigned varint. */
export function frame(message: Uint8Array): Uint8ArrayList {
  const prefix: number[] = [];
  let rest = message.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) prefix.push((rest % 128) | 0x80);
  prefix.push(rest);
  return new Uint8ArrayList(Uint8Array.from(prefix), message);
}

/** Room for a message whose first bytes are few; from there it is doubled. */
const ROOM_BYTES_MIN = 1_024;

/**
 * Puts one message together from chunks. It refuses a message by its length, before its bytes are kept, and takes twice the
 * room of what has really arrived at most: a length alone reserves nothing, and neither do bytes that come one by one, each of
 * which as a piece of its own would take a hundred times its size.
 */
export class FrameReader {
  readonly #bytesMax: number;
  #room: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #prefixBytes = 0;
  #length = 0;
  #wanted: number | undefined;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of the message kept so far. */
  get held(): number {
    return this.#held;
  }

  /** The message when it is complete; bytes after it are dropped. */
  take(data: Uint8Array): Uint8Array | "more" | ReadFailure {
    let at = 0;
    while (this.#wanted === undefined) {
      const byte = data[at++];
      if (byte === undefined) return "more";
      this.#length += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes++);
      if (byte < 0x80) {
        if (byte === 0 && this.#prefixBytes > 1) return "bad-length"; // Longer than it needs to be.
        this.#wanted = this.#length;
      } else if (this.#prefixBytes === PREFIX_BYTES_MAX) return "bad-length";
    }
    if (this.#wanted > this.#bytesMax) return "too-large";
    this.#keep(data.subarray(at, at + this.#wanted - this.#held), this.#wanted);
    return this.#held < this.#wanted ? "more" : this.#room;
  }

  /** A copy, so that a small message does not keep the socket's large buffer alive. */
  #keep(chunk: Uint8Array, wanted: number): void {
    const held = this.#held + chunk.length;
    if (held > this.#room.length) {
      const room = new Uint8Array(Math.min(wanted, Math.max(2 * held, ROOM_BYTES_MIN)));
      room.set(this.#room.subarray(0, this.#held));
      this.#room = room;
    }
    this.#room.set(chunk, this.#held);
    this.#held = held;
  }
}

/**
 * Reads the one message of a stream. Listens from this call on, so nothing that arrives later is missed.
 *
 * @param options.hold - Told how many bytes arrived; false refuses to keep them.
 * @throws FrameError, the error that ended the stream, or the signal's reason when it fires first.
 */
export function readFrame(
  stream: Stream,
  options: {
    readonly bytesMax: number;
    readonly signal: AbortSignal;
    readonly hold?: (bytes: number) => boolean;
  },
): Promise<Uint8Array> {
  const { bytesMax, signal, hold } = options;
  const reader = new FrameReader(bytesMax);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stream.removeEventListener("message", onMessage);
      stream.removeEventListener("remoteCloseWrite", onEnd);
      stream.removeEventListener("close", onEnd);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onMessage = ({ data }: { data: Uint8Array | Uint8ArrayList }): void => {
      const bytes = data instanceof Uint8Array ? data : data.subarray();
      if (hold !== undefined && !hold(bytes.length)) return finish(() => reject(new FrameError("memory")));
      const result = reader.take(bytes);
      if (result instanceof Uint8Array) return finish(() => resolve(result));
      if (result !== "more") return finish(() => reject(new FrameError(result)));
      if (nothingFollows(stream)) finish(() => reject(new FrameError("incomplete")));
    };
    const onEnd = ({ error }: Event & { error?: Error }): void => {
      if (error !== undefined) finish(() => reject(error));
      else if (nothingFollows(stream)) finish(() => reject(new FrameError("incomplete")));
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    stream.addEventListener("remoteCloseWrite", onEnd);
    stream.addEventListener("close", onEnd);
    stream.addEventListener("message", onMessage); // What has already arrived is delivered right after this.
    if (nothingFollows(stream)) finish(() => reject(new FrameError("incomplete")));
  });
}

/**
 * Whether the other side is done and all it sent was delivered. `readableEnded` does not tell: libp2p sets it too early when
 * the end arrives while it still negotiates the protocol and holds the message itself.
 */
export function nothingFollows(stream: Stream): boolean {
  return stream.readBufferLength === 0 && (stream.remoteWriteStatus === "closed" || stream.status !== "open");
}

/** Writes the one message of our side and closes that side; settles when the bytes went to the connection. */
export async function writeFrame(stream: Stream, message: Uint8Array, signal: AbortSignal): Promise<void> {
  stream.send(frame(message));
  await stream.close({ signal });
}

/** How much of a message that is being written has gone to the connection. */
export const bytesGone = (stream: Stream, message: Uint8Array): number =>
  Math.max(0, message.length - stream.writeBufferLength);
