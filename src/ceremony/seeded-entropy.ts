import { createCipheriv, hkdfSync } from "node:crypto";

/**
 * Unpredictable bytes that are the same again after a restart: a stream from the ceremony's seed, one for each purpose. So
 * a program that was killed makes the very messages again that others may have seen already, and never a second version.
 *
 * @param seed - 32 unpredictable bytes, in the journal before anything made from them leaves.
 * @returns Gives the next bytes of the stream.
 */
export function seededEntropy(seed: Uint8Array, purpose: string): (bytes: number) => Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", seed, new Uint8Array(0), `trireme ceremony ${purpose}`, 32));
  const stream = createCipheriv("aes-256-ctr", key, new Uint8Array(16));
  key.fill(0);
  return (bytes) => new Uint8Array(stream.update(new Uint8Array(bytes)));
}
