import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { attestationData, offeredBlock, randao } from "../chain/testing/test-validators.ts";
import { type DecidedOf, DeskError } from "../ports/index.ts";
import { type GroupKey, slotStart, ssz } from "../spec/index.ts";
import { type ApiWorld, apiWorld } from "./testing/api-world.ts";

const DATA = (slot: number, committee = 0): string =>
  `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=${committee}`;

async function vote(world: ApiWorld, slot: number): Promise<DecidedOf["attester"]> {
  const data = await attestationData(world.test, slot);
  const pubkey = world.groupKeys[0] as GroupKey;
  const duty = { pubkey, validatorIndex: 0, slot, committeeIndex: 0 };
  return { data, duty: { ...duty, committeeLength: 4, committeesAtSlot: 1, validatorCommitteeIndex: 0 } };
}

test("vote data is what the cluster decided, for whoever asked before and after, as JSON and as SSZ", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const decided = await vote(world, 2);
  const other = structuredClone(decided.data);
  other.beaconBlockRoot = new Uint8Array(32).fill(7);
  world.desk.expect("attester", 2);
  const early = world.get(DATA(2));
  await new Promise((resolve) => setImmediate(resolve));
  world.desk.decide("attester", 2, new Map([[world.groupKeys[0] as GroupKey, { ...decided, data: other }]]));
  const late = await world.get(DATA(2, 5), { accept: "application/octet-stream;q=1,application/json;q=0.9" });
  assert.equal((await early).body.data.beacon_block_root, `0x${"07".repeat(32)}`);
  assert.deepEqual(late.bytes, ssz.phase0.AttestationData.serialize(other));
  assert.equal(late.headers.get("content-type"), "application/octet-stream");
  assert.ok(!world.asked.some((line) => line.includes("attestation_data")));
});

const golden = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, "../../test/golden/beacon-fulu", name));

test("a block and a vote are the same bytes of SSZ that a beacon node has of them, and what is JSON alone is a 406", async () => {
  const world = await apiWorld();
  world.test.moveTo(3);
  const accept = { accept: "application/octet-stream" };
  const bytes = golden("produce_block_v3.ssz");
  const { block, kzgProofs, blobs } = ssz.fulu.BlockContents.deserialize(bytes);
  const proposer = (await offeredBlock(world.test, 3)).proposerIndex;
  const groupKey = world.groupKeys[proposer] as GroupKey;
  const proposal = { fork: "fulu", blinded: false, block, kzgProofs, blobs, value: 0n } as const;
  world.desk.decide("proposer", 3, new Map([[groupKey, proposal]]));
  const reveal = toHex(randao(world.test, proposer, 3));
  const made = await world.get(`/eth/v3/validator/blocks/3?randao_reveal=${reveal}`, accept);
  assert.ok(Buffer.from(made.bytes).equals(bytes));
  for (const line of golden("produce_block_v3.ssz.headers").toString().split("\r\n")) {
    const [name = "", value] = line.split(": ");
    if (/^(content-|eth-(consensus-version|execution))/i.test(name))
      assert.equal(made.headers.get(name), value, name);
  }

  const { data } = JSON.parse(golden("attestation_data.json").toString());
  const decided = { ...(await vote(world, 3)), data: ssz.phase0.AttestationData.fromJson(data) };
  world.desk.decide("attester", 3, new Map([[groupKey, decided]]));
  const asked = await world.get(DATA(3), accept);
  assert.deepEqual(
    ssz.phase0.AttestationData.toJson(ssz.phase0.AttestationData.deserialize(asked.bytes)),
    data,
  );

  for (const path of ["/eth/v1/beacon/genesis", "/eth/v1/node/version", "/eth/v1/beacon/states/head/fork"]) {
    const { status, body } = await world.get(path, accept);
    assert.deepEqual([status, body.message], [406, "this is answered in application/json only"], path);
    for (const other of ["application/octet-stream;q=1,application/json;q=0.9", "*/*", "text/html"])
      assert.equal((await world.get(path, { accept: other })).status, 200, other);
  }
  assert.equal((await world.get("/eth/v1/builder/status", accept)).status, 200, "it has no body");
});

test("a slot without a duty of ours is answered at once, with the beacon node's view", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const { status, body } = await world.get(DATA(2));
  assert.equal(status, 200);
  assert.equal(body.data.slot, "2");
  assert.deepEqual(world.asked, ["GET /eth/v1/validator/attestation_data"]);
});

test("nobody waits beyond the end of the slot, nor longer than the client does", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  world.desk.expect("attester", 2);
  const waiting = world.get(DATA(2));
  const gone = new AbortController();
  const left = world.send(new Request(`http://api${DATA(2)}`, { signal: gone.signal }));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(world.desk.waiting, 2);
  gone.abort();
  assert.ok((await left).status >= 500);
  assert.equal(world.desk.waiting, 1);
  world.test.clock.moveTo(slotStart(world.test.chain.spec, 3));
  const { status, body } = await waiting;
  assert.equal(status, 503);
  assert.match(body.message, /decision did not come in time/);
  assert.equal(world.desk.waiting, 0);
  assert.equal(world.api.status().waiting, 0);
});

test("who asks when the slot is over gets what was decided, or the beacon node's word where none of ours voted", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const decided = await vote(world, 2);
  world.desk.decide("attester", 2, new Map([[world.groupKeys[0] as GroupKey, decided]]));
  world.test.clock.moveTo(slotStart(world.test.chain.spec, 4));
  assert.equal((await world.get(DATA(2))).body.data.slot, "2");
  assert.deepEqual(
    world.asked.filter((line) => line.includes("attestation_data")),
    [],
  );
  await world.get(DATA(3));
  assert.equal(world.asked.filter((line) => line.includes("attestation_data")).length, 1);
});

test("a slot far ahead is refused at once", async () => {
  const world = await apiWorld();
  world.test.moveTo(2);
  const { status, body } = await world.get(DATA(9));
  assert.equal(status, 400);
  assert.match(body.message, /more than one slot ahead/);
});

test("a block is the cluster's, once the client's share of the randao has gone to the desk", async () => {
  const world = await apiWorld();
  world.test.moveTo(3);
  const block = await offeredBlock(world.test, 3);
  const proposer = block.proposerIndex;
  const groupKey = world.groupKeys[proposer] as GroupKey;
  const proposal = { fork: "fulu", blinded: false, block, kzgProofs: [], blobs: [], value: 5n } as const;
  world.desk.decide("proposer", 3, new Map([[groupKey, proposal]]));
  const reveal = toHex(randao(world.test, proposer, 3));
  const { status, body, headers } = await world.get(`/eth/v3/validator/blocks/3?randao_reveal=${reveal}`);
  assert.equal(status, 200, body?.message);
  assert.equal(headers.get("eth-execution-payload-blinded"), "false");
  assert.equal(body.execution_payload_value, "5");
  assert.deepEqual(ssz.fulu.BlockContents.fromJson(body.data).block, block);
  const [submitted] = world.desk.submitted;
  assert.equal(submitted?.kind, "randao");
  assert.equal(submitted?.groupKey, groupKey);

  const signedBlock = { message: block, signature: new Uint8Array(96).fill(1) };
  const contents = { signedBlock, kzgProofs: [], blobs: [] };
  const asJson = ssz.fulu.SignedBlockContents.toJson(contents);
  const asSsz = ssz.fulu.SignedBlockContents.serialize(contents);
  assert.equal((await world.post("/eth/v2/beacon/blocks", asJson)).status, 200);
  const octets = { "content-type": "application/octet-stream" };
  assert.equal((await world.post("/eth/v2/beacon/blocks", asSsz, octets)).status, 200);
  assert.deepEqual(
    world.desk.submitted.slice(1).map(({ kind, slot }) => `${slot}/${kind}`),
    ["3/proposer", "3/proposer"],
  );
  assert.ok(
    !world.asked.some((line) => line.includes("beacon/blocks")),
    "no partial signature left the node",
  );
});

test("a randao that the desk refuses is refused with its reason, and no block is waited for", async () => {
  const world = await apiWorld();
  world.test.moveTo(3);
  world.desk.verdict = () =>
    new DeskError("duty/wrong-share", "the signature is not by key share 2", {
      hint: "Check the keystores.",
    });
  const { proposerIndex } = await offeredBlock(world.test, 3);
  const reveal = toHex(randao(world.test, proposerIndex, 3));
  const { status, body } = await world.get(`/eth/v3/validator/blocks/3?randao_reveal=${reveal}`);
  assert.equal(status, 400);
  assert.match(body.message, /not by key share 2\. Check the keystores\./);
});

test("in a slot that a stranger proposes, a client is told so at once", async () => {
  const world = await apiWorld({ count: 1, otherValidators: 60 });
  world.test.moveTo(1);
  const answers = await Promise.all(
    [1, 2].map((slot) => world.get(`/eth/v3/validator/blocks/${slot}?randao_reveal=0x${"00".repeat(96)}`)),
  );
  assert.ok(answers.some(({ status, body }) => status === 400 && /proposes in slot/.test(body.message)));
});

test("votes reach the desk by validator; those that are refused are named by their place, the others are taken", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const { data } = await vote(world, 2);
  const single = (attesterIndex: number) => ({
    committeeIndex: 0,
    attesterIndex,
    data,
    signature: new Uint8Array(96).fill(attesterIndex),
  });
  world.desk.verdict = (item) =>
    item.groupKey === world.groupKeys[1]
      ? new DeskError("duty/slashable", "the slashing memory refused it: double vote")
      : undefined;
  const type = ssz.electra.SingleAttestation;
  const path = "/eth/v2/beacon/pool/attestations";
  const { status, body } = await world.post(path, [0, 1, 2, 9].map(single).map(type.toJson.bind(type)));
  assert.equal(status, 400);
  assert.deepEqual(body.failures, [
    { index: 1, message: "the slashing memory refused it: double vote" },
    { index: 3, message: "validator 9 is not one of this cluster's" },
  ]);
  assert.deepEqual(
    world.desk.submitted.map(({ groupKey }) => groupKey),
    [world.groupKeys[0], world.groupKeys[2]],
  );
  assert.ok(!world.asked.some((line) => line.includes("pool")));
});

test("what only this node is to blame for is no fault of the client", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const { data } = await vote(world, 2);
  world.desk.verdict = () => new DeskError("duty/unavailable", "the slashing memory could not be reached");
  const type = ssz.electra.SingleAttestation;
  const item = { committeeIndex: 0, attesterIndex: 0, data, signature: new Uint8Array(96) };
  const { status } = await world.post("/eth/v2/beacon/pool/attestations", [type.toJson(item)]);
  assert.equal(status, 500);
});

test("a body of another fork than its slot's is refused, and so is one without a fork", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  const { data } = await vote(world, 2);
  const item = { committeeIndex: 0, attesterIndex: 0, data, signature: new Uint8Array(96) };
  const json = [ssz.electra.SingleAttestation.toJson(item)];
  const path = "/eth/v2/beacon/pool/attestations";
  assert.equal((await world.post(path, json, { "eth-consensus-version": "electra" })).status, 400);
  assert.equal((await world.post(path, json, { "eth-consensus-version": "nonsense" })).status, 400);
  const bare = new Request(`http://api${path}`, { method: "POST", body: JSON.stringify(json) });
  bare.headers.set("content-type", "application/json");
  assert.equal((await world.send(bare)).status, 400);
  assert.deepEqual(world.desk.submitted, []);
});

test("a block as JSON by the first version of the API says its fork by its slot, as the specification allows", async () => {
  const world = await apiWorld();
  world.test.moveTo(3);
  const contents = ssz.fulu.SignedBlockContents.defaultValue();
  const blinded = ssz.fulu.SignedBlindedBeaconBlock.defaultValue();
  for (const { message } of [contents.signedBlock, blinded])
    Object.assign(message, { slot: 3, proposerIndex: 2 });
  const bodies = {
    blocks: ssz.fulu.SignedBlockContents.toJson(contents),
    blinded_blocks: ssz.fulu.SignedBlindedBeaconBlock.toJson(blinded),
  };
  const send = async (path: string, body: unknown): Promise<number> => {
    const headers = { "content-type": "application/json" };
    const request = new Request(`http://api${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return (await world.send(request)).status;
  };
  for (const [name, body] of Object.entries(bodies)) {
    assert.equal(await send(`/eth/v1/beacon/${name}`, body), 200, name);
    assert.equal(await send(`/eth/v2/beacon/${name}`, body), 400, `${name}: the second asks for the header`);
  }
  assert.deepEqual(
    world.desk.submitted.map(({ kind, slot, groupKey }) => [kind, slot, groupKey]),
    [1, 2].map(() => ["proposer", 3, world.groupKeys[2]]),
  );
  for (const nonsense of [null, [], {}, { message: null }, { signed_block: { message: { slot: "x" } } }, "3"])
    assert.equal(await send("/eth/v1/beacon/blocks", nonsense), 400, JSON.stringify(nonsense));
});

test("a client that unblinds at its relay may have this node for one: no bid, and its signature is taken", async () => {
  const world = await apiWorld();
  world.test.moveTo(3);
  const key = world.shares[0] as string;
  assert.equal((await world.get("/eth/v1/builder/status")).status, 200);
  const bid = await world.get(`/eth/v1/builder/header/3/0x${"00".repeat(32)}/${key}`);
  assert.equal(bid.status, 204);
  const type = ssz.fulu.SignedBlindedBeaconBlock;
  const signed = type.defaultValue();
  signed.message.slot = 3;
  signed.message.proposerIndex = 2;
  for (const version of ["v1", "v2"]) {
    const { status } = await world.post(`/eth/${version}/builder/blinded_blocks`, type.toJson(signed));
    assert.equal(status, 202);
  }
  assert.deepEqual(
    world.desk.submitted.map(({ kind, slot, groupKey }) => [kind, slot, groupKey]),
    [1, 2].map(() => ["proposer", 3, world.groupKeys[2]]),
  );
  world.desk.verdict = () => new DeskError("duty/not-what-was-decided", "another block");
  const refused = await world.post("/eth/v1/builder/blinded_blocks", type.toJson(signed));
  assert.equal(refused.status, 400);
  assert.match(refused.body.message, /another block/);
  assert.ok(!world.asked.some((line) => line.includes("builder")), "the beacon node hears nothing of it");
});

test("a client that looks for a middleware in the version of its node finds one, the others find us", async () => {
  const world = await apiWorld();
  const version = async (agent: string): Promise<string> =>
    (await world.get("/eth/v1/node/version", { "user-agent": agent })).body.data.version;
  assert.match(await version("Vouch/1.13.1"), /charon/);
  assert.equal(await version("Lighthouse/v8.0.0"), "Trireme/test");
});
