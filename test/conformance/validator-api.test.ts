import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Hex, toHex } from "../../src/base/index.ts";
import { attestationData, offeredBlock, randao } from "../../src/chain/testing/test-validators.ts";
import { BitArray, type GroupKey, type phase0, ssz } from "../../src/spec/index.ts";
import { type ApiAnswer, type ApiWorld, apiWorld } from "../../src/validator-api/testing/api-world.ts";
import { beaconApi, type Operation, operation } from "./beacon-api.ts";
import { arbitraryOf, misfit } from "./json-schema.ts";

// Every endpoint that a validator client uses, asked as the specification's schemas say, and as they do not say.

const SLOT = 3;
/** Longer than any client is let wait (clients.ts), in whole slots. */
const WAIT_MS = 10_000;
const SIGNATURE = `0x${"11".repeat(96)}` as const;
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x11);

interface Scene {
  readonly world: ApiWorld;
  readonly data: phase0.AttestationData;
  readonly root: Hex;
  readonly reveal: Hex;
  readonly proposer: number;
  readonly block: Awaited<ReturnType<typeof offeredBlock>>;
  readonly contribution: ReturnType<typeof ssz.altair.SyncCommitteeContribution.defaultValue>;
  readonly aggregate: ReturnType<typeof ssz.electra.Attestation.defaultValue>;
}

/** A slot in which our four validators have every duty, all of it decided. */
async function scene(): Promise<Scene> {
  const world = await apiWorld();
  world.test.moveToVotes(SLOT);
  const data = await attestationData(world.test, SLOT);
  const block = await offeredBlock(world.test, SLOT);
  const proposer = block.proposerIndex;
  const groupKey = world.groupKeys[0] as GroupKey;
  const duty = {
    pubkey: groupKey,
    validatorIndex: 0,
    slot: SLOT,
    committeeIndex: 0,
    committeeLength: 4,
    committeesAtSlot: 1,
    validatorCommitteeIndex: 0,
  };
  const aggregate = ssz.electra.Attestation.defaultValue();
  aggregate.data = data;
  aggregate.aggregationBits = BitArray.fromBitLen(4);
  aggregate.committeeBits.set(0, true);
  const contribution = ssz.altair.SyncCommitteeContribution.defaultValue();
  contribution.slot = SLOT;
  contribution.subcommitteeIndex = 1;
  contribution.beaconBlockRoot = data.beaconBlockRoot;
  const { desk } = world;
  desk.decide("attester", SLOT, new Map([[groupKey, { data, duty }]]));
  desk.decide(
    "proposer",
    SLOT,
    new Map([
      [
        world.groupKeys[proposer] as GroupKey,
        { fork: "fulu", blinded: false, block, kzgProofs: [], blobs: [], value: 1n } as const,
      ],
    ]),
  );
  desk.decide("aggregator", SLOT, new Map([[groupKey, { fork: "fulu", value: aggregate }]]));
  desk.decide("sync-contribution", SLOT, new Map([[groupKey, [contribution]]]));
  desk.decide("sync-message", SLOT, new Map([[groupKey, { beaconBlockRoot: data.beaconBlockRoot }]]));
  desk.reach({ kind: "prepare-aggregator", slot: SLOT, groupKey }, bytes(96));
  desk.reach({ kind: "prepare-sync-contribution", slot: SLOT, groupKey, subcommitteeIndex: 1 }, bytes(96));
  return {
    world,
    data,
    root: toHex(ssz.phase0.AttestationData.hashTreeRoot(ssz.phase0.AttestationData.clone(data))),
    reveal: toHex(randao(world.test, proposer, SLOT)),
    proposer,
    block,
    contribution,
    aggregate,
  };
}

interface Example {
  /** Values of the parameters by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The same body in SSZ, where the specification has it. */
  readonly ssz?: Uint8Array;
}

const FULU = { "Eth-Consensus-Version": "fulu" } as const;

/** One good request of every operation. */
const examples: Readonly<Record<string, (scene: Scene) => Example>> = {
  getAttesterDuties: () => ({ parameters: { epoch: "0" }, body: ["0", "1"] }),
  getProposerDuties: () => ({ parameters: { epoch: "0" } }),
  getProposerDutiesV2: () => ({ parameters: { epoch: "0" } }),
  getSyncCommitteeDuties: () => ({ parameters: { epoch: "0" }, body: ["0", "1"] }),
  produceAttestationData: () => ({ parameters: { slot: String(SLOT), committee_index: "0" } }),
  submitPoolAttestationsV2: ({ data }) => {
    const vote = { committeeIndex: 0, attesterIndex: 0, data, signature: bytes(96) };
    const serialized = ssz.electra.SingleAttestation.serialize(vote);
    return { parameters: FULU, body: [ssz.electra.SingleAttestation.toJson(vote)], ssz: serialized };
  },
  getStateValidators: ({ world }) => ({ parameters: { state_id: "head", id: world.shares.join(",") } }),
  postStateValidators: ({ world }) => ({ parameters: { state_id: "head" }, body: { ids: world.shares } }),
  getStateValidator: ({ world }) => ({
    parameters: { state_id: "head", validator_id: world.shares[0] as string },
  }),
  produceBlockV3: ({ reveal }) => ({ parameters: { slot: String(SLOT), randao_reveal: reveal } }),
  publishBlockV2: ({ block }) => {
    const contents = { signedBlock: { message: block, signature: bytes(96) }, kzgProofs: [], blobs: [] };
    const type = ssz.fulu.SignedBlockContents;
    return { parameters: FULU, body: type.toJson(contents), ssz: type.serialize(contents) };
  },
  publishBlindedBlockV2: ({ proposer }) => {
    const type = ssz.fulu.SignedBlindedBeaconBlock;
    const signed = type.defaultValue();
    signed.message.slot = SLOT;
    signed.message.proposerIndex = proposer;
    return { parameters: FULU, body: type.toJson(signed), ssz: type.serialize(signed) };
  },
  registerValidator: ({ world }) => {
    const type = ssz.bellatrix.SignedValidatorRegistrationV1;
    const signed = type.defaultValue();
    signed.message.pubkey = Buffer.from((world.shares[0] as string).slice(2), "hex");
    return { body: [type.toJson(signed)], ssz: type.serialize(signed) };
  },
  submitPoolVoluntaryExit: () => {
    const signed = ssz.phase0.SignedVoluntaryExit.defaultValue();
    return { body: ssz.phase0.SignedVoluntaryExit.toJson(signed) };
  },
  submitBeaconCommitteeSelections: () => ({
    body: [{ validator_index: "0", slot: String(SLOT), selection_proof: SIGNATURE }],
  }),
  getAggregatedAttestationV2: ({ root }) => ({
    parameters: { slot: String(SLOT), attestation_data_root: root, committee_index: "0" },
  }),
  publishAggregateAndProofsV2: ({ aggregate }) => {
    const type = ssz.electra.SignedAggregateAndProof;
    const signed = {
      message: { aggregatorIndex: 0, aggregate, selectionProof: bytes(96) },
      signature: bytes(96),
    };
    const offset = new Uint8Array([4, 0, 0, 0]);
    return {
      parameters: FULU,
      body: [type.toJson(signed)],
      ssz: Buffer.concat([offset, type.serialize(signed)]),
    };
  },
  submitPoolSyncCommitteeSignatures: ({ data }) => ({
    body: [
      {
        slot: String(SLOT),
        beacon_block_root: toHex(data.beaconBlockRoot),
        validator_index: "0",
        signature: SIGNATURE,
      },
    ],
  }),
  submitSyncCommitteeSelections: () => ({
    body: [{ validator_index: "0", slot: String(SLOT), subcommittee_index: "1", selection_proof: SIGNATURE }],
  }),
  produceSyncCommitteeContribution: ({ data }) => ({
    parameters: {
      slot: String(SLOT),
      subcommittee_index: "1",
      beacon_block_root: toHex(data.beaconBlockRoot),
    },
  }),
  publishContributionAndProofs: ({ contribution }) => {
    const type = ssz.altair.SignedContributionAndProof;
    const message = { aggregatorIndex: 0, contribution, selectionProof: bytes(96) };
    return { body: [type.toJson({ message, signature: bytes(96) })] };
  },
  prepareBeaconProposer: () => ({
    body: [{ validator_index: "0", fee_recipient: `0x${"fe".repeat(20)}` }],
  }),
  prepareBeaconCommitteeSubnet: () => ({
    body: [
      {
        validator_index: "0",
        committee_index: "0",
        committees_at_slot: "1",
        slot: String(SLOT),
        is_aggregator: true,
      },
    ],
  }),
  prepareSyncCommitteeSubnets: () => ({
    body: [{ validator_index: "0", sync_committee_indices: ["0"], until_epoch: "1" }],
  }),
  getLiveness: () => ({ parameters: { epoch: "0" }, body: ["0"] }),
  getNodeVersion: () => ({}),
  getSyncingStatus: () => ({}),
  getGenesis: () => ({}),
  getSpec: () => ({}),
  getForkSchedule: () => ({}),
  getDepositContract: () => ({}),
  getBlockRoot: () => ({ parameters: { block_id: "head" } }),
};
/** Passed through to the beacon node with keys translated; the simulated chain does not serve them. */
const NOT_ON_THIS_CHAIN = new Set([
  "getProposerDutiesV2",
  "getStateValidatorBalances",
  "postStateValidatorBalances",
  "postStateValidatorIdentities",
]);

function ask(
  world: ApiWorld,
  { method, path, parameters }: Operation,
  example: Example,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const given = example.parameters ?? {};
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(given[name] || "0"));
  const query = new URLSearchParams();
  const sent = new Headers(headers);
  for (const { name, in: place } of parameters) {
    const value = given[name];
    if (value === undefined) continue;
    if (place === "query") query.set(name, value);
    if (place === "header" && /^[\x20-\x7e]*$/.test(value)) sent.set(name, value);
  }
  const body =
    example.body === undefined
      ? {}
      : {
          body:
            example.body instanceof Uint8Array ? new Uint8Array(example.body) : JSON.stringify(example.body),
        };
  if (method === "POST" && !sent.has("content-type")) sent.set("content-type", "application/json");
  const url = `http://api${filled}${query.size === 0 ? "" : `?${query}`}`;
  return world.send(new Request(url, { method, headers: sent, ...body }));
}

/** Statuses of the protocol that the specification does not repeat for every endpoint. */
const GENERAL = new Set([404, 413, 415]);

function assertDeclared({ operationId, responses }: Operation, answer: ApiAnswer, what: string): void {
  const declared = responses[String(answer.status)];
  const context = `${operationId} ${what}: ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}`;
  assert.ok(declared !== undefined || GENERAL.has(answer.status), `undeclared status: ${context}`);
  const schema =
    declared?.schema ??
    (answer.status >= 400 ? operation("getAttesterDuties").responses["400"]?.schema : undefined);
  if (schema === undefined || answer.headers.get("content-type") !== "application/json") return;
  assert.equal(misfit(answer.body, schema, beaconApi.schemas), undefined, context);
}

/** What is answered in SSZ: what clients ask for in it, and what the specification has in it. */
const SSZ_ANSWERS = new Set([
  "produceAttestationData",
  "getAggregatedAttestationV2",
  "produceBlockV3",
  "produceSyncCommitteeContribution",
]);

for (const one of beaconApi.operations) {
  const example = examples[one.operationId];
  if (NOT_ON_THIS_CHAIN.has(one.operationId)) continue;
  test(`${one.operationId} answers a good request as the specification says`, async () => {
    assert.ok(example, `no example of ${one.operationId}: add one`);
    const made = await scene();
    const given = example(made);
    const answer = await ask(made.world, one, given);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assertDeclared(one, answer, "good request");
    if (one.responses["200"]?.types.includes("application/octet-stream") === true) {
      const accept = "application/octet-stream;q=1.0,application/json;q=0.9";
      const binary = await ask(made.world, one, given, { accept });
      assert.equal(binary.status, 200);
      assert.equal(binary.headers.get("content-type"), "application/octet-stream");
      assert.ok(binary.headers.get("eth-consensus-version") !== null);
    }
    const only = await ask(made.world, one, given, { accept: "application/octet-stream" });
    const says = answer.bytes.length > 0;
    assert.equal(
      only.status,
      says && !SSZ_ANSWERS.has(one.operationId) ? 406 : 200,
      "to who takes SSZ alone",
    );
    if (only.status === 200 && says)
      assert.equal(only.headers.get("content-type"), "application/octet-stream");
    if (given.ssz !== undefined) {
      const type = { "content-type": "application/octet-stream" };
      const sent = await ask(made.world, one, { ...given, body: given.ssz }, type);
      assert.equal(sent.status, 200, JSON.stringify(sent.body));
    }
  });

  test(`${one.operationId} answers whatever comes with a status and a reason that the specification has`, async () => {
    const { world } = await scene();
    const parameters = fc.record(
      Object.fromEntries(
        one.parameters.map(({ name, schema }) => [name, arbitraryOf(schema, beaconApi.schemas).map(String)]),
      ),
      { requiredKeys: [] },
    );
    const body =
      one.body === undefined
        ? fc.constant(undefined)
        : fc.oneof(
            { weight: 3, arbitrary: arbitraryOf(one.body.schema, beaconApi.schemas) },
            { weight: 1, arbitrary: fc.jsonValue() },
            { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
          );
    const ssz_ = fc.boolean();
    await fc.assert(
      fc.asyncProperty(parameters, body, ssz_, async (given, content, binary) => {
        const headers: Record<string, string> = binary ? { "content-type": "application/octet-stream" } : {};
        // Time stands still here: what waits for the cluster is answered when the clock moves on.
        const asked = ask(
          world,
          one,
          { parameters: given as Record<string, string>, body: content },
          headers,
        );
        for (let turn = 0; turn < 20 && world.desk.waiting === 0; turn++)
          await Promise.race([asked, new Promise((resolve) => setImmediate(resolve))]);
        if (world.desk.waiting > 0) world.test.clock.moveTo(world.test.clock.now() + WAIT_MS);
        const answer = await asked;
        assert.notEqual(answer.status, 500, JSON.stringify(answer.body));
        assertDeclared(one, answer, JSON.stringify({ given, content }));
      }),
      { numRuns: 60 },
    );
  });
}
