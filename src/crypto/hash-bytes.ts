import { createHash } from "node:crypto";

const ZERO_CHUNK = new Uint8Array(32);

/**
 * The 32-byte root of a byte string as Charon hashes protobuf messages: 32-byte chunks, zero-padded, merkleized to the
 * next power of two, no length mixed in. Up to 32 bytes the root is the padded chunk itself.
 *
 * @spec consensus-specs ssz/simple-serialize.md#merkleization (merkleize of pack, without mix_in_length)
 */
export function hashBytesRoot(bytes: Uint8Array): Uint8Array {
  const chunkCount = Math.ceil(bytes.length / 32);
  if (chunkCount <= 1) {
    const chunk = new Uint8Array(32);
    chunk.set(bytes);
    return chunk;
  }
  let level = new Uint8Array(32 * chunkCount);
  level.set(bytes);
  // Subtrees of zeros to the right of the data have a known root, so that only the data is hashed.
  let zero = ZERO_CHUNK;
  while (level.length > 32) {
    const pairs = Math.ceil(level.length / 64);
    const next = new Uint8Array(32 * pairs);
    for (let i = 0; i < pairs; i++) {
      const pair = level.subarray(64 * i, 64 * i + 64);
      const hash = createHash("sha256").update(pair);
      if (pair.length < 64) hash.update(zero);
      next.set(hash.digest(), 32 * i);
    }
    zero = new Uint8Array(createHash("sha256").update(zero).update(zero).digest());
    level = next;
  }
  return level;
}
