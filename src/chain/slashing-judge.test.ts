import assert from "node:assert/strict";
import { test } from "node:test";
import { ssz } from "../spec/index.ts";
import type { Slashing } from "./activity.ts";
import { SlashingJudge } from "./slashing-judge.ts";
import { stateOf, type ValidatorState } from "./validators.ts";

const validator: ValidatorState = stateOf(7, true, {
  pubkey: new Uint8Array(48).fill(1),
  withdrawalAddress: new Uint8Array(20),
  balanceGwei: 32_000_000_000,
});
const other: ValidatorState = { ...validator, index: 8 };

const vote = (
  source: number,
  target: number,
  head = 0,
): ReturnType<typeof ssz.phase0.AttestationData.clone> => {
  const data = ssz.phase0.AttestationData.defaultValue();
  data.source.epoch = source;
  data.target.epoch = target;
  data.beaconBlockRoot = new Uint8Array(32).fill(head);
  return data;
};
const header = (
  slot: number,
  state: number,
): ReturnType<typeof ssz.phase0.BeaconBlockHeader.defaultValue> => ({
  ...ssz.phase0.BeaconBlockHeader.defaultValue(),
  slot,
  stateRoot: new Uint8Array(32).fill(state),
});

function judgeOf(...votes: [number, number, number?][]): Slashing[] {
  const found: Slashing[] = [];
  const judge = new SlashingJudge((slashing) => found.push(slashing));
  for (const [source, target, head] of votes) judge.vote(validator, vote(source, target, head), 1);
  assert.equal(judge.count, found.length);
  return found;
}

test("two different votes for one target are a double vote, and both are shown", () => {
  const [slashing, ...rest] = judgeOf([1, 2, 0xaa], [1, 2, 0xbb]);

  assert.deepEqual(rest, []);
  assert.equal(slashing?.offence, "double-vote");
  assert.equal(slashing?.validator, 7);
  assert.match(JSON.stringify(slashing?.first), /aaaa/);
  assert.match(JSON.stringify(slashing?.second), /bbbb/);
});

test("a vote that surrounds an earlier one is found", () => {
  assert.deepEqual(
    judgeOf([2, 3], [1, 4]).map(({ offence }) => offence),
    ["surround-vote"],
  );
});

test("a vote that an earlier one surrounds is found", () => {
  assert.deepEqual(
    judgeOf([1, 4], [2, 3]).map(({ offence }) => offence),
    ["surround-vote"],
  );
});

test("the same vote again, following votes, and votes from one source are no offence", () => {
  assert.deepEqual(judgeOf([1, 2], [1, 2], [2, 3], [2, 4], [4, 5]), []);
});

test("votes of different validators never contradict each other", () => {
  const judge = new SlashingJudge(() => {});
  judge.vote(validator, vote(1, 2, 1), 1);
  judge.vote(other, vote(1, 2, 2), 1);

  assert.equal(judge.count, 0);
});

test("a third different vote is another offence", () => {
  assert.equal(judgeOf([1, 2, 1], [1, 2, 2], [1, 2, 3]).length, 2);
});

test("two headers for one slot are a double proposal; the same twice, or two slots, are not", () => {
  const found: Slashing[] = [];
  const judge = new SlashingJudge((slashing) => found.push(slashing));
  for (const one of [header(5, 1), header(5, 1), header(6, 2)]) judge.proposal(validator, one, 1);
  judge.proposal(other, header(5, 9), 1);
  assert.deepEqual(found, []);
  judge.proposal(validator, header(5, 3), 1);

  assert.deepEqual(
    found.map(({ offence }) => offence),
    ["double-proposal"],
  );
});
