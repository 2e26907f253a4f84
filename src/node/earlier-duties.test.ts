import assert from "node:assert/strict";
import { test } from "node:test";
import { type DutyRecord, silent } from "../ports/index.ts";
import { SLOTS_RETOLD } from "../telemetry/index.ts";
import { earlierDuties } from "./earlier-duties.ts";

const of = (slot: number): DutyRecord => ({ duty: { slot, kind: "attester" }, entries: [], outcomes: [] });

test("the duties of the slots that the dashboard shows are read, and no older ones", async () => {
  const now = 1_000;
  const saved = [of(now), of(now - SLOTS_RETOLD + 1), of(now - SLOTS_RETOLD)];
  const read = await earlierDuties({ duties: async () => saved }, { now, log: silent });
  assert.deepEqual(read, saved.slice(0, 2));
});

test("a node whose earlier duties cannot be read begins without them", async () => {
  const duties = async (): Promise<never> => {
    throw new Error("the disk is broken");
  };
  assert.deepEqual(await earlierDuties({ duties }, { now: 1, log: silent }), []);
});
