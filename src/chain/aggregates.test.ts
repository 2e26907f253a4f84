import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../base/index.ts";
import { isAggregator, isSyncAggregator, ssz } from "../spec/index.ts";
import {
  attest,
  attestationData,
  attesterDuties,
  liveSlot,
  sign,
  voteInSyncCommittee,
} from "./testing/test-validators.ts";
import { type Answer, type TestChain, testChain } from "./testing/test-world.ts";

async function aggregate(
  live: TestChain,
  validator: number,
  slot: number,
  more: { readonly signer?: number; readonly prover?: number; readonly committee?: number } = {},
): Promise<{ answer: Answer; bits: number }> {
  const data = await attestationData(live, slot);
  const root = toHex(ssz.phase0.AttestationData.hashTreeRoot(data));
  const found = await live.get(
    `/eth/v2/validator/aggregate_attestation?slot=${slot}&attestation_data_root=${root}&committee_index=${more.committee ?? 0}`,
  );
  assert.equal(found.status, 200, JSON.stringify(found.body));
  assert.equal(found.body.version, "fulu");
  const attestation = ssz.fulu.Attestation.fromJson(found.body.data);
  const epoch = Math.floor(slot / 4);
  const message = {
    aggregatorIndex: validator,
    aggregate: attestation,
    selectionProof: sign(
      live,
      more.prover ?? validator,
      "selectionProof",
      epoch,
      ssz.Slot.hashTreeRoot(slot),
    ),
  };
  const signature = sign(
    live,
    more.signer ?? validator,
    "aggregateAndProof",
    epoch,
    ssz.fulu.AggregateAndProof.hashTreeRoot(message),
  );
  const answer = await live.post("/eth/v2/validator/aggregate_and_proofs", [
    ssz.fulu.SignedAggregateAndProof.toJson({ message, signature }),
  ]);
  return { answer, bits: attestation.aggregationBits.getTrueBitIndexes().length };
}

test("an aggregate is offered, signed, taken, and counted as the aggregator's duty", async () => {
  const live = await testChain({ count: 8, otherValidators: 8 });
  for (let slot = 0; slot < 4; slot++) await liveSlot(live, slot);
  const [duty] = await attesterDuties(live, 1);
  const [validator, slot] = [Number(duty?.validator_index), Number(duty?.slot)];
  for (let one = 4; one <= slot; one++) await liveSlot(live, one);
  live.moveTo(slot, 700);

  const { answer, bits } = await aggregate(live, validator, slot);

  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(bits, 4, "both watched and other members of the committee are in it");
  const duties = live.chain.report().validators[validator]?.duties.aggregator;
  assert.equal(duties?.onTime, 1);
  assert.equal(duties?.missed, 1, "its aggregation of epoch 0 never came");
});

test("an aggregate with a foreign signature or selection proof, or by somebody outside the committee is refused", async () => {
  const live = await testChain({ count: 8 });
  const duties = await attesterDuties(live, 0);
  const slot = Number(duties[0]?.slot);
  const inside = Number(duties[0]?.validator_index);
  const outside = Number(duties.find((duty) => duty.slot !== String(slot))?.validator_index);
  live.moveToVotes(slot);
  await attest(live, slot);

  const foreign = await aggregate(live, inside, slot, { signer: outside });
  assert.equal(foreign.answer.body.failures[0].message, "wrong signature");
  const unproved = await aggregate(live, inside, slot, { prover: outside });
  assert.equal(unproved.answer.body.failures[0].message, "wrong selection proof");
  const stranger = await aggregate(live, outside, slot);
  assert.equal(stranger.answer.body.failures[0].message, "validator is not in this committee");
  assert.equal((await aggregate(live, inside, slot)).answer.status, 200);
});

test("votes of several committees share one attestation in the block", async () => {
  const live = await testChain({ count: 16, otherValidators: 16, committeesPerSlot: 2 });
  for (let slot = 0; slot < 5; slot++) await liveSlot(live, slot);
  live.moveTo(5);
  const head = (await live.get("/eth/v2/beacon/blocks/head", { accept: "application/octet-stream" })).bytes;
  const { attestations } = ssz.fulu.SignedBeaconBlock.deserialize(head).message.body;

  assert.deepEqual(attestations[0]?.committeeBits.getTrueBitIndexes(), [0, 1]);
  assert.equal(attestations[0]?.aggregationBits.getTrueBitIndexes().length, 8);
  assert.equal(live.chain.report().totals.attester.missed, 0);
});

test("a contribution is offered, signed, taken, and refused from a member that is not selected", async () => {
  const live = await testChain({ count: 4, otherValidators: 4 });
  await liveSlot(live, 0);
  for (let slot = 1; slot < 4; slot++) {
    live.moveToVotes(slot);
    await voteInSyncCommittee(live, slot);
    const { root } = (await live.get("/eth/v1/beacon/blocks/head/root")).body.data;
    for (let validatorIndex = 0; validatorIndex < 4; validatorIndex++)
      await contribute(slot, root, validatorIndex);
  }
  const { "sync-contribution": contributions } = live.chain.report().totals;
  assert.ok(contributions.onTime > 0, "nobody was selected in twelve draws of one in eight");
  assert.ok(
    (live.chain.report().refusals.byReason["sync contribution: validator is not selected to contribute"] ??
      0) > 0,
  );

  async function contribute(slot: number, root: string, validatorIndex: number): Promise<void> {
    const subcommitteeIndex = slot % 4;
    const found = await live.get(
      `/eth/v1/validator/sync_committee_contribution?slot=${slot}&subcommittee_index=${subcommitteeIndex}&beacon_block_root=${root}`,
    );
    const contribution = ssz.altair.SyncCommitteeContribution.fromJson(found.body.data);
    assert.equal(toHex(contribution.beaconBlockRoot), root);
    assert.equal(contribution.aggregationBits.getTrueBitIndexes().length, 128);
    const selectionRoot = ssz.altair.SyncAggregatorSelectionData.hashTreeRoot({ slot, subcommitteeIndex });
    const selectionProof = sign(live, validatorIndex, "syncSelectionProof", 0, selectionRoot);
    const message = { aggregatorIndex: validatorIndex, contribution, selectionProof };
    const signature = sign(
      live,
      validatorIndex,
      "contributionAndProof",
      0,
      ssz.altair.ContributionAndProof.hashTreeRoot(message),
    );
    const answer = await live.post("/eth/v1/validator/contribution_and_proofs", [
      ssz.altair.SignedContributionAndProof.toJson({ message, signature }),
    ]);
    assert.equal(answer.status, isSyncAggregator(selectionProof) ? 200 : 400, JSON.stringify(answer.body));
  }
});

test("a builder's block is offered blinded to a registered proposer and put on the chain whole", async () => {
  const live = await testChain({ builder: true, proposers: "watched" });
  live.moveTo(1);
  const { validator_index: text, pubkey } = (await live.get("/eth/v1/validator/duties/proposer/0")).body
    .data[0];
  const proposer = Number(text);
  const message = {
    feeRecipient: new Uint8Array(20).fill(1),
    gasLimit: 45_000_000,
    timestamp: 1,
    pubkey: fromHex(pubkey, 48),
  };
  const root = ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(message);
  const register = (signer: number): Promise<Answer> =>
    live.post("/eth/v1/validator/register_validator", [
      ssz.bellatrix.SignedValidatorRegistrationV1.toJson({
        message,
        signature: sign(live, signer, "applicationBuilder", 0, root),
      }),
    ]);
  const reveal = toHex(sign(live, proposer, "randao", 0, ssz.Epoch.hashTreeRoot(0)));
  const offer = (query: string): Promise<Answer> =>
    live.get(`/eth/v3/validator/blocks/1?randao_reveal=${reveal}${query}`);

  assert.equal((await register((proposer + 1) % 4)).status, 400, "a foreign registration");
  assert.equal((await offer("")).body.execution_payload_blinded, false, "not registered");
  assert.equal((await register(proposer)).status, 200);
  assert.equal((await offer("&builder_boost_factor=0")).body.execution_payload_blinded, false, "not wanted");
  const { body } = await offer("&builder_boost_factor=18446744073709551615");
  assert.equal(body.execution_payload_blinded, true);
  const block = ssz.fulu.BlindedBeaconBlock.fromJson(body.data);
  assert.equal(block.body.executionPayloadHeader.gasLimit, 45_000_000);
  const blockRoot = ssz.fulu.BlindedBeaconBlock.hashTreeRoot(block);
  const signature = sign(live, proposer, "proposer", 0, blockRoot);
  const sent = await live.post(
    "/eth/v2/beacon/blinded_blocks",
    ssz.fulu.SignedBlindedBeaconBlock.toJson({ message: block, signature }),
  );

  assert.equal(sent.status, 200, JSON.stringify(sent.body));
  const head = await live.get("/eth/v2/beacon/blocks/head", { accept: "application/octet-stream" });
  const whole = ssz.fulu.SignedBeaconBlock.deserialize(head.bytes);
  assert.deepEqual(ssz.fulu.BeaconBlock.hashTreeRoot(whole.message), blockRoot);
  const event = live.events.findLast(({ kind }) => kind === "block");
  assert.ok(event?.kind === "block" && event.blinded);
});

test("in committees of fewer than 32 everybody aggregates, in larger ones a selection decides", () => {
  const proof = new Uint8Array(96).fill(1);
  assert.ok(isAggregator(1, proof) && isAggregator(31, proof));
  const chosen = Array.from({ length: 64 }, (_, i) => isAggregator(64, new Uint8Array(96).fill(i)));
  assert.ok(chosen.includes(true) && chosen.includes(false));
});
