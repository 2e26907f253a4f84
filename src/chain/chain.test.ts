import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { fastAggregateVerify } from "../crypto/index.ts";
import { domainAt, signingRoot, ssz } from "../spec/index.ts";
import { formatReport } from "./format-report.ts";
import { liveSlot, offeredBlock } from "./testing/test-validators.ts";
import { testChain } from "./testing/test-world.ts";

test("validators that do everything on time are seen to, and their chain finalizes", async () => {
  const live = await testChain({ count: 4, slotsPerEpoch: 4 });
  const slots = 4 * 5;
  for (let slot = 0; slot < slots; slot++) await liveSlot(live, slot);
  live.moveTo(slots);

  const report = live.chain.report();
  const { attester, proposer, "sync-message": syncMessage } = report.totals;
  assert.deepEqual(
    [attester.onTime, attester.late, attester.missed, attester.slashable],
    [20, 0, 0, 0],
    formatReport(report),
  );
  assert.deepEqual([proposer.onTime, proposer.missed], [slots - 1, 0]);
  assert.deepEqual([syncMessage.onTime, syncMessage.missed], [4 * slots, 0]);
  assert.equal(attester.medianMs, 0);
  assert.equal(report.finalizedEpoch, 3);
  assert.equal(report.justifiedEpoch, 4);
  assert.equal(report.refusals.count, 0);
  assert.equal(attester.wrongHead + attester.wrongTarget, 0);
});

test("every block follows its parent by root, and its roots and signatures are real", async () => {
  const live = await testChain({ count: 3, otherValidators: 13, slotsPerEpoch: 4 });
  for (let slot = 0; slot < 8; slot++) await liveSlot(live, slot);
  live.moveTo(8);

  const validators = (await live.get("/eth/v1/beacon/states/head/validators")).body.data;
  const keyOf = (index: number): Uint8Array =>
    Buffer.from(validators[index].validator.pubkey.slice(2), "hex");
  let parent = (await live.get("/eth/v1/beacon/blocks/genesis/root")).body.data.root;
  for (let slot = 1; slot <= 7; slot++) {
    const { bytes } = await live.get(`/eth/v2/beacon/blocks/${slot}`, { accept: "application/octet-stream" });
    const signed = ssz.fulu.SignedBeaconBlock.deserialize(bytes);
    assert.equal(toHex(signed.message.parentRoot), parent, `slot ${slot}`);
    const root = ssz.fulu.BeaconBlock.hashTreeRoot(signed.message);
    parent = toHex(root);
    assert.equal((await live.get(`/eth/v1/beacon/blocks/${slot}/root`)).body.data.root, parent);
    const domain = domainAt(live.chain.spec, "proposer", Math.floor(slot / 4));
    assert.ok(
      fastAggregateVerify(signingRoot(root, domain), [keyOf(signed.message.proposerIndex)], signed.signature),
      `signature of block ${slot}`,
    );
    await checkVotes(slot, signed.message.body.attestations);
  }

  async function checkVotes(slot: number, attestations: (typeof body)["attestations"]): Promise<void> {
    assert.ok(attestations.length > 0, `block ${slot} carries no attestation`);
    for (const attestation of attestations) {
      const { data } = attestation;
      const path = `/eth/v1/beacon/states/head/committees?epoch=${data.target.epoch}&slot=${data.slot}`;
      const committee = (await live.get(path)).body.data[0].validators as string[];
      const keys = attestation.aggregationBits
        .getTrueBitIndexes()
        .map((place) => keyOf(Number(committee[place])));
      assert.equal(keys.length, 4, "all four members are in the aggregate");
      const root = ssz.phase0.AttestationData.hashTreeRoot(data);
      const domain = domainAt(live.chain.spec, "attester", data.target.epoch);
      assert.ok(fastAggregateVerify(signingRoot(root, domain), keys, attestation.signature));
    }
  }
});
const body = ssz.fulu.BeaconBlockBody.defaultValue();

test("others that attest finalize a chain whose watched validators are away", async () => {
  const idle = await testChain({ count: 2, otherValidators: 14 });
  idle.moveTo(5 * 4);

  const report = idle.chain.report();
  assert.equal(report.finalizedEpoch, 3);
  assert.equal(report.totals.attester.missed, 2 * 5);
  assert.equal(report.totals.attester.onTime, 0);
});

test("others that are absent leave their slots empty, and two thirds are not reached", async () => {
  const alone = await testChain({ count: 2, otherValidators: 6, others: "absent" });
  for (let slot = 0; slot < 16; slot++) await liveSlot(alone, slot);

  const report = alone.chain.report();
  assert.equal(report.justifiedEpoch, 0);
  assert.ok(
    report.slots.some(({ slot, block }) => slot > 0 && block === undefined),
    "no slot is empty",
  );
  assert.equal(report.totals.attester.missed, 0);
});

test("a proposer that sends nothing leaves its slot empty and is reported", async () => {
  const live = await testChain({ count: 4, proposers: "watched" });
  live.moveTo(3);

  const { proposer } = live.chain.report().totals;
  assert.deepEqual([proposer.assigned, proposer.missed], [3, 2], "slots 1 and 2 are over, slot 3 is open");
  assert.equal((await live.get("/eth/v1/beacon/headers/head")).body.data.header.message.slot, "0");
  assert.equal((await live.get("/eth/v1/beacon/headers/2")).status, 404);
  assert.equal((await offeredBlock(live, 3)).slot, 3);
});

test("a long run keeps its counts and forgets old blocks and details", async () => {
  const long = await testChain({ count: 2, otherValidators: 6 });
  long.moveTo(200);

  const report = long.chain.report();
  assert.equal(report.totals.attester.missed, 2 * 50);
  assert.ok(report.slots.length <= 4 * 5, `${report.slots.length} slots in detail`);
  assert.equal((await long.get("/eth/v2/beacon/blocks/3")).status, 404);
  assert.equal((await long.get("/eth/v2/beacon/blocks/head")).status, 200);
  assert.equal((await long.get("/eth/v1/beacon/blocks/genesis/root")).status, 200);
  assert.ok(report.finalizedEpoch >= 40, `finalized epoch ${report.finalizedEpoch}`);
});
