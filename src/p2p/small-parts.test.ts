import assert from "node:assert/strict";
import { test } from "node:test";
import { orAborted } from "../base/index.ts";
import { type Logger, silent } from "../ports/index.ts";
import { Backoff } from "./backoff.ts";
import { InfoGauge } from "./info-gauge.ts";
import {
  INFO_VALUES_MAX,
  VIOLATION_LOG_WINDOW_MS,
  VIOLATION_WINDOW_MS,
  VIOLATIONS_MAX_PER_WINDOW,
} from "./limits.ts";
import { ObservedMeter } from "./testing/hosts.ts";
import { TokenBucket } from "./token-bucket.ts";
import { Violations } from "./violations.ts";
import { Bell, deadline, pause } from "./waiting.ts";

test("a token bucket admits its burst, then its rate, and saves up no more than its burst", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3, now: 0 });
  const taken = (now: number, tries: number): number =>
    Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
  assert.equal(taken(0, 5), 3);
  assert.equal(taken(99, 5), 0);
  assert.equal(taken(300, 5), 3);
  assert.equal(taken(1_000_000, 9), 3);
  assert.equal(taken(500_000, 1), 0, "a clock that goes back gives nothing");
});

test("waits grow to their maximum, are spread, and start anew after a success", () => {
  const waits = (random: () => number): number[] => {
    const backoff = new Backoff({ firstMs: 100, factor: 2, maxMs: 1_000 }, random);
    const grown = Array.from({ length: 6 }, () => backoff.next());
    backoff.reset();
    return [...grown, backoff.next()];
  };
  assert.deepEqual(waits(() => 0.5).map(Math.round), [100, 200, 400, 800, 1000, 1000, 100]);
  assert.ok(waits(() => 0).every((wait, i) => wait < (waits(() => 0.99)[i] ?? 0)));
});

test("violations are counted each, logged once per window, and put a peer out for the rest of its window", () => {
  let now = 0;
  const lines: unknown[] = [];
  const log: Logger = { ...silent, warn: (_, facts) => void lines.push(facts) };
  const meter = new ObservedMeter();
  const putOut: string[] = [];
  const account = new Violations({ log, meter, now: () => now, onExcess: (peer) => void putOut.push(peer) });

  for (let i = 0; i <= VIOLATIONS_MAX_PER_WINDOW + 5; i++) account.count("operator-1", "rate", "/p");
  account.count("operator-2", "rate", "/p");
  assert.equal(
    meter.value("trireme_p2p_violations_total", { peer: "operator-1" }),
    VIOLATIONS_MAX_PER_WINDOW + 6,
  );
  assert.deepEqual(putOut, ["operator-1"]);
  assert.equal(lines.length, 3, "one line per peer and reason, one for being put out");
  assert.deepEqual([account.isPutOut("operator-1"), account.isPutOut("operator-2")], [true, false]);
  now += VIOLATION_WINDOW_MS;
  assert.equal(account.isPutOut("operator-1"), false);
  now += VIOLATION_LOG_WINDOW_MS;
  account.count("operator-1", "rate", "/p");
  assert.equal(lines.length, 4);
});

test("a peer that changes its version for ever makes a bounded number of series", () => {
  const series = new Map<string, number>();
  const gauge = new InfoGauge(
    { set: (value, labels) => void series.set(JSON.stringify(labels), value) },
    "version",
  );
  for (let i = 0; i < 100; i++) gauge.set("operator-1", `v${i}`);
  assert.equal(series.size, INFO_VALUES_MAX + 1);
  assert.deepEqual(
    [...series].filter(([, value]) => value === 1),
    [[JSON.stringify({ peer: "operator-1", version: "other" }), 1]],
  );
});

test("a pause and a bell end early when their signal fires, and leave no timer", async () => {
  const end = new AbortController();
  const bell = new Bell();
  const all = Promise.all([
    pause(3_600_000, end.signal),
    bell.wait(3_600_000, end.signal),
    bell.wait(undefined, end.signal),
  ]);
  end.abort();
  await all;
  const rung = bell.wait(undefined, new AbortController().signal);
  bell.ring();
  await rung;
});

test("a deadline passes on its parent's reason", async () => {
  const parent = new AbortController();
  const limit = deadline(3_600_000, parent.signal);
  parent.abort(new Error("over"));
  await assert.rejects(orAborted(new Promise(() => {}), limit.signal), /over/);
  limit.clear();
  const late = deadline(0);
  await assert.rejects(orAborted(new Promise(() => {}), late.signal), /timed out/);
});
