import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { type electra, type phase0, ssz } from "../spec/index.ts";
import {
  attestationData,
  attesterDuties,
  liveSlot,
  offeredBlock,
  propose,
  proposerOf,
  randao,
  sendBlock,
  sendVotes,
  sign,
  signBlock,
  signVote,
} from "./testing/test-validators.ts";
import { type Answer, type TestChain, testChain } from "./testing/test-world.ts";

interface Seated {
  readonly live: TestChain;
  readonly validator: number;
  readonly slot: number;
  readonly data: phase0.AttestationData;
}

/** A chain some way along, at the moment when validator `validator` has to vote. */
async function seated(): Promise<Seated> {
  const live = await testChain({ committeesPerSlot: 1, otherValidators: 8 });
  for (let slot = 0; slot < 4; slot++) await liveSlot(live, slot);
  const [duty] = await attesterDuties(live, 1);
  const [validator, slot] = [Number(duty?.validator_index), Number(duty?.slot)];
  for (let one = 4; one < slot; one++) await liveSlot(live, one);
  live.moveToVotes(slot);
  return { live, validator, slot, data: await attestationData(live, slot) };
}

const reasonOf = (answer: Answer): string => answer.body?.failures?.[0]?.message ?? answer.body?.message;

test("a vote is refused with the reason, whatever is wrong with it", async () => {
  const { live, validator, slot, data } = await seated();
  const root = new Uint8Array(32).fill(5);
  const good = signVote(live, validator, 0, data);
  const cases: [string, electra.SingleAttestation][] = [
    ["unknown validator", { ...good, attesterIndex: 4000 }],
    ["wrong signature", { ...good, attesterIndex: (validator + 1) % 4 }],
    ["data index is not 0", signVote(live, validator, 0, { ...data, index: 1 })],
    ["no such committee", signVote(live, validator, 5, data)],
    ["head block is unknown", signVote(live, validator, 0, { ...data, beaconBlockRoot: root })],
    ["slot is in the future", signVote(live, validator, 0, { ...data, slot: slot + 2 })],
    [
      "target epoch is not the epoch of the slot",
      signVote(live, validator, 0, { ...data, target: { ...data.target, epoch: 0 } }),
    ],
    [
      "target is not on the chain of the head block",
      signVote(live, validator, 0, { ...data, target: { ...data.target, root } }),
    ],
    [
      "source is not the justified checkpoint",
      signVote(live, validator, 0, { ...data, source: { epoch: 0, root } }),
    ],
  ];
  for (const [reason, vote] of cases) {
    const answer = await sendVotes(live, [vote]);
    assert.deepEqual([answer.status, reasonOf(answer)], [400, reason]);
    assert.equal(live.chain.report().refusals.byReason[`attestation: ${reason}`], 1);
  }
});

test("a vote of a validator that sits in another committee is refused", async () => {
  const { live, validator, slot, data } = await seated();
  const duties = await attesterDuties(live, 1);
  const stranger = duties.find((duty) => duty.slot !== String(slot));
  assert.ok(stranger !== undefined, "the draw put all validators into one slot");

  const answer = await sendVotes(live, [signVote(live, Number(stranger.validator_index), 0, data)]);

  assert.equal(reasonOf(answer), "validator is not in this committee");
  assert.notEqual(Number(stranger.validator_index), validator);
});

test("a vote that comes after its slot is late, and one that comes much later is refused", async () => {
  const { live, validator, slot, data } = await seated();
  const vote = signVote(live, validator, 0, data);
  live.moveTo(slot + 1, 10);
  const missed = live.chain.report().validators[validator]?.duties.attester.missed;
  assert.equal((await sendVotes(live, [vote])).status, 200);

  const duties = live.chain.report().validators[validator]?.duties.attester;
  assert.equal(missed, 1, "missed until it came");
  assert.deepEqual([duties?.late, duties?.missed], [1, 0]);
  assert.ok((duties?.p95Ms ?? 0) > 600, `came ${duties?.p95Ms} ms after it was due`);

  const [otherDuty] = (await attesterDuties(live, 1)).filter(
    (duty) => duty.validator_index !== String(validator),
  );
  const other = Number(otherDuty?.validator_index);
  const old = { ...data, slot: Number(otherDuty?.slot) };
  live.moveTo(12);
  assert.equal(reasonOf(await sendVotes(live, [signVote(live, other, 0, old)])), "slot is too long ago");
});

test("a vote for an old head counts as on time, with the wrong head", async () => {
  const { live, validator, slot, data } = await seated();
  const { body } = await live.get(`/eth/v1/beacon/blocks/${slot - 2}/root`);
  const stale = { ...data, beaconBlockRoot: Buffer.from(body.data.root.slice(2), "hex") };
  const target = slot - 2 < 4 ? { ...stale.target, root: stale.beaconBlockRoot } : stale.target;
  assert.equal((await sendVotes(live, [signVote(live, validator, 0, { ...stale, target })])).status, 200);
  live.moveTo(slot + 1);

  const duties = live.chain.report().validators[validator]?.duties.attester;
  assert.ok((duties?.onTime ?? 0) >= 1);
  assert.equal(duties?.wrongHead, 1);
});

test("a block is refused with the reason, whatever is wrong with it", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(1);
  await propose(live, 1);
  live.moveTo(2);
  const block = await offeredBlock(live, 2);
  const wrong = (change: (block: typeof copy) => void): ReturnType<typeof signBlock> => {
    const changed = ssz.fulu.BeaconBlock.clone(copy);
    change(changed);
    return signBlock(live, changed);
  };
  const copy = ssz.fulu.BeaconBlock.clone(block);
  const cases: [RegExp, ReturnType<typeof signBlock>][] = [
    [
      /wrong signature/,
      { ...signBlock(live, block), signature: signBlock(live, { ...block, slot: 9 }).signature },
    ],
    [/wrong state root/, wrong((one) => (one.stateRoot = new Uint8Array(32)))],
    [/parent block is unknown/, wrong((one) => (one.parentRoot = new Uint8Array(32)))],
    [/not the proposer/, wrong((one) => (one.proposerIndex = (one.proposerIndex + 1) % 4))],
    [/slot is in the future/, wrong((one) => (one.slot = 9))],
    [/execution payload/, wrong((one) => (one.body.executionPayload.timestamp += 1))],
    [/wrong randao reveal/, wrong((one) => (one.body.randaoReveal = signBlock(live, block).signature))],
    [
      /wrong sync aggregate/,
      wrong((one) => (one.body.syncAggregate.syncCommitteeSignature = new Uint8Array(96))),
    ],
  ];
  for (const [reason, signed] of cases) {
    // Each on a chain of its own: a proposer's second block is refused for being the second.
    const fresh = await testChain({ proposers: "watched" });
    fresh.moveTo(1);
    await propose(fresh, 1);
    fresh.moveTo(2);
    const answer = await sendBlock(fresh, signed);
    assert.equal(answer.status, 400, String(reason));
    assert.match(answer.body.message, reason);
  }
  assert.equal((await sendBlock(live, signBlock(live, block))).status, 200, "the block as offered is right");
});

test("a block after the attestation deadline is late, and after its slot it stays outside the chain", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(1);
  const first = signBlock(live, await offeredBlock(live, 1));
  live.moveTo(1, 600);
  assert.equal((await sendBlock(live, first)).status, 200);
  live.moveTo(2);
  const second = signBlock(live, await offeredBlock(live, 2));
  live.moveTo(3, 1);
  const answer = await sendBlock(live, second);

  assert.match(answer.body.message, /slot is over/);
  live.moveTo(4);
  const { proposer } = live.chain.report().totals;
  assert.deepEqual([proposer.onTime, proposer.late, proposer.missed], [0, 1, 2]);
  const detail = live.chain.report().slots.find(({ slot }) => slot === 2)?.duties;
  assert.deepEqual(detail?.find(({ kind }) => kind === "proposer")?.notes, ["slot is over"]);
});

test("no block is offered for a wrong randao reveal, a past slot, or slot 0", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(2);
  const proposer = await proposerOf(live, 2);
  const wrong = toHex(randao(live, (proposer + 1) % 4, 2));
  const right = toHex(randao(live, proposer, 2));

  assert.match((await live.get(`/eth/v3/validator/blocks/2?randao_reveal=${wrong}`)).body.message, /randao/);
  assert.equal((await live.get(`/eth/v3/validator/blocks/1?randao_reveal=${right}`)).status, 400);
  assert.equal((await live.get(`/eth/v3/validator/blocks/0?randao_reveal=${right}`)).status, 400);
  assert.equal((await live.get(`/eth/v3/validator/blocks/7?randao_reveal=${right}`)).status, 400);
  assert.equal((await live.get(`/eth/v3/validator/blocks/2?randao_reveal=${right}`)).status, 200);
});

test("an exit with a right signature takes effect five epochs later, a wrong one never", async () => {
  const live = await testChain({ otherValidators: 8 });
  live.moveTo(5);
  const message = { epoch: 1, validatorIndex: 0 };
  const root = ssz.phase0.VoluntaryExit.hashTreeRoot(message);
  const post = (signer: number): Promise<Answer> =>
    live.post(
      "/eth/v1/beacon/pool/voluntary_exits",
      ssz.phase0.SignedVoluntaryExit.toJson({ message, signature: sign(live, signer, "exit", 1, root) }),
    );

  assert.match((await post(1)).body.message, /wrong signature/);
  assert.equal((await post(0)).status, 200);
  assert.equal((await post(0)).status, 200, "again, from another node");
  const status = async (): Promise<string> =>
    (await live.get("/eth/v1/beacon/states/head/validators/0")).body.data.status;
  live.moveTo(12);
  assert.equal(await status(), "active_exiting");
  live.moveTo(4 * 9);
  assert.equal(await status(), "exited_unslashed");
  const duties = await attesterDuties(live, 9);
  assert.ok(duties.every((duty) => duty.validator_index !== "0"));
  assert.match((await post(0)).body.message, /leaving already/);
});
