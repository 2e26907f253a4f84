import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorIndex } from "../spec/index.ts";
import { Twins } from "./twins.ts";

const operator = 1 as OperatorIndex;
const MINUTE = 60_000;
/** Each message: who (by when it was started), and when it came; it was sent then, unless it says otherwise. */
function after(...messages: readonly { startedAt: number; at: number; sentAt?: number }[]): {
  twins: Twins;
  now: number;
} {
  const twins = new Twins();
  let now = 0;
  for (const { startedAt, at, sentAt = at } of messages) {
    now = at;
    twins.heard(operator, { startedAt, sentAt }, now);
  }
  return { twins, now };
}
const [old, young] = [{ startedAt: 0 }, { startedAt: 10 * MINUTE }];

test("an operator of whom two programs speak in turn runs twice, until one of them is silent", () => {
  const messages = [9, 10.2, 10.5, 11.2, 11.5].map((minute, i) => ({
    ...(i % 2 === 0 ? old : young),
    at: minute * MINUTE,
  }));
  assert.ok(!after(...messages).twins.has(operator, 11.5 * MINUTE), "two minutes have not passed");
  const { twins, now } = after(...messages, { ...young, at: 12.2 * MINUTE });
  assert.ok(twins.has(operator, now));
  assert.ok(!twins.has(2 as OperatorIndex, now));
  for (let minute = 13; minute < 20; minute++)
    twins.heard(operator, { ...young, sentAt: minute * MINUTE }, minute * MINUTE);
  assert.ok(!twins.has(operator, 20 * MINUTE));
});

test("one that restarts is one, also when its last words come late, or its clock was set back", () => {
  const restarted = [15, 16, 17].map((minute) => ({ ...young, at: minute * MINUTE }));
  const lastWords = { ...old, at: 13 * MINUTE, sentAt: 9 * MINUTE };
  const late = after({ ...old, at: 9 * MINUTE }, { ...young, at: 11 * MINUTE }, lastWords, ...restarted);
  assert.ok(!late.twins.has(operator, late.now));
  // The first life had a clock that was far ahead.
  const setBack = after(
    ...[1, 2].map((minute) => ({ ...young, at: minute * MINUTE, sentAt: (10 + minute) * MINUTE })),
    ...[11, 12, 13, 14].map((minute) => ({ startedAt: 3 * MINUTE, at: minute * MINUTE })),
  );
  assert.ok(!setBack.twins.has(operator, setBack.now));
});

test("a program that looks around for a minute under the operator's name is no second one", () => {
  const seconds = (at: number) => ({ ...young, at: 10 * MINUTE + at * 1_000 });
  const { twins, now } = after(
    { ...old, at: 9 * MINUTE },
    seconds(5),
    { ...old, at: 10.5 * MINUTE },
    seconds(60),
    { ...old, at: 12 * MINUTE },
    { ...old, at: 13 * MINUTE },
  );
  assert.ok(!twins.has(operator, now));
});
