import assert from "node:assert/strict";
import { test } from "node:test";
import { Attempts } from "./attempts.ts";
import type { JournalRecord } from "./journal.ts";
import { BEGINNINGS_MAX } from "./limits.ts";
import { operator } from "./testing/members.ts";

test("a peer that begins anew without end is refused, and the journal stays small", async () => {
  const records: JournalRecord[] = [];
  const journal = { append: async (record: JournalRecord) => void records.push(record) };
  const attempts = new Attempts(new Uint8Array(16), [], journal);
  const attempt = (i: number): Uint8Array => new Uint8Array(16).fill(i);
  assert.equal(await attempts.learn(operator(1), attempt(0)), true);
  for (let i = 1; i <= BEGINNINGS_MAX; i++) await attempts.relearn(operator(1), attempt(i));
  await assert.rejects(attempts.relearn(operator(1), attempt(200)), { code: "ceremony/lied" });
  assert.deepEqual([records.length, attempts.of(operator(1))], [1 + BEGINNINGS_MAX, attempt(BEGINNINGS_MAX)]);
  await attempts.relearn(operator(2), attempt(1));
  assert.deepEqual(attempts.of(operator(2)), attempt(1), "another peer has its own count");
});
