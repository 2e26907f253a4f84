import { assert, concatBytes } from "../base/index.ts";
import { hashPair } from "../crypto/index.ts";
import { WALLET_SIGNATURES_MAX } from "./model.ts";

/**
 * The SSZ hashing of cluster files, as Charon does it: like the specification's, with a few habits of its own (an empty
 * byte string adds no chunk; long ones are not length-mixed). The containers differ by file version, so they are put
 * together chunk by chunk instead of by type.
 */
export type Chunk = Uint8Array;

const zeros: Chunk[] = [new Uint8Array(32)];
function zeroRoot(depth: number): Chunk {
  for (let i = zeros.length; i <= depth; i++)
    zeros.push(hashPair(zeros[i - 1] as Chunk, zeros[i - 1] as Chunk));
  return zeros[depth] as Chunk;
}

/** Root of chunks, padded with zeros to `limit` rounded up to a power of two (or to their own number). */
function merkleize(chunks: readonly Chunk[], limit: number = chunks.length): Chunk {
  assert(chunks.length <= limit || limit === 0, "no more chunks than the limit");
  const depth = Math.ceil(Math.log2(Math.max(1, limit)));
  let level = chunks;
  for (let i = 0; i < depth; i++) {
    const above: Chunk[] = [];
    for (let k = 0; k < level.length; k += 2)
      above.push(hashPair(level[k] as Chunk, level[k + 1] ?? zeroRoot(i)));
    level = above;
  }
  return level[0] ?? zeroRoot(depth);
}

/** A container's chunk: the root of its fields' chunks. */
export const container = (fields: readonly (readonly Chunk[])[]): readonly Chunk[] => [
  merkleize(fields.flat()),
];

export function uint64(value: number | bigint): readonly Chunk[] {
  const chunk = new Uint8Array(32);
  new DataView(chunk.buffer).setBigUint64(0, BigInt(value), true);
  return [chunk];
}

export const bool = (value: boolean): readonly Chunk[] => uint64(value ? 1 : 0);

/** Whole chunks are views; the last is padded with zeros. */
function split(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; at += 32) {
    const part = bytes.subarray(at, at + 32);
    if (part.length === 32) chunks.push(part);
    else {
      const padded = new Uint8Array(32);
      padded.set(part);
      chunks.push(padded);
    }
  }
  return chunks;
}

/** Bytes of any length, no length mixed in; none at all where they are empty. */
export function bytes(value: Uint8Array): readonly Chunk[] {
  return value.length === 0 ? [] : [merkleize(split(value))];
}

/** Bytes padded with zeros on the left to a length. */
export function fixedBytes(value: Uint8Array, length: number): readonly Chunk[] {
  assert(value.length <= length, "no longer than its field");
  const missing = length - value.length;
  return bytes(missing === 0 ? value : concatBytes(new Uint8Array(missing), value));
}

function mixIn(root: Chunk, length: number): Chunk {
  return hashPair(root, uint64(length)[0] as Chunk);
}

/** A byte list with its length mixed in. */
function byteList(value: Uint8Array, limit: number): readonly Chunk[] {
  return [mixIn(merkleize(split(value), Math.floor((limit + 31) / 32)), value.length)];
}

export const textList = (value: string, limit: number): readonly Chunk[] =>
  byteList(new TextEncoder().encode(value), limit);

/** A list of things of one chunk each. */
export function list(items: readonly (readonly Chunk[])[], limit: number): readonly Chunk[] {
  return [mixIn(merkleize(items.flat(), limit), items.length)];
}

/** A list of 64-bit numbers, four to a chunk. */
export function uint64List(values: readonly number[], limit: number): readonly Chunk[] {
  const packed = new Uint8Array(8 * values.length);
  const view = new DataView(packed.buffer);
  for (const [i, value] of values.entries()) view.setBigUint64(8 * i, BigInt(value), true);
  return [mixIn(merkleize(split(packed), Math.floor((limit * 8 + 31) / 32)), values.length)];
}

/** Concatenated 65-byte signatures as a list of up to 32 (v1.11: wallets of several signers). */
export function signatureList(value: Uint8Array): readonly Chunk[] {
  const signatures = Array.from({ length: Math.floor(value.length / 65) }, (_, i) =>
    bytes(value.subarray(65 * i, 65 * i + 65)),
  );
  return list(signatures, WALLET_SIGNATURES_MAX);
}
