import { sha256 } from "./secp256k1.ts";

/**
 * expand_message_xmd with SHA-256: `byteCount` bytes that look random, under a name of their own.
 *
 * @param domain - At most 255 ASCII characters.
 * @param byteCount - At most 255 * 32.
 * @source RFC 9380 section 5.3.1
 */
export function expandMessage(
  domain: string,
  byteCount: number,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  const tag = Buffer.concat([Buffer.from(domain), Uint8Array.of(domain.length)]);
  const length = Uint8Array.of(byteCount >> 8, byteCount & 255);
  const b0 = sha256(new Uint8Array(64), ...parts, length, Uint8Array.of(0), tag);
  let last = sha256(b0, Uint8Array.of(1), tag);
  const blocks = [last];
  for (let i = 2; blocks.length * 32 < byteCount; i++) {
    last = sha256(
      b0.map((byte, at) => byte ^ (last[at] as number)),
      Uint8Array.of(i),
      tag,
    );
    blocks.push(last);
  }
  return new Uint8Array(Buffer.concat(blocks).subarray(0, byteCount));
}
