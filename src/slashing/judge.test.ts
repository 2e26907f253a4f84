import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupKey } from "../spec/index.ts";
import { judge, type SigningHistory } from "./judge.ts";
import { keptVotes } from "./limits.ts";
import { exportedRecord, ValidatorMemory } from "./validator-memory.ts";
import type { SlashableVote, Verdict } from "./votes.ts";

const KEY = `0x${"ab".repeat(48)}` as GroupKey;
const root = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const block = (slot: number, fill = 1): SlashableVote => ({ kind: "block", slot, signingRoot: root(fill) });
const vote = (source: number, target: number, fill = 1): SlashableVote => ({
  kind: "attestation",
  source,
  target,
  signingRoot: root(fill),
});
const answer = (verdict: Verdict): string => (verdict.admitted ? "admitted" : verdict.reason);

function remembering(...votes: readonly SlashableVote[]): ValidatorMemory {
  const memory = new ValidatorMemory();
  for (const v of votes) assert.equal(answer(memory.admit(v)), "admitted");
  return memory;
}

test("the same vote may be signed again, another one for the same target or slot may not", () => {
  const memory = remembering(vote(1, 2), block(7));
  assert.equal(answer(memory.admit(vote(1, 2))), "admitted");
  assert.equal(answer(memory.admit(vote(1, 2, 9))), "double-vote");
  assert.equal(answer(memory.admit(vote(0, 2))), "double-vote");
  assert.equal(answer(memory.admit(block(7))), "admitted");
  assert.equal(answer(memory.admit(block(7, 9))), "double-vote");
});

test("a vote around or within an earlier one is refused and named", () => {
  const memory = remembering(vote(2, 3), vote(4, 7));
  assert.equal(answer(memory.admit(vote(3, 8))), "surrounds");
  assert.equal(answer(memory.admit(vote(5, 6))), "surrounded");
  assert.equal(answer(memory.admit(vote(4, 8))), "admitted");
});

test("a vote whose source is after its target is refused", () => {
  assert.equal(answer(new ValidatorMemory().admit(vote(3, 2))), "source-after-target");
  assert.equal(answer(new ValidatorMemory().admit(vote(3, 3))), "admitted");
});

test("nothing at or below the lowest vote on record is signed afresh", () => {
  const memory = remembering(vote(5, 6), block(50));
  assert.equal(answer(memory.admit(vote(5, 5))), "too-old");
  assert.equal(answer(memory.admit(vote(4, 5))), "too-old");
  assert.equal(answer(memory.admit(block(49))), "too-old");
});

test("votes that come out of order are admitted while they contradict nothing", () => {
  const memory = remembering(vote(1, 2), vote(4, 5), block(10), block(20));
  assert.equal(answer(memory.admit(vote(3, 4))), "admitted");
  assert.equal(answer(memory.admit(block(15))), "admitted");
});

test("a vote that was pruned can neither be contradicted nor repeated", () => {
  const memory = new ValidatorMemory();
  for (let epoch = 1; epoch <= keptVotes.attestations + 10; epoch++) memory.admit(vote(epoch - 1, epoch));
  for (let slot = 1; slot <= keptVotes.blocks + 10; slot++) memory.admit(block(slot));
  assert.equal(answer(memory.admit(vote(4, 5, 9))), "too-old");
  assert.equal(answer(memory.admit(vote(4, 5))), "too-old");
  assert.equal(answer(memory.admit(block(5, 9))), "too-old");
  assert.equal(answer(memory.admit(vote(8, keptVotes.attestations + 11))), "surrounds");
});

test("after an import nothing at or below the highest imported vote is signed afresh, since the file may be minimal", () => {
  const memory = remembering(vote(1, 2), block(10));
  memory.import({
    pubkey: KEY,
    blocks: [{ slot: 500 }],
    attestations: [{ source: 99, target: 100 }],
  });
  assert.equal(answer(memory.admit(vote(50, 51))), "too-old");
  assert.equal(answer(memory.admit(vote(98, 101))), "surrounds");
  assert.equal(answer(memory.admit(vote(99, 101))), "admitted");
  assert.equal(answer(memory.admit(block(300))), "too-old");
  assert.equal(answer(memory.admit(block(500))), "double-vote");
  assert.equal(answer(memory.admit(block(501))), "admitted");
});

test("where an imported file names two different votes for one target or slot, neither may be signed again", () => {
  const memory = new ValidatorMemory();
  memory.import({
    pubkey: KEY,
    blocks: [
      { slot: 7, signingRoot: root(1) },
      { slot: 7, signingRoot: root(2) },
    ],
    attestations: [
      { source: 1, target: 2, signingRoot: root(1) },
      { source: 1, target: 2, signingRoot: root(2) },
    ],
  });
  for (const fill of [1, 2]) {
    assert.equal(answer(memory.admit(block(7, fill))), "double-vote");
    assert.equal(answer(memory.admit(vote(1, 2, fill))), "double-vote");
  }
});

test("a vote at a floor that is no longer listed is refused", () => {
  const floors = { slot: 7, attestation: { source: 4, target: 5 } };
  const history: SigningHistory = {
    attestationsFor: () => [],
    hasAround: () => false,
    hasWithin: () => false,
    attestationFloor: () => floors.attestation,
    blocksAt: () => [],
    blockFloor: () => floors.slot,
  };
  assert.equal(answer(judge(history, block(7))), "too-old");
  assert.equal(answer(judge(history, vote(4, 5))), "too-old");
  assert.equal(answer(judge(history, vote(3, 6))), "too-old");
  assert.equal(answer(judge(history, vote(4, 6))), "admitted");
});

test("an export lists what is above the floors, and the floor as an entry of its own when nothing stands for it", () => {
  const floors = { slot: 7, attestation: { source: 4, target: 5 } };
  const attestations = [
    { source: 1, target: 3 },
    { source: 4, target: 6 },
  ];
  const record = exportedRecord(KEY, floors, attestations, [{ slot: 5 }, { slot: 9 }]);
  assert.deepEqual(record.blocks, [{ slot: 7 }, { slot: 9 }]);
  assert.deepEqual(record.attestations, [
    { source: 4, target: 5 },
    { source: 4, target: 6 },
  ]);
});
