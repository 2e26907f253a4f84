import type { Stream, StreamMessageEvent } from "@libp2p/interface";
import {
  CIRCUIT_BACKLOG_BYTES_MAX,
  CIRCUIT_BACKLOGS_BYTES_MAX,
  RELAY_STREAM_WINDOW_BYTES_MAX,
} from "./limits.ts";

/** One direction of a circuit: what has come from one end and was not read by the other. */
interface Backlog {
  bytes: number;
  readonly end: () => void;
}

/**
 * Makes the streams of each circuit as slow as the slower of its ends. libp2p's relay takes what one end sends as quickly as it
 * comes and keeps what the other does not read, up to the 32 MiB that a circuit may carry: of two strangers, one of whom sends
 * on a hundred circuits and one of whom reads nothing, gigabytes. And what all circuits hold together has a bound: beyond it the
 * one goes that has been waiting for its reader longest.
 */
export class CircuitBrake {
  /** Those that hold anything, the longest first. */
  readonly #backlogs = new Set<Backlog>();
  #bytes = 0;

  /** Call it when the two streams have been joined. */
  join(one: Stream, other: Stream): void {
    const end = (): void => {
      for (const stream of [one, other])
        stream.abort(new Error("what one end sent is not read by the other"));
    };
    this.#brake(one, other, end);
    this.#brake(other, one, end);
  }

  #brake(from: Stream, to: Stream, end: () => void): void {
    const backlog: Backlog = { bytes: 0, end };
    /** Has come, and was not handed on. */
    let between = 0;
    let isResuming = false;
    const look = (): void => {
      if (isResuming) return;
      if (from.readStatus === "paused" && between + to.writeBufferLength <= CIRCUIT_BACKLOG_BYTES_MAX / 2) {
        // It delivers what was held, and opens the window after that, whatever anybody says meanwhile.
        isResuming = true;
        from.resume();
        isResuming = false;
      }
      const bytes = between + to.writeBufferLength;
      if (from.readStatus === "readable" && bytes > CIRCUIT_BACKLOG_BYTES_MAX) from.pause();
      // Of a stream that is held, what its sender may still send by its window is on its way, or here.
      this.#note(backlog, bytes + (from.readStatus === "paused" ? RELAY_STREAM_WINDOW_BYTES_MAX : 0));
    };
    from.addEventListener("message", ({ data }: StreamMessageEvent) => {
      between += data.byteLength;
      look();
    });
    const send = to.send.bind(to);
    to.send = (data) => {
      const { byteLength } = data;
      const canSendMore = send(data);
      between = Math.max(0, between - byteLength);
      look();
      return canSendMore;
    };
    to.addEventListener("idle", look);
    for (const stream of [from, to]) stream.addEventListener("close", () => this.#note(backlog, 0));
  }

  #note(backlog: Backlog, bytes: number): void {
    this.#bytes += bytes - backlog.bytes;
    backlog.bytes = bytes;
    if (bytes === 0) this.#backlogs.delete(backlog);
    else this.#backlogs.add(backlog);
    if (this.#bytes <= CIRCUIT_BACKLOGS_BYTES_MAX) return;
    const [longest] = this.#backlogs;
    longest?.end();
  }
}
