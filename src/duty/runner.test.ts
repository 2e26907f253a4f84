import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { toHex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import { type DutyId, dutyDue, firstSlotOf, type GroupKey, slotStart } from "../spec/index.ts";
import { encodeRandao } from "./codec/randao.ts";
import { decodePartials, decodeUnsignedSet, encodePartials, encodeUnsignedSet } from "./codec/sets.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";
import { assertNothingSlashable, votesOf } from "./testing/world-checks.ts";

// Every world runs the real scripts, schedule, exchange and consensus of all operators; signatures are toy ones that
// combine and verify as BLS does. Whatever is published with a wrong group signature is refused by the chain.

const ownSlots = (world: DutyWorld, from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i).filter(
    (slot) => world.chain.duties.proposer(slot) < world.chain.options.groupKeys.length,
  );

test("four operators attest and propose in every epoch, early in the slot, and find their work on chain", async () => {
  const world = new DutyWorld(1);
  world.start();
  await world.runToSlot(27);

  assert.equal(votesOf(world, 8, 24), 12, "each of six validators votes once in each of two epochs");
  const proposals = ownSlots(world, 1, 27);
  assert.ok(proposals.length > 0);
  for (const slot of proposals) assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
  for (const { at, attestation } of world.chain.votes.filter(({ attestation: { data } }) => data.slot > 0)) {
    const intoSlotMs = at - slotStart(world.spec, attestation.data.slot);
    assert.ok(
      intoSlotMs < 2_000,
      `the vote waits for the block and not for a third of the slot: ${intoSlotMs}`,
    );
    assert.equal(
      toHex(attestation.data.beaconBlockRoot),
      toHex(world.chain.block(attestation.data.slot)?.root ?? new Uint8Array()),
    );
  }
  for (const { index, outcomes, beacon, disk } of world.operators) {
    const { validators } = await disk.exportInterchange("complete");
    const remembered = validators.flatMap(({ blocks }) => blocks.map(({ slot }) => slot));
    assert.deepEqual(
      remembered.toSorted((a, b) => a - b),
      proposals,
      "each block is in the slashing memory, by its slot",
    );
    assert.deepEqual([...new Set(outcomes.map(({ outcome, cause }) => `${outcome} ${cause}`))].toSorted(), [
      "broadcast undefined",
      "included undefined",
    ]);
    assert.equal(world.summary(index)["proposer included"], proposals.length);
    assert.ok(beacon.preparations.length >= 6, "fee recipients are told to the beacon node");
  }
  assertNothingSlashable(world);
});

test("blinded blocks go the same way", async () => {
  const world = new DutyWorld(2, { chain: { ownProposers: 1 } });
  for (const { beacon } of world.operators) beacon.blinded = true;
  world.start();
  await world.runToSlot(12);
  const blinded = world.chain.blocks.filter(({ proposal }) => proposal.blinded);
  assert.ok(new Set(blinded.map(({ proposal }) => proposal.signedBlock.message.slot)).size >= 10);
  assertNothingSlashable(world);
});

test("with one operator away every duty completes, and it catches up on what it missed when it is back", async () => {
  const world = new DutyWorld(3);
  world.network.setDown(3, true);
  world.start();
  await world.runToSlot(16);
  assert.equal(votesOf(world, 8, 16), 6);
  for (const slot of ownSlots(world, 8, 16)) assert.ok(world.chain.block(slot) !== undefined);
  assert.equal(world.chain.votes.filter(({ by }) => by === 3).length, 0);

  const before = world.operators[3]?.timeline.length ?? 0;
  world.network.setDown(3, false);
  await world.clock.run({ forMs: 5_000 });
  const caughtUp = world.operators[3]?.timeline
    .slice(before)
    .filter(({ duty, entry }) => duty.endsWith("attester") && entry.stage === "aggregated");
  assert.ok((caughtUp?.length ?? 0) > 0, "partial signatures wait for a peer that comes back");
  assertNothingSlashable(world);
});

test("with more than f operators away nothing is signed, and the cause says who was missing", async () => {
  const world = new DutyWorld(4);
  world.network.partition([0, 1], [2, 3]);
  world.start();
  await world.runToSlot(20);
  assert.equal(world.chain.votes.length, 0);
  const summary = world.summary(0);
  assert.ok((summary["attester failed no-consensus"] ?? 0) >= 3);
  assert.ok((summary["proposer failed no-randao"] ?? 0) > 0);
  assert.ok((summary["randao failed not-enough-partials"] ?? 0) > 0);
  const missing = world.operators[0]?.log.find(({ sentence }) => sentence === "Partial signatures missing");
  assert.deepEqual(missing?.facts?.["missing"], ["operator-2", "operator-3"]);
});

test("operators that restart one after the other get back what was signed ahead of time", async () => {
  const world = new DutyWorld(5);
  world.start();
  for (const [i, slot] of [4, 5, 6, 7].entries()) {
    await world.runToSlot(slot);
    world.crash(i);
    world.restart(i);
  }
  await world.runToSlot(17);
  const aggregated = new Set(
    world.chain
      .of("aggregator")
      .map(({ groupKey, signed }) => `${groupKey} ${signed.value.value.message.aggregate.data.slot}`),
  );
  const missing = world.chain.duties
    .attesterDuties(1)
    .filter(({ pubkey, slot }) => !aggregated.has(`${pubkey} ${slot}`));
  assert.deepEqual(missing, []);
});

test("at the deadline of a duty it is counted which operators signed", async () => {
  const world = new DutyWorld(4);
  world.network.setDown(3, true);
  world.start();
  await world.runToSlot(27);
  const counted = (what: string, peer: number): number =>
    world.operators[0]?.counters.get(`core_tracker_participation_${what} duty=attester peer=${peer}`) ?? 0;
  const begun = world.operators[0]?.timeline.filter(
    ({ duty, entry }) => entry.stage === "scheduled" && duty.endsWith("/attester"),
  );
  const over = begun?.filter(({ duty }) => Number.parseInt(duty, 10) + 8 < 27).length ?? 0;
  assert.ok(over > 3 && over < (begun?.length ?? 0));
  for (const peer of [0, 1, 2, 3]) assert.equal(counted("expected_total", peer), over);
  assert.deepEqual(
    [0, 1, 2, 3].map((peer) => [counted("total", peer), counted("missed_total", peer)]),
    [
      [over, 0],
      [over, 0],
      [over, 0],
      [0, over],
    ],
  );
});

test("who is said to be missing is missing, also where a peer signed before we began", async () => {
  const world = new DutyWorld(4);
  for (const away of [2, 3]) world.network.setDown(away, true);
  world.operators[0]?.clock.jump(-300);
  world.start();
  await world.runToSlot(20);
  const told = world.operators[0]?.log.filter(
    ({ sentence, facts }) =>
      sentence === "Partial signatures missing" && String(facts?.["duty"]).endsWith("/randao"),
  );
  assert.ok(told !== undefined && told.length > 0);
  for (const { facts } of told) assert.deepEqual(facts?.["missing"], ["operator-2", "operator-3"]);
});

/** Operator `liar` sends other signatures than its own with its votes. */
function signWrongly(world: DutyWorld, liar: number): void {
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== liar || protocol !== PARSIGEX_PROTOCOL) return undefined;
    const { duty, partials } = decodePartials(message);
    // The signature begins at byte 20 + 132 of an attestation.
    const bad = partials.map(({ data, ...rest }) => ({
      ...rest,
      data: data.with(160, (data[160] ?? 0) ^ 1),
    }));
    return duty.kind === "attester" ? encodePartials(duty, bad) : undefined;
  });
}

test("a peer that signs wrongly is found, named once per duty, and stops nothing", async () => {
  const world = new DutyWorld(5);
  signWrongly(world, 2);
  world.start();
  await world.runToSlot(20);
  assert.equal(votesOf(world, 8, 16), 6);
  const blamed = world.operators[0]?.log.filter(({ sentence }) =>
    sentence.startsWith("Partial signature is not one"),
  );
  assert.ok((blamed?.length ?? 0) > 0);
  assert.deepEqual([...new Set(blamed?.map(({ facts }) => facts?.["peer"]))], [2]);
  const duties = blamed?.map(({ facts }) => facts?.["duty"]);
  assert.equal(new Set(duties).size, duties?.length);
  assertNothingSlashable(world);
});

test("a late partial signature makes up for a bad one", async () => {
  const world = new DutyWorld(17);
  signWrongly(world, 2);
  world.start();
  await world.runToSlot(8);
  world.network.setDown(3, true);
  await world.runToSlot(15);
  const due = world.chain.duties.attesterDuties(1).filter(({ slot }) => slot < 15).length;
  assert.ok(due > 0);
  // Operator 2 itself has three good ones; what the others lack is the fourth operator.
  const fromOthers = (): number =>
    new Set(
      world.chain.votes
        .filter(({ by, attestation: { data } }) => by !== 2 && data.slot >= 8 && data.slot < 15)
        .map(({ groupKey }) => groupKey),
    ).size;
  assert.equal(fromOthers(), 0);
  world.network.setDown(3, false);
  await world.clock.run({ forMs: 10_000 });
  assert.equal(fromOthers(), due);
});

test("a duty that fails for bad partial signatures says so", async () => {
  const world = new DutyWorld(19);
  signWrongly(world, 2);
  world.network.setDown(3, true);
  world.start();
  await world.runToSlot(19);
  assert.ok((world.summary(0)["attester failed bad-partials"] ?? 0) > 0);
});

test("an operator whose beacon node takes nothing sees its work on chain, by the hands of the others", async () => {
  const world = new DutyWorld(18);
  const [first] = world.operators;
  assert.ok(first !== undefined);
  first.beacon.publishAttestations = async () => {
    throw new Error("no");
  };
  world.start();
  await world.runToSlot(18);
  assert.ok((world.summary(0)["attester included"] ?? 0) >= 6);
  assert.equal(world.summary(0)["attester included"], world.summary(1)["attester included"]);
});

test("a peer cannot speak for another share, nor say two things, nor speak of impossible duties", async () => {
  const world = new DutyWorld(6);
  const recorded: Uint8Array[] = [];
  world.network.intercept(({ from, to, protocol, message }) => {
    if (from === 2 && to === 0 && protocol === PARSIGEX_PROTOCOL) recorded.push(message);
    return undefined;
  });
  world.start();
  await world.runToSlot(12);
  assert.equal(world.network.rejectionsOf(2) + world.network.rejectionsOf(1), 0);
  const own = recorded.findLast((bytes) => decodePartials(bytes).duty.kind === "attester") as Uint8Array;
  const say = async (from: number, message: Uint8Array): Promise<void> => {
    world.network.inject({ from: from as never, to: 0 as never, protocol: PARSIGEX_PROTOCOL, message });
    await world.clock.run({ forMs: 100 });
  };
  await say(2, own);
  assert.equal(world.network.rejectionsOf(2), 0, "saying the same again is harmless");
  await say(1, own);
  assert.equal(world.network.rejectionsOf(1), 1, "another peer's share");

  const { duty, partials } = decodePartials(own);
  const [first] = partials;
  assert.ok(first !== undefined);
  const data = first.data.slice();
  data[160] = (data[160] ?? 0) ^ 1;
  await say(2, encodePartials(duty, [{ ...first, data }]));
  assert.equal(world.network.rejectionsOf(2), 1, "a second, different signature");
  for (const [i, slot] of [duty.slot + 1, duty.slot + 1000, 0].entries()) {
    await say(2, encodePartials({ ...duty, slot }, partials));
    assert.equal(world.network.rejectionsOf(2), 2 + i, `slot ${slot}`);
  }
  // What is said fits its slot, but the slot is over, or further ahead than any operator looks.
  const refused = world.network.rejectionsOf(2);
  const { slotsPerEpoch } = world.spec;
  const randaoOf = (slot: number): Uint8Array => {
    const epoch = Math.floor(slot / slotsPerEpoch);
    const signed = encodeRandao({ epoch, signature: new Uint8Array(96).fill(1) });
    return encodePartials({ slot, kind: "randao" }, [{ ...first, data: signed }]);
  };
  const far = 5 * slotsPerEpoch;
  for (const slot of [0, far]) await say(2, randaoOf(slot));
  assert.equal(world.network.rejectionsOf(2), refused + 2);
  await say(2, randaoOf(duty.slot + slotsPerEpoch));
  assert.equal(world.network.rejectionsOf(2), refused + 2, "the same of the next epoch is taken");
  await say(2, new Uint8Array([1, 2, 3]));
  const stranger = `0x${"11".repeat(48)}` as GroupKey;
  await say(2, encodePartials(duty, [{ ...first, groupKey: stranger }]));
  assert.equal(
    world.operators[0]?.counters.get("trireme_duty_partials_dropped_total peer=2 reason=unknown-validator"),
    1,
  );
});

/** The votes with the next epoch as their target, the blocks and aggregates of the next slot. */
function notOfItsSlot(duty: DutyId, value: ConsensusValue): ConsensusValue {
  if (duty.kind === "attester") {
    const entries = [...decodeUnsignedSet("attester", value)].map(([key, vote]) => {
      const target = { ...vote.data.target, epoch: vote.data.target.epoch + 1 };
      return [key, { ...vote, data: { ...vote.data, target } }] as const;
    });
    return encodeUnsignedSet("attester", new Map(entries));
  }
  if (duty.kind === "aggregator") {
    const aggregates = decodeUnsignedSet("aggregator", value);
    for (const { value: aggregate } of aggregates.values()) aggregate.data.slot = duty.slot + 1;
    return encodeUnsignedSet("aggregator", aggregates);
  }
  const set = [...decodeUnsignedSet("proposer", value)];
  for (const [, { block }] of set) block.slot = duty.slot + 1;
  return encodeUnsignedSet("proposer", new Map(set));
}

test("a vote, a block or an aggregate that was decided and is none of its slot is not signed", async () => {
  const kinds: readonly DutyId["kind"][] = ["attester", "proposer", "aggregator"];
  const world = new DutyWorld(7, {
    validatorCount: 24,
    chain: { ownProposers: 0.5 },
    consensus: (index, honest) =>
      index !== 1
        ? honest
        : {
            async agree(duty, options, signal) {
              const decision = await honest.agree(duty, options, signal);
              return kinds.includes(duty.kind)
                ? { ...decision, value: notOfItsSlot(duty, decision.value) }
                : decision;
            },
          },
  });
  const signed = new Map<string, number>();
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== 1 || protocol !== PARSIGEX_PROTOCOL) return undefined;
    const { kind } = decodePartials(message).duty;
    signed.set(kind, (signed.get(kind) ?? 0) + 1);
    return undefined;
  });
  world.start();
  await world.runToSlot(16);
  assert.ok((signed.get("randao") ?? 0) > 0, "it signs what is not agreed on");
  assert.deepEqual(
    kinds.filter((kind) => signed.has(kind)),
    [],
  );
  const judged = new Set(
    world.operators[1]?.timeline
      .filter(({ entry }) => entry.stage === "decided")
      .map(({ duty }) => duty.split("/")[1]),
  );
  assert.deepEqual(
    kinds.filter((kind) => !judged.has(kind)),
    [],
    "each of them was decided",
  );
  for (const said of ["A vote was decided that is not one for its slot", "A block was decided"])
    assert.ok(
      world.operators[1]?.log.some(({ level, sentence }) => level === "error" && sentence.startsWith(said)),
      said,
    );
  assert.equal(votesOf(world, 8, 16), 24, "the others do without it");
});

test("a leader that lies about a vote or a block costs its round and nothing else", async () => {
  const lie = (duty: DutyId, value: ConsensusValue): ConsensusValue =>
    // Operator 1 leads the first round of slots 14 and 18; in slot 14 it leaves a validator out.
    duty.kind === "attester" && duty.slot === 14
      ? encodeUnsignedSet("attester", new Map([...decodeUnsignedSet("attester", value)].slice(1)))
      : notOfItsSlot(duty, value);
  const world = new DutyWorld(7, {
    validatorCount: 24,
    chain: { ownProposers: 0.5 },
    consensus: (index, honest) =>
      index !== 1
        ? honest
        : {
            agree: (duty, { proposal }, signal) =>
              honest.agree(
                duty,
                { proposal: proposal.then((value) => lie(duty, value)), acceptable: () => true },
                signal,
              ),
          },
  });
  world.start();
  await world.runToSlot(20);
  assert.equal(votesOf(world, 8, 16), 24);
  assert.equal(
    votesOf(world, 16, 20),
    world.chain.duties.attesterDuties(2).filter(({ slot }) => slot < 20).length,
  );
  assert.ok(world.chain.duties.attesterDuties(2).some(({ slot }) => slot === 18));
  for (const slot of ownSlots(world, 8, 16))
    assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
  const suspicious = world.operators[0]?.log.filter(({ sentence }) => sentence.includes("not acceptable"));
  for (const duty of ["14/attester", "18/attester"])
    assert.ok(
      suspicious?.some(({ facts }) => facts?.["duty"] === duty),
      duty,
    );
  assertNothingSlashable(world);
});

test("what the slashing memory refuses is not signed, for that validator alone", async () => {
  const world = new DutyWorld(8);
  const pubkey = world.keys.cluster.validators[0]?.groupKey as GroupKey;
  for (const { disk } of world.operators) {
    const admitted = disk.admit(
      [
        {
          pubkey,
          vote: { kind: "attestation", source: 0, target: 1, signingRoot: new Uint8Array(32).fill(9) },
        },
      ],
      new AbortController().signal,
    );
    await world.clock.run({ forMs: 10 });
    assert.deepEqual(await admitted, [{ admitted: true }]);
  }
  world.start();
  await world.runToSlot(27);
  const voters = world.chain.votes.filter(({ attestation }) => attestation.data.target.epoch === 1);
  assert.equal(new Set(voters.map(({ groupKey }) => groupKey)).size, 5);
  assert.ok(voters.every(({ groupKey }) => groupKey !== pubkey));
  const refused = world.operators[0]?.outcomes.filter(
    ({ duty, cause }) => duty.slot >= 8 && cause === "refused-by-slashing-memory",
  );
  assert.deepEqual(
    refused?.map(({ groupKey }) => groupKey),
    [pubkey],
  );
  assert.ok(votesOf(world, 16, 24) === 6, "the next epoch is signed again");
});

test("nothing is signed while the slashing memory cannot record", async () => {
  const world = new DutyWorld(9);
  for (const { disk } of world.operators) disk.setFailing(true);
  world.start();
  await world.runToSlot(18);
  assert.equal(world.chain.votes.length + world.chain.blocks.length, 0);
  assert.ok((world.summary(0)["attester failed slashing-memory-unavailable"] ?? 0) >= 6);
});

test("a proof that a client brings slots later begins nothing anew", async () => {
  const world = new DutyWorld(17);
  const [first] = world.operators;
  assert.ok(first !== undefined);
  world.start();
  const [duty] = world.chain.duties.attesterDuties(1);
  assert.ok(duty !== undefined);
  const { slot, pubkey: groupKey, validatorIndex } = duty;
  await world.runToSlot(slot + 4);
  const begun = (): number =>
    first.timeline.filter(
      (one) => one.duty === `${slot}/prepare-aggregator` && one.entry.stage === "scheduled",
    ).length;
  assert.equal(begun(), 1);
  const signed = { validatorIndex, slot, selectionProof: new Uint8Array(96) };
  const [verdict] = await first.runner.desk.submit(
    [{ kind: "prepare-aggregator", slot, groupKey, signed }],
    new AbortController().signal,
  );
  assert.equal(verdict?.code, "duty/not-decided", "the built-in signer signs here");
  assert.equal(begun(), 1);
});

test("votes that all have decided and nobody has combined are finished by nodes that are told to stop", async () => {
  // Whoever decides first has to wait for partial signatures for longer than the last one for its decision.
  const world = new DutyWorld(14, { validatorCount: 48, weather: { latencyMs: { min: 60, max: 70 } } });
  world.start();
  await world.runToSlot(9);
  const reached = (wanted: string): boolean[] =>
    world.operators.map(({ timeline }) =>
      timeline.some(({ duty, entry }) => duty === "9/attester" && entry.stage === wanted),
    );
  for (let ms = 0; ms < world.spec.slotMs && reached("decided").includes(false); ms++)
    await world.clock.run({ forMs: 1 });
  assert.deepEqual(reached("decided"), [true, true, true, true]);
  assert.deepEqual(reached("aggregated"), [false, false, false, false]);
  const stopping = Promise.all(world.operators.map(({ runner }) => runner.stop()));
  await world.clock.run({ forMs: 10_000 });
  await stopping;
  const due = world.chain.duties.attesterDuties(1).filter(({ slot }) => slot === 9);
  assert.ok(due.length > 0);
  assert.equal(votesOf(world, 9, 10), due.length);
});

test("stopping finishes what is being signed, and starts nothing more", async () => {
  const world = new DutyWorld(14, { validatorCount: 48 });
  world.start();
  await world.runToSlot(9);
  await world.clock.run({ forMs: 900 }); // Consensus of slot 9 has been decided or is about to be.
  const stopping = Promise.all(world.operators.map(({ runner }) => runner.stop()));
  await world.clock.run({ forMs: 10_000 });
  await stopping;
  const begun = world.operators[0]?.timeline
    .filter(({ entry }) => entry.stage === "scheduled")
    .map(({ duty }) => duty);
  const early = /prepare-aggregator$/; // Begun an epoch ahead.
  assert.ok(begun?.every((duty) => early.test(duty) || Number(duty.split("/")[0]) <= 10));
  assert.deepEqual(world.operators[0]?.runner.status().running, []);
  await world.runToSlot(20);
  assert.equal(votesOf(world, 10, 20), 0);
});

test("the same seed gives the same run", async () => {
  const run = async (): Promise<unknown> => {
    const world = new DutyWorld(15, { weather: { loss: 0.05, duplication: 0.1 } });
    world.start();
    await world.runToSlot(12);
    return [world.clock.fired, world.operators.map(({ timeline }) => timeline)];
  };
  assert.deepEqual(await run(), await run());
});

test("a vote is not fetched before its slot, and at the latest when it is due", async () => {
  const world = new DutyWorld(16, { chain: { missedBlocks: 1, ownProposers: 0 } });
  world.start();
  await world.runToSlot(16);
  assert.equal(
    votesOf(world, 8, 15),
    world.chain.duties.attesterDuties(1).filter(({ slot }) => slot < 15).length,
  );
  for (const { at, attestation } of world.chain.votes) {
    const due = dutyDue(world.spec, { slot: attestation.data.slot, kind: "attester" });
    if (attestation.data.slot > 0)
      assert.ok(at > due && at < due + 1_000, "the slot is empty, so the vote waits");
  }
  assert.equal(firstSlotOf(world.spec, 1), 8);
});
