import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { silent, unmetered } from "../ports/index.ts";
import { type GroupKey, ssz } from "../spec/index.ts";
import { type BeaconNodes, createBeaconNodes } from "./beacon-nodes.ts";
import { encodeProposal, parseProposal } from "./blocks.ts";
import { refusal } from "./refusal.ts";
import { RECORDED_NOW, recorded, recordedJson } from "./testing/fixtures.ts";
import { serve } from "./testing/http-server.ts";
import { SimulatedClock } from "./testing/simulated-clock.ts";

// Goal: what a real beacon node (Prysm, Fulu devnet) answered is read as it was meant and written back the same.
// Method: its recorded answers, served over real HTTP.
const signal = new AbortController().signal;
const files: Readonly<Record<string, string>> = {
  "/eth/v1/config/spec": "spec.json",
  "/eth/v1/beacon/genesis": "genesis.json",
  "/eth/v1/node/syncing": "syncing.json",
  "/eth/v1/node/version": "version.json",
  "/eth/v1/validator/attestation_data": "attestation_data.json",
  "/eth/v1/validator/duties/attester/4": "duties_attester.json",
  "/eth/v1/validator/duties/attester/5": "duties_attester_next.json",
  "/eth/v1/validator/duties/proposer/4": "duties_proposer.json",
  "/eth/v1/beacon/states/head/validators": "validators.json",
  "/eth/v3/validator/blocks/130": "produce_block_v3.json",
  "/eth/v2/beacon/blocks/head": "block_head.json",
};

async function withNode(
  options: { readonly sszBlocks: boolean },
  run: (beacon: BeaconNodes) => Promise<void>,
): Promise<void> {
  const server = await serve((request, response) => {
    const path = (request.url ?? "").split("?")[0] as string;
    const file = files[path];
    if (file === undefined) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: 404, message: "NOT_FOUND" }));
    } else if (path === "/eth/v2/beacon/blocks/head" && options.sszBlocks) {
      assert.match(
        request.headers.accept ?? "",
        /^application\/octet-stream;q=1(\.0)?,\s*application\/json;q=0\.9$/,
      );
      response.writeHead(200, {
        "content-type": "application/octet-stream",
        "eth-consensus-version": "fulu",
      });
      response.end(recorded("block_head.ssz"));
    } else {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(recorded(file));
    }
  });
  const beacon = createBeaconNodes({
    endpoints: [server.url],
    clock: new SimulatedClock(RECORDED_NOW),
    log: silent,
    meter: unmetered,
    timeoutMs: 5_000,
  });
  try {
    await beacon.connectChain(signal);
    await run(beacon);
  } finally {
    await beacon.close();
    await server.close();
  }
}

test("validators and duties are read", async () => {
  await withNode({ sszBlocks: false }, async (beacon) => {
    const data = recordedJson("validators.json").data;
    const keys = data.map((one: { validator: { pubkey: string } }) => one.validator.pubkey) as GroupKey[];
    const validators = await beacon.validators(keys, signal);
    assert.deepEqual(
      validators.map(({ index, pubkey, status }) => [String(index), pubkey, status]),
      data.map((one: { index: string; status: string }, i: number) => [one.index, keys[i], one.status]),
    );
    assert.equal((await beacon.validators(keys.slice(0, 2), signal)).length, 2);

    const indices = validators.map(({ index }) => index);
    for (const [epoch, file] of [
      [4, "duties_attester.json"],
      [5, "duties_attester_next.json"],
    ] as const) {
      const { dependentRoot, duties } = await beacon.attesterDuties(epoch, indices, signal);
      const found = recordedJson(file);
      assert.equal(dependentRoot, found.dependent_root);
      assert.deepEqual(
        duties.map((duty) => ({
          pubkey: duty.pubkey,
          validator_index: String(duty.validatorIndex),
          committee_index: String(duty.committeeIndex),
          committee_length: String(duty.committeeLength),
          committees_at_slot: String(duty.committeesAtSlot),
          validator_committee_index: String(duty.validatorCommitteeIndex),
          slot: String(duty.slot),
        })),
        found.data,
      );
    }
    const proposers = await beacon.proposerDuties(4, signal);
    const found = recordedJson("duties_proposer.json");
    assert.equal(proposers.dependentRoot, found.dependent_root);
    assert.deepEqual(
      proposers.duties.map((duty) => ({
        pubkey: duty.pubkey,
        validator_index: String(duty.validatorIndex),
        slot: String(duty.slot),
      })),
      found.data,
    );
  });
});

test("vote data is read and written back the same", async () => {
  await withNode({ sszBlocks: false }, async (beacon) => {
    const data = await beacon.attestationData(129, 0, signal);
    assert.deepEqual(ssz.phase0.AttestationData.toJson(data), recordedJson("attestation_data.json").data);
  });
});

test("the head block has its root and its attestations, from SSZ as from JSON", async () => {
  for (const sszBlocks of [true, false]) {
    await withNode({ sszBlocks }, async (beacon) => {
      const block = await beacon.block("head", signal);
      assert.ok(block !== undefined);
      assert.equal(toHex(block.root), recordedJson("block_root_head.json").data.root);
      assert.equal(block.fork, "fulu");
      assert.deepEqual([block.slot, block.proposerIndex], [129, 78]);
      assert.equal(
        toHex(block.parentRoot),
        recordedJson("headers_head.json").data.header.message.parent_root,
      );
      assert.deepEqual(
        block.attestations.map((one) => ssz.electra.Attestation.toJson(one as never)),
        recordedJson("block_attestations.json").data,
      );
      assert.equal(await beacon.block(128, signal), undefined, "404 is an empty slot");
    });
  }
});

test("a proposal is read, and published in both encodings it is the same block", async () => {
  await withNode({ sszBlocks: false }, async (beacon) => {
    const randaoReveal = Uint8Array.of(0xc0, ...new Uint8Array(95));
    const proposal = await beacon.produceBlock(130, { randaoReveal, builderBoostFactor: 100n }, signal);
    assert.ok(!proposal.blinded);
    assert.equal(proposal.value, 715_053_000_000_000n);
    const { block, kzgProofs, blobs, fork } = proposal;
    const signature = new Uint8Array(96).fill(7);
    const signed = { signedBlock: { message: block, signature }, kzgProofs, blobs };
    const encoded = encodeProposal({ fork, blinded: false, ...signed });
    const asJson = JSON.parse(encoded.json());
    const original = recordedJson("produce_block_v3.json").data;
    assert.deepEqual(lowered(asJson.signed_block.message), lowered(original.block));
    assert.deepEqual(asJson.kzg_proofs, original.kzg_proofs);
    const fromSsz = ssz.fulu.SignedBlockContents.deserialize(encoded.ssz);
    assert.deepEqual(ssz.fulu.SignedBlockContents.toJson(fromSsz), asJson);
  });
});

test("a proposal in SSZ says in its headers what JSON says beside the block", () => {
  const lines = recorded("produce_block_v3.ssz.headers").toString().trim().split("\r\n").slice(1);
  const headers = new Headers(lines.map((line) => line.split(": ", 2) as [string, string]));
  const proposal = parseProposal({ body: recorded("produce_block_v3.ssz"), headers, type: "ssz" });
  assert.ok(!proposal.blinded);
  assert.deepEqual([proposal.fork, proposal.block.slot, proposal.value], ["fulu", 29, 715_053_000_000_000n]);
  headers.set("eth-execution-payload-blinded", "true");
  assert.throws(() => parseProposal({ body: recorded("produce_block_v3.ssz"), headers, type: "ssz" }), {
    code: "beacon/bad-answer",
  });
});

test("a refusal is told in the node's own words, and a failure of the node is none", () => {
  const said = (recordedJson("refusals.json") as { asked: string; status: number; body: string }[]).map(
    ({ asked, status, body }) => {
      const { code, facts } = refusal({ node: "one", path: asked, status, body });
      return `${status} ${code} ${facts["alreadyKnown"] === true ? "known " : ""}${String(facts["reason"])}`;
    },
  );
  assert.deepEqual(said, [
    "400 beacon/refused invalid request: slot 9999 is not the current slot 28",
    "404 beacon/refused No matching attestations found",
    "404 beacon/refused No subcommittee messages found",
    "404 beacon/refused Block not found: no blocks found at slot 9999",
    "400 beacon/refused nonsense: invalid topic name",
    "400 beacon/refused Invalid validator index 99999",
    "400 beacon/refused Could not register block builder: builder endpoint not configured",
    '400 beacon/refused One or more messages failed validation: Could not convert request attestation to consensus attestation: could not decode CommitteeIndex: strconv.ParseUint: parsing "": invalid syntax',
    "400 beacon/refused could not decode request body into fulu consensus block: incorrect size",
    // What is wrong is the message, but the node says that it failed, and is believed.
    "500 beacon/unavailable Could not submit message: could not get head sync committee indices: could not process slots: expected state.slot 28 < slot 3",
    "406 beacon/refused Not Acceptable",
    "404 beacon/refused 404 page not found",
  ]);
});

/** Addresses are written with a checksum in their case by some, and without by others. */
function lowered(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).toLowerCase());
}
