import { digest2Bytes32, hashInto } from "@chainsafe/as-sha256";

/** SHA-256 of two chunks of 32 bytes: one node of a hash tree, without a trip into OpenSSL. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  return digest2Bytes32(left, right);
}

/** What is hashed in one go where the work is cut into pieces, a power of two: some six milliseconds. */
const PIECE_BYTES = 512 * 1024;

/**
 * The 32-byte root of a byte string as Charon hashes protobuf messages: 32-byte chunks, zero-padded, merkleized to the
 * next power of two, no length mixed in. Up to 32 bytes the root is the padded chunk itself. A block of a megabyte is
 * 65,000 hashes, so they are done in WASM, four at a time.
 *
 * @spec consensus-specs ssz/simple-serialize.md#merkleization (merkleize of pack, without mix_in_length)
 */
export function hashBytesRoot(bytes: Uint8Array): Uint8Array {
  const chunks = new Uint8Array(32 * Math.max(1, Math.ceil(bytes.length / 32)));
  chunks.set(bytes);
  return rootOf(chunks, new Uint8Array(32));
}

/** The same root, with a stop after each piece: long byte strings take 13 ms a megabyte. They must not change meanwhile. */
export function* hashBytesRootInPieces(bytes: Uint8Array): Generator<undefined, Uint8Array> {
  if (bytes.length <= PIECE_BYTES) return hashBytesRoot(bytes);
  const roots = new Uint8Array(32 * Math.ceil(bytes.length / PIECE_BYTES));
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    roots.set(hashBytesRoot(piece.length === PIECE_BYTES ? piece : padded(piece)), (32 * at) / PIECE_BYTES);
    yield;
  }
  return rootOf(roots, zeroRoot(PIECE_BYTES));
}

function padded(piece: Uint8Array): Uint8Array {
  const whole = new Uint8Array(PIECE_BYTES);
  whole.set(piece);
  return whole;
}

/** The root of so many zeros: 32 times a power of two. */
function zeroRoot(bytes: number): Uint8Array {
  let zero: Uint8Array = new Uint8Array(32);
  for (let covered = 32; covered < bytes; covered *= 2) zero = hashPair(zero, zero);
  return zero;
}

/**
 * The root over the nodes of one level of the tree.
 *
 * @param zero - What a node of that level is where there is no data: right of it lie subtrees of zeros, whose roots need not
 *   be hashed again and again.
 */
function rootOf(nodes: Uint8Array, zero: Uint8Array): Uint8Array {
  let level = nodes;
  let beside = zero;
  while (level.length > 32) {
    const pairs = Math.ceil(level.length / 64);
    const input = new Uint8Array(64 * pairs);
    input.set(level);
    if (level.length < input.length) input.set(beside, level.length);
    level = new Uint8Array(32 * pairs);
    hashInto(input, level);
    beside = hashPair(beside, beside);
  }
  return level;
}
