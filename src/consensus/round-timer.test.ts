import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/duty-world.ts";
import type { ChainSpec, DutyKind } from "../spec/index.ts";
import { roundEnd } from "./round-timer.ts";

const chainOf = (slotMs: number): ChainSpec => ({ ...simChainSpec(32), genesisTime: 1_000_000, slotMs });

/** Milliseconds into the slot at which a round ends, and ends when a leader has spoken. */
function ends(slotMs: number, kind: DutyKind, round: number): readonly [number, number] {
  const slot = 7;
  const { first, extended } = roundEnd(chainOf(slotMs), { slot, kind }, round);
  const slotStart = 1_000_000 + slot * slotMs;
  return [first - slotStart, extended - slotStart];
}

// What Charon computes: slot start, a third or two thirds of the slot, then `round` seconds (half a second more for
// proposals), and as much again when the timer is started a second time.
test("rounds of real networks end when Charon's do", () => {
  assert.deepEqual(ends(12_000, "attester", 1), [5_000, 6_000]);
  assert.deepEqual(ends(12_000, "attester", 2), [6_000, 8_000]);
  assert.deepEqual(ends(12_000, "attester", 5), [9_000, 14_000]);
  assert.deepEqual(ends(12_000, "proposer", 1), [1_500, 3_000]);
  assert.deepEqual(ends(12_000, "proposer", 2), [2_500, 5_000]);
  assert.deepEqual(ends(12_000, "aggregator", 1), [9_000, 10_000]);
  assert.deepEqual(ends(12_000, "sync-contribution", 3), [11_000, 14_000]);
  assert.deepEqual(ends(12_000, "info-sync", 1), [1_000, 2_000]);
  assert.deepEqual(ends(6_000, "attester", 1), [3_000, 4_000]);
  assert.deepEqual(ends(6_000, "aggregator", 1), [5_000, 6_000]);
  // Gnosis: a third of five seconds, rounded down to a millisecond.
  assert.deepEqual(ends(5_000, "attester", 1), [2_666, 3_666]);
  assert.deepEqual(ends(5_000, "proposer", 1), [1_500, 3_000]);
});

test("rounds of test chains with shorter slots are an eighth of the slot, so that a dead leader costs no duty", () => {
  assert.deepEqual(ends(1_000, "attester", 1), [333 + 125, 333 + 250]);
  assert.deepEqual(ends(1_000, "attester", 2), [333 + 250, 333 + 500]);
  assert.deepEqual(ends(4_800, "proposer", 1), [900, 1_800]);
});
