import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/duty-world.ts";
import type { Hex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import type { AttesterDuty, Proposal } from "../ports/index.ts";
import { type ChainSpec, type GroupKey, ssz } from "../spec/index.ts";
import {
  acceptableAggregates,
  acceptableBlocks,
  acceptableVotes,
  type BlockTerms,
  isSignableBlock,
  isSignableVote,
} from "./accept.ts";
import type { UnsignedAttestation } from "./codec/attestation.ts";
import { encodeUnsignedSet } from "./codec/sets.ts";

const chain = simChainSpec(8);
const SLOT = 82; // Epoch 10.
const [first, second, stranger, elsewhere] = ["aa", "bb", "cc", "dd"].map(
  (text) => `0x${text.repeat(48)}`,
) as [GroupKey, GroupKey, GroupKey, GroupKey];
const dutyOf = (pubkey: GroupKey, more: Partial<AttesterDuty> = {}): AttesterDuty => ({
  pubkey,
  validatorIndex: 7,
  slot: SLOT,
  committeeIndex: 1,
  committeeLength: 4,
  committeesAtSlot: 2,
  validatorCommitteeIndex: 3,
  ...more,
});
const checkpoint = (epoch: number) => ({ epoch, root: new Uint8Array(32).fill(epoch) });
type Data = UnsignedAttestation["data"];
const vote = (
  pubkey: GroupKey,
  data: Partial<Data> = {},
  duty: Partial<AttesterDuty> = {},
): UnsignedAttestation => ({
  data: {
    slot: SLOT,
    index: 0,
    beaconBlockRoot: new Uint8Array(32).fill(1),
    source: checkpoint(9),
    target: checkpoint(10),
    ...data,
  },
  duty: dutyOf(pubkey, duty),
});
const duties = new Map([first, second].map((key) => [key, dutyOf(key)]));
const set = (...votes: readonly UnsignedAttestation[]): ConsensusValue =>
  encodeUnsignedSet("attester", new Map(votes.map((one) => [one.duty.pubkey, one])));
const judged = (value: ConsensusValue, complete: boolean): number | undefined =>
  acceptableVotes(chain, { slot: SLOT, kind: "attester" }, duties, value, {
    complete,
    elsewhere: (groupKey) => groupKey === elsewhere,
  })?.length;

/** A chain with the forks up to Deneb only. */
const deneb: ChainSpec = {
  ...chain,
  config: Object.assign(Object.create(chain.config) as ChainSpec["config"], {
    getForkInfoAtEpoch: () => chain.config.forks.deneb,
  }),
};

test("a vote is signable when its slot, epochs and place can be", () => {
  const signable = (
    data: Partial<Data>,
    duty: Partial<AttesterDuty> = {},
    at = SLOT,
    spec = chain,
  ): boolean => isSignableVote(spec, at, vote(first, data, duty));
  assert.ok(signable({}));
  assert.ok(signable({ source: checkpoint(0) }), "finality may be far behind");
  assert.ok(
    signable({ slot: 3, source: checkpoint(0), target: checkpoint(0) }, { slot: 3 }, 3),
    "in the first epoch source and target are the same",
  );
  for (const [why, data, duty] of [
    ["another slot", { slot: SLOT + 1 }, {}],
    ["another slot of the same epoch in the duty", {}, { slot: SLOT + 1 }],
    ["a target of the future", { target: checkpoint(11) }, {}],
    ["a target of the past", { target: checkpoint(9), source: checkpoint(8) }, {}],
    ["a source that is the target", { source: checkpoint(10) }, {}],
    ["a source after the target", { source: checkpoint(11) }, {}],
    ["a committee in the signed index", { index: 1 }, {}],
    ["a committee that cannot be", {}, { committeeIndex: 64 }],
    ["a committee beyond the largest", {}, { committeeLength: 2_049 }],
    ["a place outside of the committee", {}, { validatorCommitteeIndex: 4 }],
  ] as const)
    assert.equal(signable(data, duty), false, why);
  assert.ok(signable({ index: 1 }, {}, SLOT, deneb), "before Electra the committee is signed");
  assert.equal(signable({ index: 0 }, {}, SLOT, deneb), false);
});

test("a value has every validator of ours with the very duty that we know, and nobody else", () => {
  assert.equal(judged(set(vote(first), vote(second)), true), 2);
  for (const [why, value] of [
    ["one is missing", set(vote(first))],
    ["a stranger is there too", set(vote(first), vote(second), vote(stranger))],
    ["a stranger is there instead", set(vote(first), vote(stranger))],
    ["another index", set(vote(first), vote(second, {}, { validatorIndex: 8 }))],
    ["another committee", set(vote(first), vote(second, {}, { committeeIndex: 0 }))],
    ["another length", set(vote(first), vote(second, {}, { committeeLength: 5 }))],
    ["another number of committees", set(vote(first), vote(second, {}, { committeesAtSlot: 3 }))],
    ["another place", set(vote(first), vote(second, {}, { validatorCommitteeIndex: 2 }))],
    ["one vote that cannot be", set(vote(first), vote(second, { target: checkpoint(11) }))],
    ["no vote at all", set()],
    ["something else", { typeUrl: "type.googleapis.com/other", bytes: new Uint8Array(3) }],
  ] as const)
    assert.equal(judged(value, true), undefined, why);
});

test("after everybody led in vain a value with some of ours is good enough, and none without", () => {
  assert.equal(judged(set(vote(first)), false), 1);
  assert.equal(judged(set(vote(first), vote(stranger)), false), 2);
  assert.equal(judged(set(vote(first, {}, { committeeIndex: 0 })), false), 1);
  assert.equal(judged(set(vote(stranger)), false), undefined);
  assert.equal(judged(set(), false), undefined);
  assert.equal(judged(set(vote(first), vote(second, { target: checkpoint(11) })), false), undefined);
});

test("a validator that votes in another slot of the epoch is in no value that is voted for, at any time", () => {
  for (const complete of [true, false])
    assert.equal(judged(set(vote(first), vote(second), vote(elsewhere)), complete), undefined);
});

test("a value has something right for every aggregator of ours and nobody else, until everybody led in vain", () => {
  const aggregators = new Map([first, second].map((key) => [key, {}]));
  const accepts = (of: readonly (readonly [GroupKey, string])[], complete: boolean): boolean =>
    acceptableAggregates(aggregators, new Map(of), (_, one) => one === "right", { complete });
  const right = (key: GroupKey): readonly [GroupKey, string] => [key, "right"];
  const [one, two, other] = [right(first), right(second), right(stranger)];
  for (const [why, of, whole, some] of [
    ["both", [one, two], true, true],
    ["one is left out", [two], false, true],
    ["a stranger is there too", [one, two, other], false, true],
    ["a stranger is there instead", [one, other], false, true],
    ["nobody of ours", [other], false, false],
    ["nobody", [], false, false],
    ["one is wrong", [one, [second, "wrong"]], false, false],
  ] as const) {
    assert.equal(accepts(of, true), whole, why);
    assert.equal(accepts(of, false), some, why);
  }
});

const WANTED: Hex = `0x${"fe".repeat(20)}`;
const reveal = new Uint8Array(96).fill(3);
function proposal(
  change: (block: ReturnType<typeof ssz.fulu.BeaconBlock.defaultValue>) => void = () => {},
): Proposal {
  const block = ssz.fulu.BeaconBlock.defaultValue();
  block.slot = SLOT;
  block.proposerIndex = 7;
  block.body.randaoReveal = reveal;
  block.body.executionPayload.feeRecipient = new Uint8Array(20).fill(0xfe);
  change(block);
  return { fork: "fulu", blinded: false, block, kzgProofs: [], blobs: [] };
}
const terms: BlockTerms = { randaoReveal: reveal, feeRecipients: [WANTED], builders: false };
const acceptable = (proposals: ReadonlyMap<GroupKey, Proposal>, on: Partial<BlockTerms> = {}): boolean =>
  acceptableBlocks(
    chain,
    { slot: SLOT, kind: "proposer" },
    new Map([[first, { pubkey: first, validatorIndex: 7, slot: SLOT }]]),
    () => ({ ...terms, ...on }),
    encodeUnsignedSet("proposer", proposals),
  ) !== undefined;
const block = (change?: Parameters<typeof proposal>[0], on?: Partial<BlockTerms>): boolean =>
  acceptable(new Map([[first, proposal(change)]]), on);

test("a block is acceptable when it is the one of the slot, by the proposer, with the cluster's randao, and pays the cluster", () => {
  const thief = (of: Parameters<Parameters<typeof proposal>[0] & {}>[0]): void => {
    of.body.executionPayload.feeRecipient = new Uint8Array(20).fill(0x66);
  };
  assert.ok(block());
  assert.equal(
    block((of) => void (of.slot = SLOT + 1)),
    false,
    "another slot",
  );
  assert.equal(
    block((of) => void (of.proposerIndex = 8)),
    false,
    "another proposer",
  );
  assert.equal(
    block((of) => void (of.body.randaoReveal = new Uint8Array(96))),
    false,
    "another randao",
  );
  assert.ok(block((of) => void (of.body.randaoReveal = new Uint8Array(96)), { randaoReveal: undefined }));
  assert.equal(block(thief), false, "somebody else is paid");
  assert.ok(block(thief, { feeRecipients: [WANTED, `0x${"66".repeat(20)}`] }));
  assert.ok(block(thief, { feeRecipients: [] }), "nobody said whom to pay");
  const good = proposal();
  assert.equal(acceptable(new Map([[second, good]])), false, "a block of somebody else");
  assert.equal(
    acceptable(
      new Map([
        [first, good],
        [second, good],
      ]),
    ),
    false,
    "a second block",
  );
  assert.equal(acceptable(new Map()), false, "no block");
});

test("a blinded block, which does not show whom it pays, is acceptable only where builders are wanted", () => {
  const block = ssz.fulu.BlindedBeaconBlock.defaultValue();
  block.slot = SLOT;
  block.proposerIndex = 7;
  block.body.randaoReveal = reveal;
  const blinded = new Map([[first, { fork: "fulu", blinded: true, block } as const]]);
  assert.equal(acceptable(blinded), false);
  assert.ok(acceptable(blinded, { builders: true }));
});

test("a block is signable for its slot under its fork only", () => {
  assert.ok(isSignableBlock(chain, SLOT, proposal()));
  assert.equal(isSignableBlock(chain, SLOT + 1, proposal()), false);
  assert.equal(isSignableBlock(deneb, SLOT, proposal()), false);
});
