import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { AssertionFailed } from "../base/index.ts";
import { retry } from "./retry.ts";

const never = new AbortController().signal;

test("a failure is tried again, and a bug of ours is nobody's failure and told at once", async () => {
  const clock = new SimClock(0);
  const failures: string[] = [];
  const told = (error: unknown): void => void failures.push((error as Error).message);
  const answers = [new Error("no answer"), new AssertionFailed("as if a vote had no root")];
  const attempt = async (): Promise<never> => {
    throw answers.shift();
  };
  const outcome = assert.rejects(retry(clock, never, attempt, told), AssertionFailed);
  await clock.run({ forMs: 60_000 });
  await outcome;
  assert.deepEqual(failures, ["no answer"]);
});
