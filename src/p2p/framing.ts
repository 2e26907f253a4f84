import type { Stream } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { P2pError } from "./errors.ts";

/** Writes one message: its length as unsigned varint, then its bytes. Settles when the connection has taken it. */
export async function writeMessage(stream: Stream, message: Uint8Array, signal: AbortSignal): Promise<void> {
  const framed = Buffer.concat([varint(message.length), message]);
  if (!stream.send(framed)) await stream.onDrain({ signal });
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return Uint8Array.from(bytes);
}

/**
 * Reads one message and no more. A length beyond the limit is refused before its bytes are kept; a peer that is slower than
 * the signal allows is cut off.
 *
 * @throws P2pError `p2p/refused` with the reason; the signal's reason when it fires.
 */
export function readMessage(stream: Stream, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let have = 0;
    let wanted: number | undefined;
    const finish = (settle: () => void): void => {
      stream.removeEventListener("message", onMessage);
      stream.removeEventListener("remoteCloseWrite", onEnd);
      stream.removeEventListener("close", onEnd);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const refuse = (reason: string): void =>
      finish(() => reject(new P2pError("p2p/refused", "receive message", { facts: { reason } })));
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const onEnd = (): void => refuse("ended-early");
    const onMessage = (event: { data: Uint8Array | Uint8ArrayList }): void => {
      const data = event.data.subarray();
      parts.push(data);
      have += data.length;
      if (wanted === undefined) {
        const head = readVarint(parts.length === 1 ? data : Buffer.concat(parts));
        if (head === "more") return;
        if (head === "bad") return refuse("bad-length");
        if (head.value > bytesMax) return refuse("too-large");
        wanted = head.length + head.value;
        if (have < wanted) return;
        parts.splice(0, parts.length, Buffer.concat(parts));
      }
      if (have < wanted) return;
      const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
      const head = readVarint(whole);
      if (typeof head === "string") return refuse("bad-length");
      finish(() => resolve(new Uint8Array(whole.subarray(head.length, head.length + head.value))));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    stream.addEventListener("close", onEnd);
    stream.addEventListener("remoteCloseWrite", onEnd);
    stream.addEventListener("message", onMessage);
  });
}

function readVarint(bytes: Uint8Array): { readonly value: number; readonly length: number } | "more" | "bad" {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i];
    if (byte === undefined) return "more";
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, length: i + 1 };
  }
  return "bad";
}
