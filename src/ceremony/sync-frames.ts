import type { Channel } from "../ports/index.ts";
import { SYNC_FRAME_BYTES_MAX } from "./limits.ts";

const PREFIX_BYTES = 8;

/** A frame of the sync protocol: eight bytes of length, little-endian, then the message; in one piece, since Go reads the message at once. */
export function syncFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeBigUInt64LE(BigInt(message.length));
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Reads the frames of a channel, however they were cut on the way. */
export class SyncFrames {
  readonly #channel: Channel;
  #held: Buffer = Buffer.alloc(0);

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** The next message; undefined when the channel has ended. @throws when a length is zero or too large, or the signal fires. */
  async next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      const length = this.#held.length < PREFIX_BYTES ? undefined : this.#held.readBigUInt64LE();
      if (length !== undefined) {
        if (length === 0n || length > SYNC_FRAME_BYTES_MAX) throw new Error("a frame of impossible length");
        const end = PREFIX_BYTES + Number(length);
        if (this.#held.length >= end) {
          const message = new Uint8Array(this.#held.subarray(PREFIX_BYTES, end));
          this.#held = this.#held.subarray(end);
          return message;
        }
      }
      const piece = await this.#channel.read(signal);
      if (piece === undefined) return undefined;
      this.#held = Buffer.concat([this.#held, piece]);
    }
  }
}
