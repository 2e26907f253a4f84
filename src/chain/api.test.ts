import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { toHex } from "../base/index.ts";
import { ssz } from "../spec/index.ts";
import { SPEC_CONSTANTS } from "./spec-constants.ts";
import {
  liveSlot,
  offeredBlock,
  proposerOf,
  randao,
  sendBlock,
  signBlock,
} from "./testing/test-validators.ts";
import { type Answer, testChain } from "./testing/test-world.ts";

const fixtures = sharedPath("fixtures/beacon-fulu");
const skip = fixtures === undefined ? missingShared("fixtures/beacon-fulu") : false;
const recorded = (name: string): unknown =>
  JSON.parse(readFileSync(join(fixtures ?? "", name), "utf8")) as unknown;

/** The names and kinds of values, without the values. Of a list, its first item. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([name, inner]) => [name, shape(inner)]),
    );
  return typeof value === "string" && /^0x[0-9a-f]*$/.test(value) ? "hex" : typeof value;
}

test("answers have the shape of those recorded from a real beacon node", { skip }, async () => {
  const live = await testChain({ count: 4, otherValidators: 12 });
  for (let slot = 0; slot < 6; slot++) await liveSlot(live, slot);
  live.moveTo(6, 10);
  const slot = 6;
  const pairs: [string, string | [string, unknown]][] = [
    ["genesis.json", "/eth/v1/beacon/genesis"],
    ["fork.json", "/eth/v1/beacon/states/head/fork"],
    ["fork_schedule.json", "/eth/v1/config/fork_schedule"],
    ["deposit_contract.json", "/eth/v1/config/deposit_contract"],
    ["finality.json", "/eth/v1/beacon/states/head/finality_checkpoints"],
    ["headers_head.json", "/eth/v1/beacon/headers/head"],
    ["block_root_head.json", "/eth/v1/beacon/blocks/head/root"],
    ["block_head.json", "/eth/v2/beacon/blocks/head"],
    ["block_attestations.json", "/eth/v2/beacon/blocks/head/attestations"],
    ["attestation_data.json", `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0`],
    ["syncing.json", "/eth/v1/node/syncing"],
    ["version.json", "/eth/v1/node/version"],
    ["duties_attester.json", ["/eth/v1/validator/duties/attester/1", ["0", "1"]]],
    ["duties_attester_next.json", ["/eth/v1/validator/duties/attester/2", ["0", "1"]]],
    ["duties_proposer.json", "/eth/v1/validator/duties/proposer/1"],
    ["duties_sync.json", ["/eth/v1/validator/duties/sync/1", ["0", "1"]]],
    ["validators.json", ["/eth/v1/beacon/states/head/validators", { ids: ["0", "1"] }]],
    ["error_future_epoch.json", ["/eth/v1/validator/duties/attester/9", ["0"]]],
  ];
  for (const [name, ask] of pairs) {
    const { body } = typeof ask === "string" ? await live.get(ask) : await live.post(...ask);
    assert.deepEqual(shape(body), shape(recorded(name)), name);
  }
  assert.deepEqual(
    (recorded("error_future_epoch.json") as { message: string }).message.replaceAll(/\d+/g, "n"),
    (await live.post("/eth/v1/validator/duties/attester/9", ["0"])).body.message.replaceAll(/\d+/g, "n"),
  );
});

test("an offered block has the shape of a recorded one", { skip }, async () => {
  const live = await testChain({ count: 4, proposers: "watched" });
  for (let slot = 0; slot < 2; slot++) await liveSlot(live, slot);
  live.moveTo(2);
  const reveal = toHex(randao(live, await proposerOf(live, 2), 2));
  const { body } = await live.get(`/eth/v3/validator/blocks/2?randao_reveal=${reveal}`);

  assert.deepEqual(shape(body), shape(recorded("produce_block_v3.json")));
});

test("the specification names every constant that a real Fulu node names", { skip }, async () => {
  const live = await testChain();
  const { data } = (await live.get("/eth/v1/config/spec")).body;
  const real = (recorded("spec.json") as { data: Record<string, unknown> }).data;

  assert.deepEqual(
    Object.keys(real).filter((name) => !(name in data)),
    [],
  );
  assert.deepEqual([data.SECONDS_PER_SLOT, data.SLOT_DURATION_MS, data.SLOTS_PER_EPOCH], ["1", "1000", "4"]);
});

test("the constants are those of the mainnet preset and configuration", async () => {
  const { activePreset, presetToJson } = await import("@lodestar/params");
  const { chainConfigToJson } = await import("@lodestar/config");
  const { chainConfig } = await import("@lodestar/config/default");
  const known: Record<string, unknown> = { ...presetToJson(activePreset), ...chainConfigToJson(chainConfig) };
  const chosenHere = new Set(["TERMINAL_TOTAL_DIFFICULTY"]); // Past the merge since genesis.
  let compared = 0;
  for (const [name, value] of Object.entries(SPEC_CONSTANTS)) {
    if (!(name in known) || chosenHere.has(name)) continue;
    assert.equal(value, known[name], name);
    compared++;
  }
  assert.ok(compared > 100, `${compared} constants compared`);
});

test("blocks and votes are to be had as SSZ and as JSON, and both say the same", async () => {
  const live = await testChain({ count: 4, otherValidators: 4 });
  for (let slot = 0; slot < 3; slot++) await liveSlot(live, slot);
  const binary = { accept: "application/octet-stream;q=1,application/json;q=0.9" };
  const asked = "/eth/v2/beacon/blocks/head";
  const [asSsz, asJson] = [await live.get(asked, binary), await live.get(asked)];

  assert.equal(asSsz.headers.get("content-type"), "application/octet-stream");
  assert.equal(asSsz.headers.get("eth-consensus-version"), "fulu");
  assert.deepEqual(
    ssz.fulu.SignedBeaconBlock.toJson(ssz.fulu.SignedBeaconBlock.deserialize(asSsz.bytes)),
    asJson.body.data,
  );
});

test("a block can be fetched and published as SSZ", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(1);
  const reveal = toHex(randao(live, await proposerOf(live, 1), 1));
  const graffiti = toHex(new Uint8Array(32).fill(7));
  const offer = await live.get(
    `/eth/v3/validator/blocks/1?randao_reveal=${reveal}&graffiti=${graffiti}&builder_boost_factor=100`,
    { accept: "application/octet-stream" },
  );
  assert.equal(offer.headers.get("eth-execution-payload-blinded"), "false");
  assert.match(offer.headers.get("eth-consensus-block-value") ?? "", /^\d+$/);
  const { block } = ssz.fulu.BlockContents.deserialize(offer.bytes);
  assert.equal(toHex(block.body.graffiti), graffiti);
  const contents = { signedBlock: signBlock(live, block), kzgProofs: [], blobs: [] };

  const answer = await live.post("/eth/v2/beacon/blocks", ssz.fulu.SignedBlockContents.serialize(contents), {
    "content-type": "application/octet-stream",
  });

  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal((await live.get("/eth/v1/beacon/headers/head")).body.data.header.message.slot, "1");
});

test("the fee recipient is the one that was prepared", async () => {
  const live = await testChain({ proposers: "watched" });
  live.moveTo(1);
  const proposer = await proposerOf(live, 1);
  const recipient = `0x${"ab".repeat(20)}`;
  const preparation = { validator_index: String(proposer), fee_recipient: recipient };
  assert.equal((await live.post("/eth/v1/validator/prepare_beacon_proposer", [preparation])).status, 200);

  const block = await offeredBlock(live, 1);

  assert.equal(toHex(block.body.executionPayload.feeRecipient), recipient);
  assert.equal((await sendBlock(live, signBlock(live, block))).status, 200);
});

test("subjects of states are found by index, public key, slot and root", async () => {
  const live = await testChain({ count: 3, otherValidators: 5 });
  live.moveTo(3);
  const all = (await live.get("/eth/v1/beacon/states/head/validators")).body.data;
  const { pubkey } = all[2].validator;
  const count = async (path: string): Promise<number> => (await live.get(path)).body.data.length;

  assert.equal(all.length, 8);
  assert.equal((await live.get(`/eth/v1/beacon/states/head/validators/${pubkey}`)).body.data.index, "2");
  assert.equal(await count(`/eth/v1/beacon/states/head/validators?id=1,${pubkey}`), 2);
  assert.equal(await count("/eth/v1/beacon/states/1/validators?status=active"), 8);
  assert.equal(await count("/eth/v1/beacon/states/1/validators?status=exited"), 0);
  assert.equal(await count("/eth/v1/beacon/states/head/validator_balances?id=1&id=2"), 2);
  assert.equal(await count("/eth/v1/beacon/states/head/committees"), 4);
  const sync = (await live.get("/eth/v1/beacon/states/head/sync_committees")).body.data;
  assert.equal(sync.validators.length, 512);
  assert.deepEqual(sync.validator_aggregates.flat(), sync.validators);
  const { root } = (await live.get("/eth/v1/beacon/states/head/root")).body.data;
  assert.equal((await live.get(`/eth/v1/beacon/states/${root}/fork`)).status, 200);
  assert.equal((await live.get("/eth/v1/beacon/states/9/root")).status, 404);
  assert.equal((await live.get(`/eth/v1/beacon/states/0x${"00".repeat(32)}/root`)).status, 404);
  assert.equal((await live.get("/eth/v1/beacon/states/head/validators/4000")).status, 404);
});

test("whoever voted is live, and nobody else", async () => {
  const live = await testChain({ count: 4, otherValidators: 0, others: "absent" });
  for (let slot = 0; slot < 4; slot++) await liveSlot(live, slot);
  live.moveTo(4);
  const ask = async (epoch: number): Promise<boolean[]> =>
    (await live.post(`/eth/v1/validator/liveness/${epoch}`, ["0", "1", "2", "3"])).body.data.map(
      (one: { is_live: boolean }) => one.is_live,
    );

  assert.deepEqual(await ask(0), [true, true, true, true]);
  assert.deepEqual(await ask(1), [false, false, false, false]);
});

test("an endpoint of before Electra, of a middleware, or of nobody says so", async () => {
  const live = await testChain();
  const statuses: [Promise<Answer>, number][] = [
    [live.post("/eth/v1/beacon/pool/attestations", []), 400],
    [live.get("/eth/v1/validator/aggregate_attestation"), 400],
    [live.post("/eth/v1/validator/beacon_committee_selections", []), 501],
    [live.post("/eth/v1/validator/sync_committee_selections", []), 501],
    [live.get("/eth/v1/nothing/here"), 404],
    [live.post("/eth/v1/node/version", {}), 405],
    [live.post("/eth/v2/beacon/pool/attestations", [], { "eth-consensus-version": "deneb" }), 400],
    [live.post("/eth/v2/beacon/pool/attestations", [], { "content-type": "text/plain" }), 415],
  ];
  for (const [asked, status] of statuses) {
    const answer = await asked;
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.equal(answer.body.code, status);
    assert.equal(typeof answer.body.message, "string");
  }
});

test("before genesis the node is in sync, knows the duties of epoch 0, and has only the genesis block", async () => {
  const live = await testChain();

  assert.equal((await live.get("/eth/v1/node/syncing")).body.data.is_syncing, false);
  assert.equal((await live.post("/eth/v1/validator/duties/attester/0", ["0", "1"])).body.data.length, 2);
  assert.equal((await live.get("/eth/v1/beacon/headers/head")).body.data.header.message.slot, "0");
  // Charon asks for slots below zero then, wrapped round to 64 bits: there is no such block.
  assert.equal((await live.get("/eth/v2/beacon/blocks/18446744073709551603")).status, 404);
  assert.equal((await live.get("/eth/v1/validator/attestation_data?slot=0")).status, 400);
  assert.equal(live.chain.report().slot, -1);
});

test("a request that is up to half a second early waits for its slot", async () => {
  const live = await testChain();
  live.moveTo(1, 900);
  const early = live.get("/eth/v1/validator/attestation_data?slot=2");
  live.moveTo(2);

  assert.equal((await early).body.data.slot, "2");
  assert.equal((await live.get("/eth/v1/validator/attestation_data?slot=4")).status, 400);
});
