import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, frame } from "./framing.ts";

/** Feeds bytes in pieces until the reader decides. */
function feed(
  reader: FrameReader,
  bytes: Uint8Array,
  pieces: readonly number[],
): ReturnType<FrameReader["take"]> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, pieces[i % Math.max(1, pieces.length)] ?? 1);
    const result = reader.take(bytes.subarray(at, at + size));
    if (result !== "more") return result;
    at += size;
  }
  return "more";
}

const sizes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 8 });

test("a framed message comes back whole, in whatever pieces it arrives and whatever follows", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.uint8Array({ maxLength: 10 }),
      sizes,
      (message, after, pieces) => {
        const bytes = new Uint8Array(Buffer.concat([frame(message).subarray(), after]));
        assert.deepEqual(feed(new FrameReader(400), bytes, pieces), message);
      },
    ),
  );
});

test("a message above the cap is refused before any of it is kept", () => {
  fc.assert(
    fc.property(fc.integer({ min: 101, max: 5_000 }), sizes, (length, pieces) => {
      const reader = new FrameReader(100);
      assert.equal(feed(reader, frame(new Uint8Array(length)).subarray(), pieces), "too-large");
      assert.equal(reader.held, 0);
    }),
  );
});

test("arbitrary bytes never make the reader throw or keep more than the cap", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), sizes, (bytes, pieces) => {
      const reader = new FrameReader(64);
      feed(reader, bytes, pieces);
      assert.ok(reader.held <= 64);
    }),
  );
});

test("a message that comes byte by byte takes no more memory than twice its bytes", () => {
  const bytes = 2_000_000;
  const reader = new FrameReader(bytes + 1);
  const prefix = frame(new Uint8Array(bytes + 1)).subarray(0, 3);
  assert.equal(reader.take(prefix), "more");
  const one = new Uint8Array(1);
  const before = process.memoryUsage();
  for (let i = 0; i < bytes; i++) reader.take(one.subarray());
  const after = process.memoryUsage();
  const taken = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(taken < 64 * 1024 * 1024, `${Math.round(taken / bytes)} bytes for each`);
  assert.deepEqual(reader.take(one), new Uint8Array(bytes + 1));
});
