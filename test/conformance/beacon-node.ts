import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../src/base/index.ts";
import type { SecretKey } from "../../src/crypto/index.ts";
import type { BeaconNode, ChainEvent } from "../../src/ports/index.ts";
import {
  type ChainSpec,
  domainAt,
  dutyDue,
  type Epoch,
  type electra,
  epochOf,
  type GroupKey,
  type SignedBeaconBlock,
  type SingleAttestation,
  type Slot,
  signingRoot,
  slotStart,
  ssz,
  sszTypesFor,
  type UnixMs,
} from "../../src/spec/index.ts";

/** A beacon node on a chain of its own, at or before slot 0, whose validators nobody else drives. */
export interface BeaconWorld {
  readonly node: BeaconNode;
  readonly chain: ChainSpec;
  /** Every validator of the chain, in the order of their indices. */
  readonly keys: readonly (readonly [GroupKey, SecretKey])[];
  /** Lets time pass until then. */
  moveTo(at: UnixMs): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const stranger = `0x${"ee".repeat(48)}` as GroupKey;

/** What every implementation of the port BeaconNode must do. */
export function beaconNodeConformance(name: string, open: () => Promise<BeaconWorld>): void {
  const check = (sentence: string, run: (world: BeaconWorld) => Promise<void>): void => {
    void test(`${name}: ${sentence}`, async () => {
      const world = await open();
      try {
        await run(world);
      } finally {
        await world.close();
      }
    });
  };

  check("validators are found by key, and unknown ones left out", async ({ node, keys }) => {
    const asked = [...keys.map(([key]) => key), stranger];
    const found = await node.validators(asked, signal);
    assert.deepEqual(
      new Map(found.map((one) => [one.pubkey, one.index])),
      new Map(keys.map(([key], i) => [key, i])),
    );
    assert.ok(found.every(({ status }) => status === "active_ongoing"));
    assert.deepEqual(await node.validators([], signal), []);
    assert.deepEqual(await node.validators([stranger], signal), []);
  });

  check("every validator attests once in an epoch, in a committee that exists", async (world) => {
    const { node, keys, chain } = world;
    for (const epoch of [0, 1]) {
      const { dependentRoot, duties } = await node.attesterDuties(
        epoch,
        keys.map((_, i) => i),
        signal,
      );
      assert.match(dependentRoot, /^0x[0-9a-f]{64}$/);
      assert.deepEqual(
        duties.map((duty) => duty.validatorIndex).toSorted((a, b) => a - b),
        [...keys.keys()],
      );
      for (const duty of duties) {
        assert.equal(duty.pubkey, keys[duty.validatorIndex]?.[0]);
        assert.equal(epochOf(chain, duty.slot), epoch);
        assert.ok(
          duty.committeeIndex < duty.committeesAtSlot && duty.validatorCommitteeIndex < duty.committeeLength,
        );
      }
    }
    const { duties } = await node.attesterDuties(0, [1], signal);
    assert.deepEqual(
      duties.map((duty) => duty.validatorIndex),
      [1],
    );
  });

  check("every slot of the epoch has one proposer", async ({ node, keys, chain }) => {
    const { duties } = await node.proposerDuties(0, signal);
    const slots = duties.map(({ slot }) => slot).filter((slot) => slot > 0);
    assert.deepEqual(
      slots.toSorted((a, b) => a - b),
      Array.from({ length: chain.slotsPerEpoch - 1 }, (_, i) => i + 1),
    );
    for (const duty of duties) assert.equal(duty.pubkey, keys[duty.validatorIndex]?.[0]);
  });

  check(
    "a proposed block becomes the head, is told of, and carries the votes of the slot before",
    async (world) => {
      const { node, chain } = world;
      const events = collect(node);
      await world.moveTo(slotStart(chain, 1));
      const first = await propose(world, 1);
      await events.until((seen) => seen.some((event) => event.kind === "head" && event.slot === 1));
      const votes = await attest(world, 1);
      assert.ok(votes.length > 0);
      assert.equal(toHex(votes[0]?.data.beaconBlockRoot as Uint8Array), toHex(first));

      await world.moveTo(slotStart(chain, 2));
      const second = await propose(world, 2);
      for (const id of [2, toHex(second), "head"] as const) {
        const block = await node.block(id, signal);
        assert.ok(block !== undefined);
        assert.deepEqual([toHex(block.root), block.slot], [toHex(second), 2]);
        assert.equal(toHex(block.parentRoot), toHex(first));
        assert.ok(block.attestations.some(({ data }) => data.slot === 1));
      }
      await events.until((seen) => seen.some((event) => event.kind === "head" && event.slot === 2));
      const told = events.seen.filter((event) => event.kind !== "reorg");
      for (const kind of ["block", "head"])
        for (const [slot, root] of [
          [1, first],
          [2, second],
        ] as const)
          assert.equal(
            told.filter((event) => event.kind === kind && event.slot === slot && event.block === toHex(root))
              .length,
            1,
            `${kind} of slot ${slot} is told once`,
          );
    },
  );

  check("vote data is for the slot asked for, with the target of its epoch", async (world) => {
    const { node, chain } = world;
    for (const slot of [1, 2, chain.slotsPerEpoch + 1]) {
      await world.moveTo(dutyDue(chain, { slot, kind: "attester" }));
      const data = await node.attestationData(slot, 0, signal);
      assert.deepEqual([data.slot, data.index, data.target.epoch], [slot, 0, epochOf(chain, slot)]);
    }
  });

  check("a validator is live in the epoch it voted in, and others are not", async (world) => {
    const { node, chain } = world;
    await world.moveTo(slotStart(chain, 1));
    await propose(world, 1);
    const voted = new Set(
      (await attest(world, 1)).map((vote) => (vote as electra.SingleAttestation).attesterIndex),
    );
    const live = await node.liveValidators(0, [...world.keys.keys()], signal);
    for (const index of voted) assert.ok(live.has(index), `validator ${index} voted`);
    assert.ok(live.size < world.keys.length, "nobody is live who did nothing");
    assert.deepEqual(await node.liveValidators(0, [], signal), new Set());
  });

  check("an empty slot has no block, and neither has an unknown root", async (world) => {
    await world.moveTo(slotStart(world.chain, 3));
    assert.equal(await world.node.block(2, signal), undefined);
    assert.equal(await world.node.block(`0x${"77".repeat(32)}`, signal), undefined);
  });

  check("the same block and votes may be published again, as other operators do", async (world) => {
    await world.moveTo(slotStart(world.chain, 1));
    const signed = await signedProposal(world, 1);
    await world.node.publishBlock(signed, signal);
    await world.node.publishBlock(signed, signal);
    const votes = await attest(world, 1);
    await world.node.publishAttestations(signed.fork, votes, signal);
  });

  check("a vote with a wrong signature is refused with a reason", async (world) => {
    await world.moveTo(slotStart(world.chain, 1));
    await propose(world, 1);
    const [vote] = await signedVotes(world, 1);
    assert.ok(vote !== undefined);
    const forged = { ...vote, data: { ...vote.data, beaconBlockRoot: new Uint8Array(32).fill(9) } };
    await assert.rejects(world.node.publishAttestations("fulu", [forged], signal), (error: Failure) => {
      assert.equal(error.code, "beacon/refused");
      assert.ok(String(error.facts["reason"]).length > 0);
      return true;
    });
  });

  check("duties of a far epoch and a block of a slot to come are refused", async ({ node, chain }) => {
    const far = node.proposerDuties(1_000, signal);
    await assert.rejects(far, (error: Failure) => error.code === "beacon/refused");
    const randaoReveal = Uint8Array.of(0xc0, ...new Uint8Array(95));
    const early = node.produceBlock(100 * chain.slotsPerEpoch, { randaoReveal }, signal);
    await assert.rejects(early, (error: Failure) =>
      /^beacon\/(refused|unavailable|syncing)$/.test(error.code),
    );
  });

  check("fee recipients are accepted", async ({ node }) => {
    await node.prepareProposers([{ validatorIndex: 0, feeRecipient: `0x${"fe".repeat(20)}` }], signal);
  });

  check("a call ends with the reason of its signal", async ({ node }) => {
    const reason = new Error("the duty is over");
    const gone = AbortSignal.abort(reason);
    await assert.rejects(node.proposerDuties(0, gone), reason);
    await assert.rejects(node.attestationData(1, 0, gone), reason);
    await assert.rejects(
      node.prepareProposers([{ validatorIndex: 0, feeRecipient: `0x${"00".repeat(20)}` }], gone),
      reason,
    );
  });
}

type Failure = Error & { readonly code: string; readonly facts: Readonly<Record<string, unknown>> };

/** Events as they come, and a way to wait for one. */
function collect(node: BeaconNode): {
  readonly seen: readonly ChainEvent[];
  until(when: (seen: readonly ChainEvent[]) => boolean): Promise<void>;
} {
  const seen: ChainEvent[] = [];
  let look = (): void => {};
  node.subscribe((event) => {
    seen.push(event);
    look();
  }, signal);
  return {
    seen,
    until: (when) =>
      new Promise((resolve) => {
        look = () => {
          if (when(seen)) resolve();
        };
        look();
      }),
  };
}

function sign(
  world: BeaconWorld,
  validator: number,
  name: "attester" | "proposer" | "randao",
  epoch: Epoch,
  root: Uint8Array,
): Uint8Array {
  const [, key] = world.keys[validator] as readonly [GroupKey, SecretKey];
  return key.sign(signingRoot(root, domainAt(world.chain, name, epoch)));
}

async function signedProposal(
  world: BeaconWorld,
  slot: Slot,
): Promise<Parameters<BeaconNode["publishBlock"]>[0] & { readonly blinded: false }> {
  const { node, chain } = world;
  const epoch = epochOf(chain, slot);
  const proposer = (await node.proposerDuties(epoch, signal)).duties.find((duty) => duty.slot === slot);
  assert.ok(proposer !== undefined, `nobody proposes slot ${slot}`);
  const randaoReveal = sign(world, proposer.validatorIndex, "randao", epoch, ssz.Epoch.hashTreeRoot(epoch));
  const graffiti = new Uint8Array(32).fill(0x61);
  const proposal = await node.produceBlock(slot, { randaoReveal, graffiti }, signal);
  assert.ok(!proposal.blinded);
  assert.deepEqual(proposal.block.body.graffiti, graffiti);
  assert.equal(proposal.block.proposerIndex, proposer.validatorIndex);
  const { BeaconBlock } = sszTypesFor(proposal.fork as never) as unknown as {
    BeaconBlock: { hashTreeRoot(block: unknown): Uint8Array };
  };
  const signature = sign(
    world,
    proposer.validatorIndex,
    "proposer",
    epoch,
    BeaconBlock.hashTreeRoot(proposal.block),
  );
  const signedBlock: SignedBeaconBlock = { message: proposal.block, signature };
  const { fork, kzgProofs, blobs } = proposal;
  return { fork, blinded: false, signedBlock, kzgProofs, blobs };
}

/** Proposes the block of `slot`. @returns its root as the node then gives it. */
async function propose(world: BeaconWorld, slot: Slot): Promise<Uint8Array> {
  await world.node.publishBlock(await signedProposal(world, slot), signal);
  const block = await world.node.block(slot, signal);
  assert.ok(block !== undefined, `the block of slot ${slot} is not there after it was published`);
  return block.root;
}

async function signedVotes(world: BeaconWorld, slot: Slot): Promise<readonly SingleAttestation[]> {
  const { node, chain, keys } = world;
  await world.moveTo(dutyDue(chain, { slot, kind: "attester" }));
  const { duties } = await node.attesterDuties(
    epochOf(chain, slot),
    keys.map((_, i) => i),
    signal,
  );
  const data = await node.attestationData(slot, 0, signal);
  return duties
    .filter((duty) => duty.slot === slot)
    .map(({ committeeIndex, validatorIndex }) => ({
      committeeIndex,
      attesterIndex: validatorIndex,
      data,
      signature: sign(
        world,
        validatorIndex,
        "attester",
        data.target.epoch,
        ssz.phase0.AttestationData.hashTreeRoot(data),
      ),
    }));
}

async function attest(world: BeaconWorld, slot: Slot): Promise<readonly SingleAttestation[]> {
  const votes = await signedVotes(world, slot);
  await world.node.publishAttestations("fulu", votes, signal);
  return votes;
}
