import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/duty-world.ts";
import type { ChainSpec, DutyKind } from "../spec/index.ts";
import { nextRound, roundEnd } from "./round-timer.ts";

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

/** The rounds that an operator goes through whose timers fire on time and whose duty never decides. */
function roundsOf(slotMs: number, kind: DutyKind, operatorCount: number, untilMs: number): number[] {
  const chain = chainOf(slotMs);
  const duty = { slot: 7, kind };
  const rounds = [1];
  for (let round = 1; ; ) {
    const now = roundEnd(chain, duty, round).first;
    if (now > 1_000_000 + 7 * slotMs + untilMs) return rounds;
    round = nextRound(chain, duty, { after: round, operatorCount, now });
    rounds.push(round);
  }
}

test("an undecided duty asks for every round of its first seconds, and for few of an epoch's", () => {
  const rounds = roundsOf(12_000, "attester", 4, 384_000);
  assert.deepEqual(rounds.slice(0, 16), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 22, 27, 32]);
  assert.ok(rounds.length < 45, `${rounds.length} rounds in an epoch`);
});

test("however late it is, every operator leads in turn", () => {
  for (const operatorCount of [4, 5, 7, 10]) {
    const late = roundsOf(12_000, "attester", operatorCount, 3_000_000).filter((round) => round > 60);
    const leaders = new Set(late.slice(-operatorCount).map((round) => round % operatorCount));
    assert.equal(leaders.size, operatorCount);
  }
});

test("a timer that fires late leaves out the rounds that are over", () => {
  const chain = chainOf(12_000);
  const duty = { slot: 7, kind: "attester" } as const;
  const thirdEnds = roundEnd(chain, duty, 3).first;
  assert.equal(nextRound(chain, duty, { after: 1, operatorCount: 4, now: thirdEnds - 1 }), 3);
  assert.equal(nextRound(chain, duty, { after: 1, operatorCount: 4, now: thirdEnds }), 4);
  assert.equal(nextRound(chain, duty, { after: 9, operatorCount: 4, now: thirdEnds }), 10, "never backwards");
  const proposal = { slot: 7, kind: "proposer" } as const;
  assert.equal(
    nextRound(chain, proposal, { after: 1, operatorCount: 4, now: roundEnd(chain, proposal, 2).first - 1 }),
    2,
  );
});

test("a clock that jumps by years asks for one late round, at once", () => {
  const far = nextRound(
    chainOf(12_000),
    { slot: 7, kind: "attester" },
    { after: 1, operatorCount: 4, now: 1e13 },
  );
  assert.ok(far >= 10_000 && far < 10_100, String(far));
});
