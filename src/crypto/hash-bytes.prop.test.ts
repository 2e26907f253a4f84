import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { hashBytesRoot, hashBytesRootInPieces, keccak256, sha256 } from "./index.ts";

/** The definition, word for word: all chunks of a whole power of two, pair by pair. */
function slowRoot(bytes: Uint8Array): Uint8Array {
  const chunkCount = 2 ** Math.ceil(Math.log2(Math.max(1, Math.ceil(bytes.length / 32))));
  const padded = new Uint8Array(32 * chunkCount);
  padded.set(bytes);
  let level = Array.from({ length: chunkCount }, (_, i) => padded.subarray(32 * i, 32 * (i + 1)));
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      createHash("sha256")
        .update(level[2 * i] as Uint8Array)
        .update(level[2 * i + 1] as Uint8Array)
        .digest(),
    );
  }
  return new Uint8Array(level[0] as Uint8Array);
}

test("the root of any bytes is what the definition gives", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2100 }), (bytes) => {
      assert.deepEqual(hashBytesRoot(bytes), slowRoot(bytes));
    }),
    { numRuns: 200 },
  );
  for (const length of [0, 1, 31, 32, 33, 63, 64, 65, 96, 97, 128, 129, 32 * 65, 32 * 1024 + 1])
    assert.deepEqual(hashBytesRoot(new Uint8Array(length).fill(1)), slowRoot(new Uint8Array(length).fill(1)));
});

test("a long byte string that is hashed in pieces has the same root, whatever its length", () => {
  const piece = 512 * 1024;
  const bytes = Uint8Array.from({ length: 3 * piece }, (_, i) => i ^ (i >> 8));
  for (const length of [100, piece, piece + 1, 2 * piece + 33, 3 * piece - 32]) {
    const work = hashBytesRootInPieces(bytes.subarray(0, length));
    let pieces = 0;
    let step = work.next();
    for (; step.done !== true; step = work.next()) pieces++;
    assert.deepEqual(step.value, hashBytesRoot(bytes.subarray(0, length)), String(length));
    assert.equal(pieces, length <= piece ? 0 : Math.ceil(length / piece));
  }
});

test("the bytes are not changed, and a view into a larger buffer is read where it lies", () => {
  const buffer = Uint8Array.from({ length: 300 }, (_, i) => i);
  const copy = buffer.slice();
  assert.deepEqual(hashBytesRoot(buffer.subarray(50, 250)), slowRoot(copy.slice(50, 250)));
  assert.deepEqual(buffer, copy);
});

test("hashes are those of the standards", () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const abc = Buffer.from("abc");
  assert.equal(hex(sha256(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.deepEqual(sha256(abc.subarray(0, 1), abc.subarray(1)), sha256(abc));
  assert.equal(hex(keccak256(abc)), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
});
