import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "./limits.ts";
import { quietSlots } from "./quiet-slots.ts";

const many = LIMITS.earlyPerSlotMax;

test("a whole committee's proofs are begun one slot ahead, not in their own slot", () => {
  assert.deepEqual(quietSlots("ahead", 7, { end: 64, size: () => many }), [7, 8]);
  assert.deepEqual(quietSlots("ahead", 8, { end: 64, size: (slot) => (slot === 8 ? 0 : many) }), [9]);
});

test("what is early is begun bit by bit, and only as far as it is known", () => {
  assert.deepEqual(quietSlots("early", 7, { end: 64, size: () => many }), [7]);
  assert.deepEqual(quietSlots("early", 7, { end: 64, size: () => many / 2 }), [7, 8]);
  assert.deepEqual(quietSlots("early", 62, { end: 64, size: () => 1 }), [62, 63]);
  // What has begun costs nothing.
  assert.deepEqual(quietSlots("early", 7, { end: 64, size: (slot) => (slot < 20 ? 0 : many) }), [20]);
});
