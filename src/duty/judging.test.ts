import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { fromHex, toHex } from "../base/index.ts";
import { type Consensus, type ConsensusValue, leaderOf } from "../consensus/index.ts";
import type { Proposal } from "../ports/index.ts";
import { dutyName, type Slot, slotStart, ssz } from "../spec/index.ts";
import { decodePartials, decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";

// What an operator votes for when another one leads: docs/adr/0081. Operator 1 leads the first round of votes in slots
// 10, 14, 18, and of blocks in slots 11, 15, 19; operators are four.

/** Slots of `from` to `to` with votes of ours, and how many of them are on the chain. */
function assertAllVoted(world: DutyWorld, from: Slot, to: Slot): void {
  const wanted = [1, 2, 3]
    .flatMap((epoch) => world.chain.attesterDuties(epoch))
    .filter(({ slot }) => slot >= from && slot < to)
    .map(({ pubkey, slot }) => `${slot} ${pubkey}`);
  const voted = new Set(
    world.chain.votes.map(({ groupKey, attestation: { data } }) => `${data.slot} ${groupKey}`),
  );
  assert.ok(wanted.length > 0);
  assert.deepEqual(
    wanted.filter((one) => !voted.has(one)),
    [],
    "every duty was done",
  );
}

const other = new Uint8Array(32).fill(0xbb);

for (const [what, alter] of [
  ["target", "target"],
  ["source", "source"],
] as const)
  test(`no vote follows a beacon node that sees another ${what} than the others`, async () => {
    const world = new DutyWorld(21, { validatorCount: 24 });
    const astray = world.operators[1]?.beacon;
    assert.ok(astray !== undefined);
    astray.alterVote = (data) => ({ ...data, [alter]: { ...data[alter], root: other } });
    world.start();
    await world.runToSlot(20);
    assertAllVoted(world, 9, 19);
    for (const { attestation } of world.chain.votes)
      assert.notEqual(toHex(attestation.data[alter].root), toHex(other));
    const refused = world.operators[0]?.log.filter(({ sentence }) => sentence.includes("not acceptable"));
    assert.ok(refused?.some(({ facts }) => facts?.["duty"] === "14/attester"));
  });

test("a leader that goes back to an earlier source costs its round and no vote", async () => {
  const world = new DutyWorld(23, { validatorCount: 16 });
  const liar = world.operators[1]?.beacon;
  assert.ok(liar !== undefined);
  // In epoch 2 all voted with source 1, so that a vote with source 0 would surround that one.
  liar.alterVote = (data) =>
    data.slot < 24 ? data : { ...data, source: { epoch: 0, root: new Uint8Array(32) } };
  world.start();
  await world.runToSlot(28);
  assertAllVoted(world, 24, 27);
  assert.equal(world.summary(0)["attester failed refused-by-slashing-memory"], undefined);
});

test("an earlier source is refused even while no beacon node but the leader's answers", async () => {
  const world = new DutyWorld(23, { validatorCount: 16 });
  world.start();
  await world.runToSlot(24);
  for (const { index, beacon } of world.operators) {
    if (index === 1)
      beacon.alterVote = (data) => ({ ...data, source: { epoch: 0, root: new Uint8Array(32) } });
    else beacon.latencyMs = 5_000; // Their own data come late in the slot.
  }
  await world.runToSlot(29);
  assertAllVoted(world, 24, 27);
  assert.equal(world.summary(0)["attester failed refused-by-slashing-memory"], undefined);
});

test("beacon nodes that are slow contradict nobody, and hold up no vote of a quick leader", async () => {
  const world = new DutyWorld(24, { validatorCount: 24 });
  world.start();
  await world.runToSlot(15);
  for (const { index, beacon } of world.operators) if (index !== 1) beacon.latencyMs = 60_000;
  await world.runToSlot(19);
  const late = world.chain.votes
    .filter(({ attestation: { data } }) => data.slot === 18)
    .map(({ at }) => at - slotStart(world.spec, 18));
  assert.ok(late.length > 0, "the votes of slot 18 are there");
  assert.ok(Math.min(...late) < world.spec.slotMs / 3 + 600, `soon after they are due: ${late.join()}`);
});

test("where operators know different duties, they agree after everybody led in vain", async () => {
  const world = new DutyWorld(25, { validatorCount: 24 });
  const [slot] = [14, 15, 16, 17, 18].filter(
    (at) => [1, 2].flatMap((e) => world.chain.attesterDuties(e)).filter((d) => d.slot === at).length > 1,
  );
  assert.ok(slot !== undefined);
  // Two beacon nodes do not know of one of the validators in this slot.
  for (const { index, beacon } of world.operators) {
    if (index > 1) continue;
    const all = beacon.attesterDuties.bind(beacon);
    beacon.attesterDuties = async (...args) => {
      const { dependentRoot, duties } = await all(...args);
      const hidden = duties.find((duty) => duty.slot === slot);
      return { dependentRoot, duties: duties.filter((duty) => duty !== hidden) };
    };
  }
  world.start();
  await world.runToSlot(slot + 4);
  const wanted = [1, 2].flatMap((e) => world.chain.attesterDuties(e)).filter((d) => d.slot === slot);
  const voted = new Set(
    world.chain.votes
      .filter(({ attestation: { data } }) => data.slot === slot)
      .map(({ groupKey }) => groupKey),
  );
  assert.ok(voted.size >= wanted.length - 1, `${voted.size} of ${wanted.length} votes`);
});

test("a leader cannot use up the votes of validators that vote later in the epoch", async () => {
  // Two beacon nodes do not know of one validator, so that every operator leads in vain before the liar's second turn.
  const kind = "attester" as const;
  const slot = 16;
  const liar = leaderOf({ slot, kind }, 5, 4);
  const world: DutyWorld = new DutyWorld(25, {
    validatorCount: 24,
    consensus: (index, honest) => ({
      agree(duty, how, signal) {
        if (index !== liar || duty.slot !== slot || duty.kind !== kind)
          return honest.agree(duty, how, signal);
        const proposal = how.proposal.then((value) => {
          const set = new Map(decodeUnsignedSet(kind, value));
          const [vote] = set.values();
          assert.ok(vote !== undefined);
          for (const { pubkey } of world.chain.attesterDuties(2))
            if (!set.has(pubkey)) set.set(pubkey, { ...vote, duty: { ...vote.duty, pubkey } });
          return encodeUnsignedSet(kind, set);
        });
        return honest.agree(duty, { ...how, proposal }, signal);
      },
    }),
  });
  const honest = world.operators.filter(({ index }) => index !== liar);
  for (const { beacon } of honest.slice(0, 2)) {
    const all = beacon.attesterDuties.bind(beacon);
    beacon.attesterDuties = async (...args) => {
      const { dependentRoot, duties } = await all(...args);
      const hidden = duties.find((duty) => duty.slot === slot);
      return { dependentRoot, duties: duties.filter((duty) => duty !== hidden) };
    };
  }
  world.start();
  await world.runToSlot(26);
  assert.ok(world.chain.attesterDuties(2).filter((duty) => duty.slot === slot).length > 1);
  assertAllVoted(world, slot + 1, 24);
  for (const { index } of honest)
    assert.equal(world.summary(index)["attester failed refused-by-slashing-memory"], undefined);
});

test("a leader that leaves aggregators out costs its round, and them nothing", async () => {
  const kinds = ["aggregator", "sync-contribution"] as const;
  const ledFirst = new Set<string>();
  const world = new DutyWorld(28, {
    validatorCount: 24,
    chain: { syncSeats: [[7], [9], [12], [130], [131], [400], [401]] },
    consensus: (index, honest) => ({
      agree(duty, how, signal) {
        const kind = kinds.find((one) => one === duty.kind);
        if (index !== 1 || kind === undefined) return honest.agree(duty, how, signal);
        const proposal = how.proposal.then((value) => {
          const set = [...decodeUnsignedSet(kind, value)];
          if (set.length > 1 && leaderOf(duty, 1, 4) === index) ledFirst.add(dutyName(duty));
          return encodeUnsignedSet(kind, new Map(set.slice(0, 1)) as never);
        });
        return honest.agree(duty, { ...how, proposal }, signal);
      },
    }),
  });
  world.start();
  await world.runToSlot(26);
  const inTime = (name: string): boolean => Number(name.split("/")[0]) < 25;
  for (const kind of kinds)
    assert.ok(
      [...ledFirst].filter(inTime).some((name) => name.endsWith(kind)),
      `a slot with several: ${kind}`,
    );
  const lost = world.operators[0]?.outcomes.filter(
    ({ duty, outcome }) => inTime(dutyName(duty)) && ledFirst.has(dutyName(duty)) && outcome === "failed",
  );
  assert.deepEqual(lost, []);
});

const CONTRIBUTION = "sync-contribution";

/** Every contribution of a value, and another one of the same subcommittee behind it. */
function doubled(value: ConsensusValue): ConsensusValue {
  const twice = [...decodeUnsignedSet(CONTRIBUTION, value)].map(([key, made]) => {
    const more = made.map((one) => ({ ...one, signature: new Uint8Array(96).fill(7) }));
    return [key, [...made, ...more]] as const;
  });
  return encodeUnsignedSet(CONTRIBUTION, new Map(twice));
}

/** Without operator 1's part, all others have to sign the same contribution. */
function withoutPartsOfOne(world: DutyWorld): void {
  world.network.intercept(({ from, protocol, message }) =>
    from === 1 && protocol === PARSIGEX_PROTOCOL && decodePartials(message).duty.kind === CONTRIBUTION
      ? "drop"
      : undefined,
  );
}

/** How contributions ended at operator 0, by duty. */
const contributed = (world: DutyWorld): readonly (readonly [duty: string, outcome: string])[] =>
  (world.operators[0]?.outcomes ?? [])
    .filter(({ duty }) => duty.kind === CONTRIBUTION && duty.slot < 19)
    .map(({ duty, outcome }) => [dutyName(duty), outcome]);

test("a leader that names two contributions of one subcommittee costs its round and nothing else", async () => {
  const world = new DutyWorld(28, {
    chain: { syncSeats: [[7], [9], [130], [400]] },
    consensus: (index, honest) => ({
      agree: (duty, how, signal) =>
        index === 1 && duty.kind === CONTRIBUTION
          ? honest.agree(duty, { ...how, proposal: how.proposal.then(doubled) }, signal)
          : honest.agree(duty, how, signal),
    }),
  });
  withoutPartsOfOne(world);
  world.start();
  await world.runToSlot(20);
  const led = contributed(world).filter(
    ([name]) => leaderOf({ slot: Number(name.split("/")[0]), kind: CONTRIBUTION }, 1, 4) === 1,
  );
  assert.ok(led.length > 0);
  assert.deepEqual(new Set(led.map(([, outcome]) => outcome)), new Set(["broadcast"]));
  for (const [name] of led)
    assert.ok(
      world.operators[0]?.log.some(
        ({ sentence, facts }) => sentence.includes("not acceptable") && facts?.["duty"] === name,
      ),
      name,
    );
});

test("of two contributions of one subcommittee that were decided, signers and clients take the first", async () => {
  const world = new DutyWorld(28, {
    chain: { syncSeats: [[7], [9], [130], [400]] },
    hasClient: (index) => index === 0,
    consensus: (_, honest) => ({
      async agree(duty, how, signal) {
        const decision = await honest.agree(duty, how, signal);
        return duty.kind === CONTRIBUTION ? { ...decision, value: doubled(decision.value) } : decision;
      },
    }),
  });
  withoutPartsOfOne(world);
  world.start();
  await world.runToSlot(20);
  assert.ok(contributed(world).length > 0);
  assert.deepEqual(new Set(contributed(world).map(([, outcome]) => outcome)), new Set(["broadcast"]));
});

const paidBlocks = (world: DutyWorld): readonly (readonly [Slot, string])[] =>
  world.chain.blocks.map(({ proposal }) => {
    const { slot, body } = proposal.signedBlock.message;
    const { executionPayload } = body as { readonly executionPayload?: { feeRecipient: Uint8Array } };
    return [slot, executionPayload === undefined ? "" : toHex(executionPayload.feeRecipient)] as const;
  });

test("a leader cannot have the cluster's block pay somebody else", async () => {
  const thief = `0x${"66".repeat(20)}`;
  const world = new DutyWorld(26, { chain: { ownProposers: 1 } });
  const stealing = world.operators[1]?.beacon;
  assert.ok(stealing !== undefined);
  stealing.feeRecipient = fromHex(thief, 20);
  world.start();
  await world.runToSlot(20);
  const paid = paidBlocks(world);
  for (let slot = 9; slot < 20; slot++)
    assert.ok(
      paid.some(([at]) => at === slot),
      `block of slot ${slot}`,
    );
  assert.deepEqual([...new Set(paid.map(([, to]) => to))], [`0x${"fe".repeat(20)}`]);
});

/** Operator 1 proposes this in the place of its beacon node's block. */
const proposing =
  (change: (block: Proposal) => Proposal) =>
  (index: number, honest: Consensus): Consensus => ({
    agree(duty, how, signal) {
      if (index !== 1 || duty.kind !== "proposer") return honest.agree(duty, how, signal);
      const proposal = how.proposal.then((value) =>
        encodeUnsignedSet(
          "proposer",
          new Map([...decodeUnsignedSet("proposer", value)].map(([key, one]) => [key, change(one)])),
        ),
      );
      return honest.agree(duty, { ...how, proposal }, signal);
    },
  });

const blinded = ({ block, fork }: Proposal): Proposal => {
  const hidden = ssz.fulu.BlindedBeaconBlock.defaultValue();
  const { slot, proposerIndex, parentRoot, stateRoot } = block;
  hidden.body.randaoReveal = block.body.randaoReveal;
  return { fork, blinded: true, block: { ...hidden, slot, proposerIndex, parentRoot, stateRoot } };
};

test("a leader cannot hide whom the block pays by proposing its blinded form, where no builder is wanted", async () => {
  const world = new DutyWorld(26, {
    chain: { ownProposers: 1 },
    runner: { builder: false },
    consensus: proposing(blinded),
  });
  world.start();
  await world.runToSlot(20);
  for (let slot = 9; slot < 20; slot++)
    assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
  assert.equal(world.chain.blocks.filter(({ proposal }) => proposal.blinded).length, 0);
});

test("an operator without builders takes their blocks where a threshold of operators agreed that they are wanted", async () => {
  const world = new DutyWorld(29, {
    chain: { ownProposers: 1 },
    runner: { builder: false },
    offer: () => ({ versions: ["v1.11"], protocols: [], proposals: ["builder", "full"] }),
  });
  for (const { beacon } of world.operators) beacon.blinded = true;
  world.start();
  await world.runToSlot(13);
  for (let slot = 1; slot < 7; slot++) assert.equal(world.chain.block(slot), undefined, `slot ${slot}`);
  for (let slot = 8; slot < 13; slot++)
    assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
});

test("a leader cannot have the cluster's block built on one that nobody knows, or that is long past", async () => {
  for (const past of [undefined, 5]) {
    const world: DutyWorld = new DutyWorld(30, {
      chain: { ownProposers: 1 },
      consensus: proposing((one) => {
        const root = past === undefined ? other : world.chain.block(past)?.root;
        return { ...one, block: { ...one.block, parentRoot: root ?? other } } as Proposal;
      }),
    });
    world.start();
    await world.runToSlot(20);
    for (let slot = 9; slot < 20; slot++)
      assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
    const wrong = world.chain.blocks.filter(({ proposal: { signedBlock } }) => {
      const { slot, parentRoot } = signedBlock.message;
      return slot > 8 && toHex(parentRoot) !== toHex(world.chain.block(slot - 1)?.root ?? other);
    });
    assert.equal(wrong.length, 0);
  }
});

test("where every beacon node pays another address than the lock's, blocks are not lost", async () => {
  const world = new DutyWorld(27, { chain: { ownProposers: 1 } });
  for (const { beacon } of world.operators) beacon.feeRecipient = new Uint8Array(20).fill(0x77);
  world.start();
  await world.runToSlot(16);
  const paid = paidBlocks(world);
  for (let slot = 9; slot < 16; slot++)
    assert.ok(
      paid.some(([at]) => at === slot),
      `block of slot ${slot}`,
    );
  assert.ok(
    world.operators[0]?.log.some(({ sentence }) => sentence.startsWith("Block pays another fee recipient")),
  );
});
