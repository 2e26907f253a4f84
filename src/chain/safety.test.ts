import assert from "node:assert/strict";
import { test } from "node:test";
import { ssz } from "../spec/index.ts";
import {
  attest,
  attestationData,
  attesterDuties,
  liveSlot,
  offeredBlock,
  propose,
  sendBlock,
  sendVotes,
  signBlock,
  signVote,
} from "./testing/test-validators.ts";
import { type TestChain, testChain } from "./testing/test-world.ts";

// Goal: the chain is the judge of every safety test, so no slashable pair may pass it, however it is sent.

async function seatOf(test: TestChain, epoch: number): Promise<{ validator: number; slot: number }> {
  const [duty] = await attesterDuties(test, epoch);
  assert.ok(duty !== undefined);
  return { validator: Number(duty.validator_index), slot: Number(duty.slot) };
}

test("a second, different vote of one epoch is refused and named slashable", async () => {
  const live = await testChain();
  const { validator, slot } = await seatOf(live, 0);
  live.moveToVotes(slot);
  const data = await attestationData(live, slot);
  const otherwise = { ...data, beaconBlockRoot: new Uint8Array(32).fill(9) };

  assert.equal((await sendVotes(live, [signVote(live, validator, 0, data)])).status, 200);
  const answer = await sendVotes(live, [signVote(live, validator, 0, otherwise)]);

  assert.equal(answer.status, 400);
  const report = live.chain.report();
  assert.equal(report.slashings.pairs[0]?.offence, "double-vote");
  assert.equal(report.slashings.pairs[0]?.validator, validator);
  assert.equal(report.validators[validator]?.duties.attester.slashable, 1);
  assert.ok(live.events.some(({ kind }) => kind === "slashable"));
});

test("two votes that the chain would both refuse are still a slashable pair", async () => {
  const live = await testChain();
  const { validator, slot } = await seatOf(live, 0);
  live.moveToVotes(slot);
  const data = await attestationData(live, slot);
  const far = (head: number): typeof data => ({
    ...data,
    slot: 4000,
    target: { epoch: 1000, root: new Uint8Array(32) },
    beaconBlockRoot: new Uint8Array(32).fill(head),
  });

  for (const head of [1, 2])
    assert.equal((await sendVotes(live, [signVote(live, validator, 0, far(head))])).status, 400);

  assert.equal(live.chain.report().slashings.count, 1);
});

test("a vote that surrounds another is named slashable in both orders", async () => {
  for (const order of [
    [
      [2, 3],
      [1, 4],
    ],
    [
      [1, 4],
      [2, 3],
    ],
  ] as const) {
    const live = await testChain();
    const { validator, slot } = await seatOf(live, 0);
    live.moveToVotes(slot);
    const data = await attestationData(live, slot);
    for (const [source, target] of order)
      await sendVotes(live, [
        signVote(live, validator, 0, {
          ...data,
          source: { ...data.source, epoch: source },
          target: { ...data.target, epoch: target },
        }),
      ]);

    assert.deepEqual(
      live.chain.report().slashings.pairs.map(({ offence }) => offence),
      ["surround-vote"],
    );
  }
});

test("a second block of one proposer is refused and named slashable, also when it comes later", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(1);
  const block = await offeredBlock(live, 1);
  const graffitied = ssz.fulu.BeaconBlock.clone(block);
  graffitied.body.graffiti = new Uint8Array(32).fill(1);

  assert.equal((await sendBlock(live, signBlock(live, block))).status, 200);
  live.moveTo(3);
  const answer = await sendBlock(live, signBlock(live, graffitied));

  assert.equal(answer.status, 400);
  assert.match(answer.body.message, /another block/);
  const report = live.chain.report();
  assert.equal(report.slashings.pairs[0]?.offence, "double-proposal");
  assert.equal(report.totals.proposer.slashable, 1);
});

test("a forged vote proves nothing: it is refused, counted, and not held against the validator", async () => {
  const live = await testChain();
  const { validator, slot } = await seatOf(live, 0);
  live.moveToVotes(slot);
  const data = await attestationData(live, slot);
  const honest = signVote(live, validator, 0, data);
  const forged = { ...honest, data: { ...data, beaconBlockRoot: new Uint8Array(32).fill(3) } };

  const answer = await sendVotes(live, [forged, honest]);

  assert.equal(answer.status, 400);
  assert.deepEqual(answer.body.failures, [{ index: 0, message: "wrong signature" }]);
  const report = live.chain.report();
  assert.equal(report.slashings.count, 0);
  assert.equal(report.refusals.wrongSignatures, 1);
  assert.equal(report.totals.attester.onTime, 1, "the honest vote beside it is taken");
});

test("four nodes that send the same are one: everything is taken once and verified once", async () => {
  const live = await testChain({ proposers: "watched" });
  const { slot } = await seatOf(live, 1);
  for (let one = 0; one < slot; one++) await liveSlot(live, one);
  live.moveTo(slot);
  const signed = await propose(live, slot);
  live.moveToVotes(slot);
  const votes = await attest(live, slot);
  const before = live.chain.report();
  for (let node = 0; node < 3; node++) {
    assert.equal((await sendVotes(live, votes)).status, 200);
    assert.equal((await sendBlock(live, signed)).status, 200);
  }

  const report = live.chain.report();
  assert.equal(report.slashings.count, 0);
  assert.equal(report.refusals.count, 0);
  assert.deepEqual(report.totals, before.totals);
  assert.equal(report.duplicates - before.duplicates, 3 * (votes.length + 1));
});
