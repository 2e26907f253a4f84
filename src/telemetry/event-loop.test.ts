import assert from "node:assert/strict";
import { test } from "node:test";
import { LateTicks } from "./event-loop.ts";

test("a loop in good order is neither late nor held", () => {
  const ticks = new LateTicks(10, 1_000, 50);
  assert.deepEqual(ticks.tick(1_010, 59), { lateMs: 0, heldMs: 0 });
});

test("a loop that its own work blocks is late and held", () => {
  const ticks = new LateTicks(10, 1_000, 50);
  assert.deepEqual(ticks.tick(1_100, 145), { lateMs: 90, heldMs: 90 });
});

test("a loop that waited for a processor is late and not held", () => {
  const ticks = new LateTicks(10, 1_000, 50);
  ticks.tick(1_010, 52);
  assert.deepEqual(ticks.tick(1_110, 55), { lateMs: 90, heldMs: 3 });
});
