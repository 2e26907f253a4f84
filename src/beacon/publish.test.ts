import assert from "node:assert/strict";
import { test } from "node:test";
import type { SignedProposal } from "../ports/index.ts";
import { type SingleAttestation, ssz, sszTypesFor } from "../spec/index.ts";
import type { BeaconError } from "./errors.ts";
import { connectedWorld, FakeNode, json, never, whileAdvancing } from "./testing/fake-node.ts";
import { recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const BLOCKS = "/eth/v2/beacon/blocks";
const POOL = "/eth/v2/beacon/pool/attestations";
const { SignedBlockContents, SignedBlindedBeaconBlock } = sszTypesFor("fulu" as never) as unknown as Pick<
  typeof ssz.fulu,
  "SignedBlockContents" | "SignedBlindedBeaconBlock"
>;

function signedBlock(): SignedProposal {
  const { block } = recordedJson("produce_block_v3.json").data;
  const signedBlock = ssz.fulu.SignedBeaconBlock.fromJson({
    message: block,
    signature: `0x${"0c".repeat(96)}`,
  });
  return { fork: "fulu", blinded: false, signedBlock, kzgProofs: [], blobs: [] };
}

const attestation: SingleAttestation = {
  committeeIndex: 3,
  attesterIndex: 240,
  data: ssz.phase0.AttestationData.fromJson(recordedJson("attestation_data.json").data),
  signature: new Uint8Array(96).fill(0xaa),
};

test("a block goes to all nodes as SSZ with the fork in its header", async () => {
  const nodes = [new FakeNode("a"), new FakeNode("b")];
  const w = await connectedWorld(nodes);
  const proposal = signedBlock();
  await w.beacon.publishBlock(proposal, signal);
  for (const node of nodes) {
    const request = node.requests.at(-1) as Request;
    assert.equal(new URL(request.url).pathname, BLOCKS);
    assert.equal(request.headers.get("content-type"), "application/octet-stream");
    assert.equal(request.headers.get("eth-consensus-version"), "fulu");
    const sent = SignedBlockContents.deserialize(new Uint8Array(await request.arrayBuffer()));
    assert.equal(sent.signedBlock.message.slot, 130);
    assert.deepEqual(sent.signedBlock, proposal.blinded ? undefined : proposal.signedBlock);
  }
  await w.beacon.close();
});

test("a node that does not take SSZ gets JSON, and from then on JSON only", async () => {
  for (const status of [415, 406]) {
    const types: (string | null)[] = [];
    const node = new FakeNode("old");
    const w = await connectedWorld([node]);
    node.on(BLOCKS, async (request) => {
      types.push(request.headers.get("content-type"));
      if (types.at(-1) !== "application/json") return json({ code: status, message: "no SSZ here" }, status);
      assert.equal(
        ((await request.json()) as { signed_block: { message: { slot: string } } }).signed_block.message.slot,
        "130",
      );
      return new Response(null);
    });
    await w.beacon.publishBlock(signedBlock(), signal);
    await w.beacon.publishBlock(signedBlock(), signal);
    assert.deepEqual(types, ["application/octet-stream", "application/json", "application/json"]);
    await w.beacon.close();
  }
});

test("a blinded block goes to the path for blinded blocks", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  const blinded = SignedBlindedBeaconBlock.defaultValue();
  blinded.message.slot = 130;
  await w.beacon.publishBlock({ fork: "fulu", blinded: true, signedBlock: blinded }, signal);
  const request = node.requests.at(-1) as Request;
  assert.equal(new URL(request.url).pathname, "/eth/v2/beacon/blinded_blocks");
  assert.deepEqual(
    SignedBlindedBeaconBlock.deserialize(new Uint8Array(await request.arrayBuffer())),
    blinded,
  );
  await w.beacon.close();
});

test("attestations go out as the pool takes them since Electra", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  await w.beacon.publishAttestations("fulu", [attestation], signal);
  const request = node.requests.at(-1) as Request;
  assert.equal(request.headers.get("eth-consensus-version"), "fulu");
  const [sent] = (await request.json()) as Record<string, unknown>[];
  assert.deepEqual(Object.keys(sent as object), ["committee_index", "attester_index", "data", "signature"]);
  assert.equal(sent?.["attester_index"], "240");
  await w.beacon.close();
});

test("an unknown fork, or one without single attestations, is refused before anything is sent", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  for (const fork of ["phase0", "deneb", "heze-or-later", "__proto__"])
    await assert.rejects(w.beacon.publishAttestations(fork, [attestation], signal), {
      code: "beacon/bad-answer",
    });
  assert.equal(node.count(POOL), 0);
  await w.beacon.close();
});

test("that a node has the message already counts as accepted; that it saw another one does not", async () => {
  const words: readonly [string | object, boolean][] = [
    ["BLOCK_ERROR_ALREADY_KNOWN", true],
    ["block is already known", true],
    ["The block has already been imported", true],
    ["PriorAttestationKnown { validator_index: 240 }", true],
    ["duplicate attestation", true],
    [{ failures: [{ index: 0, message: "ATTESTATION_ERROR_ATTESTATION_ALREADY_KNOWN" }] }, true],
    [
      {
        failures: [
          { index: 0, message: "already known" },
          { index: 1, message: "invalid signature" },
        ],
      },
      false,
    ],
    ["unknown block", false],
    ["parent unknown; block already seen", false],
    ["a different block was already seen: slashable", false],
    ["equivocation: already published", false],
    ["invalid signature", false],
    ["", false],
  ];
  for (const [said, accepted] of words) {
    const node = new FakeNode("one");
    const w = await connectedWorld([node]);
    const body = typeof said === "string" ? { message: said } : { message: "some failed", ...said };
    node.on(POOL, () => json({ code: 400, ...body }, 400));
    const published = w.beacon.publishAttestations("fulu", [attestation], signal);
    if (accepted) await published;
    else await assert.rejects(published, { code: "beacon/refused" }, JSON.stringify(said));
    await w.beacon.close();
  }
});

test("one node that accepts is enough, and the others are told to the end even when the caller is done", async () => {
  const quick = new FakeNode("quick");
  const slow = new FakeNode("slow");
  const refuses = new FakeNode("refuses");
  const w = await connectedWorld([refuses, slow, quick]);
  refuses.on(POOL, () => json({ code: 400, message: "invalid" }, 400));
  let slowRequest: Request | undefined;
  slow.on(POOL, (request) => {
    slowRequest = request;
    return never(request);
  });
  const duty = new AbortController();
  await whileAdvancing(w.clock, w.beacon.publishAttestations("fulu", [attestation], duty.signal));
  duty.abort(new Error("the duty is over"));
  await w.clock.advance(100);
  assert.equal(slowRequest?.signal.aborted, false);
  await w.clock.advance(2_000);
  assert.equal(slowRequest?.signal.aborted, true);
  await w.beacon.close();
});

test("a node that takes long over a block is not given up on while it may still broadcast it", async () => {
  const node = new FakeNode("slow");
  const w = await connectedWorld([node]);
  let request: Request | undefined;
  node.on(BLOCKS, (asked) => {
    request = asked;
    return never(asked);
  });
  const published = assert.rejects(w.beacon.publishBlock(signedBlock(), signal), {
    code: "beacon/unavailable",
  });
  await w.clock.advance(5_900);
  assert.equal(request?.signal.aborted, false);
  await w.clock.advance(200);
  assert.equal(request?.signal.aborted, true);
  await published;
  await w.beacon.close();
});

test("when all refuse, the reason that says most is reported, with the failures of the batch", async () => {
  const down = new FakeNode("down");
  const refuses = new FakeNode("refuses");
  const w = await connectedWorld([down, refuses]);
  down.on(POOL, () => {
    throw new Error("connect ECONNREFUSED");
  });
  const failures = Array.from({ length: 500 }, (_, index) => ({ index, message: `bad target ${index % 2}` }));
  refuses.on(POOL, () => json({ code: 400, message: "some failed", failures }, 400));
  await assert.rejects(w.beacon.publishAttestations("fulu", [attestation], signal), (error: BeaconError) => {
    assert.equal(error.code, "beacon/refused");
    assert.equal(error.facts["reason"], "some failed: bad target 0; bad target 1");
    assert.equal(error.facts["failures"], 500);
    return true;
  });
  await w.beacon.close();
});

test("fee recipients are prepared at every node", async () => {
  const nodes = [new FakeNode("a"), new FakeNode("b")];
  const w = await connectedWorld(nodes);
  const feeRecipient = `0x${"fe".repeat(20)}` as const;
  await w.beacon.prepareProposers([{ validatorIndex: 240, feeRecipient }], signal);
  for (const node of nodes)
    assert.deepEqual(await node.requests.at(-1)?.json(), [
      { validator_index: "240", fee_recipient: feeRecipient },
    ]);
  await w.beacon.close();
});
