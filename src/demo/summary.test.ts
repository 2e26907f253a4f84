import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChainReport, judgedKinds } from "../chain/index.ts";
import { summary } from "./summary.ts";

const tally = { assigned: 9, onTime: 12_345, late: 0, missed: 0, medianMs: -12_345, p95Ms: 12_345 };
const report = {
  slot: 64,
  justifiedEpoch: 1,
  finalizedEpoch: 0,
  totals: Object.fromEntries(judgedKinds.map((kind) => [kind, tally])),
  slashings: { count: 0 },
  refusals: { wrongSignatures: 0 },
  duplicates: 12_345,
} as unknown as ChainReport;

test("the end fits 80 columns and says whether every duty was done in time", () => {
  const good = summary(report, { nodes: 4, validators: 16 });
  assert.deepEqual(
    good.split("\n").filter((line) => line.length > 80),
    [],
  );
  assert.match(good, /Every duty was done in time\./);
  const missed = {
    ...report,
    totals: { ...report.totals, attester: { ...tally, missed: 1 } },
  } as ChainReport;
  assert.doesNotMatch(summary(missed, { nodes: 4, validators: 16 }), /Every duty was done in time\./);
});
