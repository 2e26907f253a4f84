import { digest2Bytes32, digest64, hashInto } from "@chainsafe/as-sha256";

/** SHA-256 of two chunks of 32 bytes: one node of a hash tree, without a trip into OpenSSL. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  return digest2Bytes32(left, right);
}

/**
 * The 32-byte root of a byte string as Charon hashes protobuf messages: 32-byte chunks, zero-padded, merkleized to the
 * next power of two, no length mixed in. Up to 32 bytes the root is the padded chunk itself. A block of a megabyte is
 * 65,000 hashes, so they are done in WASM, four at a time.
 *
 * @spec consensus-specs ssz/simple-serialize.md#merkleization (merkleize of pack, without mix_in_length)
 */
export function hashBytesRoot(bytes: Uint8Array): Uint8Array {
  let level = new Uint8Array(32 * Math.max(1, Math.ceil(bytes.length / 32)));
  level.set(bytes);
  // To the right of the data lie subtrees of zeros, whose roots need not be hashed again and again.
  let zero: Uint8Array = new Uint8Array(32);
  while (level.length > 32) {
    const pairs = Math.ceil(level.length / 64);
    const input = new Uint8Array(64 * pairs);
    input.set(level);
    if (level.length < input.length) input.set(zero, level.length);
    level = new Uint8Array(32 * pairs);
    hashInto(input, level);
    zero = digest64(new Uint8Array([...zero, ...zero]));
  }
  return level;
}
