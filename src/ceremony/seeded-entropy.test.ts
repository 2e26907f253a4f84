import assert from "node:assert/strict";
import { test } from "node:test";
import { seededEntropy } from "./seeded-entropy.ts";

const seed = new Uint8Array(32).fill(1);

test("one seed and purpose give one stream, however it is cut; another seed or purpose gives another", () => {
  const whole = seededEntropy(seed, "keys")(1000);
  const again = seededEntropy(seed, "keys");
  const pieces = Array.from({ length: 100 }, () => again(10));
  assert.deepEqual(new Uint8Array(Buffer.concat(pieces)), whole);
  const others = [seededEntropy(seed, "else"), seededEntropy(new Uint8Array(32).fill(2), "keys")];
  for (const other of others) assert.notDeepEqual(other(1000), whole);
  // No block comes twice.
  const blocks = new Set(
    Array.from({ length: 62 }, (_, i) => Buffer.from(whole).toString("hex", 16 * i, 16 * i + 16)),
  );
  assert.equal(blocks.size, 62);
});
