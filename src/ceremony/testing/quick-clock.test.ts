import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { test } from "node:test";
import { quickClock } from "./quick-clock.ts";

test("no limit passes while the process is held up, nor before what waits for its turn has had one", async () => {
  const clock = quickClock(30);
  const passed: string[] = [];
  clock.at(clock.now() + 3_000, () => void passed.push("limit"));
  const until = performance.now() + 200; // Six seconds by its measure.
  while (performance.now() < until);
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(clock.now() - Date.now() < 3_000);
  await new Promise<void>((resolve) => void clock.at(clock.now() + 3_000, resolve));
  assert.deepEqual(passed, ["limit"]);
});

test("time stands still while the disk is asked", async () => {
  const clock = quickClock(1_000_000);
  const order: string[] = [];
  const asked = stat(import.meta.filename).then(() => order.push("disk"));
  await new Promise<void>((resolve) => void clock.at(clock.now() + 1, resolve));
  order.push("time");
  await asked;
  assert.deepEqual(order, ["disk", "time"]);
});

test("timers go off in their order, and one that was cancelled never", async () => {
  const clock = quickClock(1_000);
  const order: number[] = [];
  const done = Promise.withResolvers<void>();
  clock.at(clock.now() + 20, () => void order.push(20));
  clock.at(clock.now() + 10, () => void order.push(10));
  const cancel = clock.at(clock.now() + 15, () => void order.push(15));
  clock.at(clock.now() + 30, done.resolve);
  cancel();
  await done.promise;
  assert.deepEqual(order, [10, 20]);
});
