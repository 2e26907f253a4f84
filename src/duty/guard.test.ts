import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { AssertionFailed } from "../base/index.ts";
import { silent } from "../ports/index.ts";
import type { Verdict } from "../slashing/index.ts";
import type { GroupKey } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { DutyRecord } from "./duty-record.ts";
import { GuardBroken, guard, type ToSign } from "./guard.ts";
import { MemoryHealth } from "./memory-health.ts";

const keys = ["aa", "bb", "cc"].map((text) => `0x${text.repeat(48)}` as GroupKey);
const decided: readonly ToSign<number>[] = keys.map((groupKey, i) => ({
  groupKey,
  root: new Uint8Array(32).fill(i),
  value: i,
}));
const never = new AbortController().signal;

/** Guards all three with a memory that answers `verdicts`. */
function guarding(verdicts: () => Promise<readonly (Verdict | undefined)[]>, signal: AbortSignal = never) {
  const clock = new SimClock(0);
  const record = new DutyRecord({ slot: 1, kind: "attester" }, keys, {
    clock,
    timeline: { record: () => {}, finish: () => {} },
    onFinish: () => {},
  });
  const refused: string[] = [];
  const memory = new MemoryHealth();
  const errors: string[] = [];
  const context = {
    clock,
    chain: { slotMs: 12_000 },
    slashing: { admit: verdicts },
    memory,
    log: { ...silent, error: (sentence: string) => void errors.push(sentence) },
    metrics: { refused: (reason: string) => void refused.push(reason) },
  } as unknown as DutyContext;
  const vote = (item: ToSign<number>) =>
    ({ kind: "block", slot: item.value, signingRoot: item.root }) as const;
  const admitted = guard(
    context,
    { id: { slot: 1, kind: "attester" }, validators: new Map(), record },
    decided,
    vote,
    signal,
  ).then((items) => items.map(({ value }) => value));
  return { clock, admitted, refused, record, memory, errors };
}

test("only what the memory admitted goes on, each validator by itself", async () => {
  const { admitted, refused, record } = guarding(async () => [
    { admitted: true },
    { admitted: false, reason: "surrounds" },
    { admitted: true },
  ]);
  assert.deepEqual(await admitted, [0, 2]);
  assert.deepEqual(refused, ["surrounds"]);
  assert.deepEqual(
    keys.map((key) => record.causeOf(key)),
    [undefined, "refused-by-slashing-memory", undefined],
  );
});

test("a verdict that is missing is a refusal", async () => {
  const { admitted, refused } = guarding(async () => [{ admitted: true }, undefined]);
  assert.deepEqual(await admitted, [0]);
  assert.deepEqual(refused, ["no verdict", "no verdict"]);
});

test("a memory that fails, or is too late, lets nothing through", async () => {
  const { admitted, record } = guarding(async () => Promise.reject(new Error("disk")));
  await assert.rejects(admitted, /disk/);
  assert.deepEqual(new Set(keys.map((key) => record.causeOf(key))), new Set(["slashing-memory-unavailable"]));
  const late = new AbortController();
  const slow = guarding(async () => {
    late.abort(new Error("the duty is over"));
    throw new Error("aborted");
  }, late.signal);
  await assert.rejects(slow.admitted, /the duty is over/);
  assert.equal(slow.record.causeOf(keys[0] as GroupKey), undefined, "that is not the memory's fault");
});

test("a bug on the way to the memory is one, though the duty ended meanwhile, and the memory is doubted from then on", async () => {
  const late = new AbortController();
  const { admitted, record, memory } = guarding(async () => {
    late.abort(new Error("the duty is over"));
    throw new AssertionFailed("as if a vote had no root");
  }, late.signal);
  await assert.rejects(admitted, GuardBroken);
  assert.equal(record.causeOf(keys[0] as GroupKey), "slashing-memory-doubted");
  memory.recorded();
  memory.failed();
  assert.equal(memory.state, "doubted");
});

test("a memory that records again is well again", async () => {
  const failing = guarding(async () => Promise.reject(new Error("disk")));
  await assert.rejects(failing.admitted);
  assert.equal(failing.memory.state, "unavailable");
  failing.memory.recorded();
  assert.equal(failing.memory.state, "well");
});

test("a memory that does not answer is told of after a quarter of a slot, and forgiven when it does", async () => {
  const answer = Promise.withResolvers<readonly Verdict[]>();
  const { clock, admitted, record, memory, errors } = guarding(() => answer.promise);
  await clock.run({ forMs: 2_999 });
  assert.deepEqual([memory.state, errors], ["well", []]);
  await clock.run({ forMs: 1 });
  assert.deepEqual([memory.state, errors.length], ["unavailable", 1]);
  assert.equal(record.causeOf(keys[1] as GroupKey), "slashing-memory-unavailable");
  answer.resolve(keys.map(() => ({ admitted: true })));
  assert.deepEqual(await admitted, [0, 1, 2]);
  assert.equal(memory.state, "well");
  assert.equal(record.causeOf(keys[1] as GroupKey), undefined);

  const quick = guarding(async () => keys.map(() => ({ admitted: true })));
  await quick.admitted;
  await quick.clock.run({ forMs: 12_000 });
  assert.deepEqual([quick.memory.state, quick.errors], ["well", []]);
});
