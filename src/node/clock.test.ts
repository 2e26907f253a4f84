import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { sleepUntil } from "../ports/index.ts";
import { steadyClock, systemClock } from "./clock.ts";

test("an action comes at its time and not before, however far away", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  try {
    let done = 0;
    systemClock.at(10_500, () => done++);
    mock.timers.tick(10_499);
    assert.equal(done, 0);
    mock.timers.tick(1);
    assert.equal(done, 1);
  } finally {
    mock.timers.reset();
  }
});

test("a time that is past comes at once, but not before the call returns", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 5_000 });
  try {
    let done = false;
    systemClock.at(1_000, () => (done = true));
    assert.equal(done, false);
    mock.timers.tick(1);
    assert.equal(done, true);
  } finally {
    mock.timers.reset();
  }
});

test("a clock that is set forward brings the action within a second", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  try {
    let done = false;
    systemClock.at(60_000, () => (done = true));
    mock.timers.setTime(59_999);
    mock.timers.tick(1_001);
    assert.equal(done, true);
  } finally {
    mock.timers.reset();
  }
});

test("a cancelled action never comes, and a sleep ends with its signal", async () => {
  const stop = new AbortController();
  systemClock.at(Date.now() + 5, () => assert.fail("cancelled"))();
  const sleep = sleepUntil(systemClock, Date.now() + 3_600_000, stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(sleep, /stopped/);
  await sleepUntil(systemClock, Date.now() + 10, new AbortController().signal);
});

test("a steady clock begins with the machine's, and keeps its waits when that one is set back or forward", (t) => {
  let [wall, steady, done] = [1_000_000, 0, 0];
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(Date, "now", () => wall);
  const { now } = performance;
  performance.now = () => steady;
  t.after(() => void (performance.now = now));
  const clock = steadyClock();
  const pass = (ms: number): void => {
    steady += ms;
    t.mock.timers.tick(ms);
  };
  assert.equal(clock.now(), 1_000_000);
  clock.at(1_000_500, () => done++);
  wall = 0;
  pass(500);
  assert.equal(done, 1);
  clock.at(1_060_500, () => done++);
  wall = 9_000_000;
  for (let second = 0; second < 59; second++) pass(1_000);
  assert.equal(done, 1);
  pass(1_000);
  assert.equal(done, 2);
});
