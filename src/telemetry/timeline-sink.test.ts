import assert from "node:assert/strict";
import { test } from "node:test";
import type { Facts } from "../base/index.ts";
import { type Clock, type DutyRecord, type Logger, silent } from "../ports/index.ts";
import type { ChainSpec, GroupKey } from "../spec/index.ts";
import { ENTRIES_PER_DUTY_MAX, KEYS_PER_OUTCOME_MAX } from "./limits.ts";
import { createTimelineSink, type DutyTimelines } from "./timeline-sink.ts";

interface World {
  readonly lines: string[];
  readonly saved: DutyRecord[];
  readonly sink: DutyTimelines;
  /** Lets the coalescing time pass. */
  pass(): void;
}

function world(dutiesMax = 100, earlier: readonly DutyRecord[] = []): World {
  const [lines, saved, due]: [string[], DutyRecord[], Set<() => void>] = [[], [], new Set()];
  const clock: Clock = {
    now: () => 12_000,
    at(_, action) {
      due.add(action);
      return () => due.delete(action);
    },
  };
  const write = (level: string) => (sentence: string, facts?: Facts) =>
    void lines.push(`${level} ${sentence} ${JSON.stringify(facts)}`);
  const log: Logger = { ...silent, info: write("info"), warn: write("warn"), debug: write("debug") };
  const options = {
    save: (records: readonly DutyRecord[]) => saved.push(...records),
    // Slot 7 begins at 10 s.
    chain: { genesisTime: 10_000 - 7 * 12_000, slotMs: 12_000 } as ChainSpec,
    dutiesMax,
    earlier,
  };
  const pass = (): void => {
    const now = [...due];
    for (const action of now) {
      due.delete(action);
      action();
    }
  };
  return { lines, saved, sink: createTimelineSink({ clock, log }, options), pass };
}

const duty = { slot: 7, kind: "attester" } as const;
const key = (i: number): GroupKey => `0x${i.toString(16).padStart(96, "0")}` as GroupKey;

test("a duty that went out is one line, however many validators end with it", () => {
  const { lines, sink, pass } = world();
  sink.record(duty, { at: 11_000, stage: "decided", facts: { round: 2 } });
  sink.record(duty, { at: 11_840, stage: "broadcast", facts: { validators: 500 } });
  for (let i = 0; i < 500; i++) sink.finish({ duty, groupKey: key(i), outcome: "broadcast" });
  pass();
  assert.deepEqual(lines, [
    'info Duty broadcast {"duty":"7/attester","validators":500,"round":2,"intoSlotMs":1840}',
  ]);
});

test("a duty that failed is one line for each cause", () => {
  const { lines, sink, pass } = world();
  for (let i = 0; i < 3; i++) sink.finish({ duty, groupKey: key(i), outcome: "failed", cause: "no-quorum" });
  sink.finish({ duty, groupKey: key(4), outcome: "failed", cause: "refused" });
  pass();
  assert.deepEqual(lines, [
    'warn Duty failed {"duty":"7/attester","validators":3,"cause":"no-quorum"}',
    'warn Duty failed {"duty":"7/attester","validators":1,"cause":"refused"}',
  ]);
});

test("what this node leaves to the others is no warning: while it watches, and when it is stopped", () => {
  const { lines, sink, pass } = world();
  sink.finish({ duty, groupKey: key(1), outcome: "failed", cause: "watching-for-a-double" });
  sink.finish({ duty, groupKey: key(2), outcome: "failed", cause: "stopped" });
  pass();
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    ["debug", "info"],
  );
});

test("what an earlier life saved is shown again, and neither reported nor saved anew", () => {
  const first = world();
  for (const slot of [5, 6, 7]) {
    first.sink.record(
      { slot, kind: "attester" },
      { at: 11_000, stage: "scheduled", facts: { validators: 2 } },
    );
    first.sink.record({ slot, kind: "attester" }, { at: 11_840, stage: "broadcast" });
    for (const i of [1, 2])
      first.sink.finish({ duty: { slot, kind: "attester" }, groupKey: key(i), outcome: "included" });
  }
  first.pass();
  const latestFirst = first.saved.toReversed();
  const { lines, saved, sink, pass } = world(100, latestFirst);
  sink.flush();
  pass();
  assert.deepEqual([lines, saved], [[], []]);
  assert.deepEqual(sink.recent(10), latestFirst);
});

test("a duty that an earlier life left is told as what is done for it now", () => {
  const left = { outcome: "failed", cause: "stopped", validators: 1, groupKeys: [key(1)] } as const;
  const { saved, sink, pass } = world(2, [
    { duty: { slot: 8, kind: "attester" }, entries: [], outcomes: [left] },
    { duty, entries: [], outcomes: [left] },
  ]);
  sink.finish({ duty, groupKey: key(1), outcome: "broadcast" });
  sink.record({ slot: 9, kind: "attester" }, { at: 1, stage: "scheduled" });
  pass();
  const outcomes = [{ outcome: "broadcast", validators: 1, groupKeys: [key(1)] }];
  assert.deepEqual(saved, [{ duty, entries: [], outcomes }]);
  // The oldest left, and that is the one of the earlier life.
  assert.deepEqual(
    sink.recent(10).map((record) => record.duty.slot),
    [9, 7],
  );
});

test("an end that comes later is told then, and only it", () => {
  const { lines, saved, sink, pass } = world();
  sink.record(duty, { at: 11_840, stage: "broadcast" });
  pass();
  sink.finish({ duty, groupKey: key(1), outcome: "not-included" });
  pass();
  assert.equal(lines.length, 2);
  assert.equal(lines[1], 'warn Duty broadcast but not included {"duty":"7/attester","validators":1}');
  assert.deepEqual(saved.at(-1)?.outcomes, [{ outcome: "not-included", validators: 1, groupKeys: [key(1)] }]);
});

test("only the latest duties and the first entries of each are held, and what leaves is saved before", () => {
  const { saved, sink } = world(10);
  for (let slot = 0; slot < 50; slot++) {
    for (let i = 0; i < 2 * ENTRIES_PER_DUTY_MAX; i++) {
      sink.record({ slot, kind: "attester" }, { at: i, stage: "partial-received" });
    }
    for (let i = 0; i < 2 * KEYS_PER_OUTCOME_MAX; i++) {
      sink.finish({
        duty: { slot, kind: "attester" },
        groupKey: key(i),
        outcome: "failed",
        cause: "no-quorum",
      });
    }
  }
  const recent = sink.recent(1_000);
  assert.deepEqual(
    recent.map((r) => r.duty.slot),
    [49, 48, 47, 46, 45, 44, 43, 42, 41, 40],
  );
  assert.equal(recent[0]?.entries.length, ENTRIES_PER_DUTY_MAX);
  assert.equal(recent[0]?.outcomes[0]?.groupKeys.length, KEYS_PER_OUTCOME_MAX);
  assert.equal(recent[0]?.outcomes[0]?.validators, 2 * KEYS_PER_OUTCOME_MAX);
  assert.equal(saved.length, 40);
  sink.flush();
  assert.equal(saved.length, 50);
});
