import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { toHex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import { sleepUntil } from "../ports/index.ts";
import { type DutyId, dutyDue, firstSlotOf, type GroupKey, slotStart, ssz } from "../spec/index.ts";
import { encodeRandao } from "./codec/randao.ts";
import { decodePartials, decodeUnsignedSet, encodePartials, encodeUnsignedSet } from "./codec/sets.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";
import { LIMITS } from "./limits.ts";

// Every world runs the real scripts, schedule, exchange and consensus of all operators; signatures are toy ones that
// combine and verify as BLS does. Whatever is published with a wrong group signature is refused by the chain.

/** No validator ever votes twice for one target or proposes twice in one slot. */
function assertNothingSlashable(world: DutyWorld): void {
  const said = new Map<string, string>();
  const once = (what: string, root: string): void => {
    assert.equal(said.get(what) ?? root, root, `${what} was signed twice`);
    said.set(what, root);
  };
  for (const { groupKey, attestation } of world.chain.votes)
    once(
      `${groupKey} target ${attestation.data.target.epoch}`,
      toHex(ssz.phase0.AttestationData.hashTreeRoot(attestation.data)),
    );
  for (const { groupKey, proposal } of world.chain.blocks)
    once(
      `${groupKey} block ${proposal.signedBlock.message.slot}`,
      toHex(ssz.fulu.SignedBeaconBlock.hashTreeRoot(proposal.signedBlock as never)),
    );
}

const votesOf = (world: DutyWorld, slotFrom: number, slotTo: number): number =>
  new Set(
    world.chain.votes
      .filter(({ attestation: { data } }) => data.slot >= slotFrom && data.slot < slotTo)
      .map(({ groupKey, attestation: { data } }) => `${groupKey} ${data.slot}`),
  ).size;

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

test("with one beacon node down the others carry its duties; when all come back, duties go on", async () => {
  const world = new DutyWorld(10);
  const [first] = world.operators;
  assert.ok(first !== undefined);
  first.beacon.down = true; // From the very start, so this operator knows no duties at all.
  world.start();
  await world.runToSlot(10);
  assert.equal(first.runner.status().scheduled, false);
  first.beacon.down = false;
  await world.runToSlot(16);
  assert.equal(votesOf(world, 8, 16), 6);
  assert.ok(first.runner.status().scheduled, "the schedule is asked for until it comes");

  for (const { beacon } of world.operators) beacon.down = true;
  await world.runToSlot(20);
  assert.equal(votesOf(world, 17, 20), 0);
  for (const { beacon } of world.operators) beacon.down = false;
  await world.runToSlot(34);
  assert.equal(votesOf(world, 24, 32), 6);
  assertNothingSlashable(world);
});

test("a beacon node that answers one question about duties never, or wrongly once, costs no other duty", async () => {
  const world = new DutyWorld(12, { chain: { ownProposers: 1, syncSeats: [[0], [1]] } });
  for (const { beacon } of world.operators) {
    const ask = beacon.syncDuties.bind(beacon);
    beacon.syncDuties = async (epoch, indices, signal) => {
      if (epoch < 2) return new Promise(() => {});
      return epoch === 2 ? [] : ask(epoch, indices, signal);
    };
  }
  world.start();
  await world.runToSlot(34);
  assert.equal(votesOf(world, 8, 32), 18, "six validators vote in each of three epochs");
  for (let slot = 1; slot < 34; slot++)
    assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
  for (const { index, beacon } of world.operators) {
    assert.ok(beacon.preparations.length > 0);
    assert.ok((world.summary(index)["sync-message broadcast"] ?? 0) > 0, "the members are asked for again");
  }
});

test("duties asked for ahead of an epoch and answered within it are asked for again, for its proposers", async () => {
  // Before Fulu an epoch's proposers are known only when it begins.
  const world = new DutyWorld(11, { fuluEpoch: 1_000, chain: { ownProposers: 1 } });
  for (const { beacon } of world.operators) {
    const ask = beacon.attesterDuties.bind(beacon);
    let first = true;
    beacon.attesterDuties = async (epoch, indices, signal) => {
      if (epoch === 2 && first) {
        first = false;
        await sleepUntil(world.clock, slotStart(world.spec, 16) + 500, signal);
      }
      return ask(epoch, indices, signal);
    };
  }
  world.start();
  await world.runToSlot(22);
  for (let slot = 17; slot < 22; slot++)
    assert.ok(world.chain.block(slot) !== undefined, `block of slot ${slot}`);
});

test("partial signatures that were lost with their connection are sent again", async () => {
  const world = new DutyWorld(31, { validatorCount: 12 });
  world.network.setDown(3, true); // All three others are needed.
  const lost = new Set<string>();
  world.network.intercept(({ from, to, protocol, message }) => {
    if (protocol !== PARSIGEX_PROTOCOL || to === 3 || from === 3) return undefined;
    const { slot, kind } = decodePartials(message).duty;
    const name = `${slot} ${from} ${to}`;
    if (kind !== "attester" || lost.has(name)) return undefined;
    lost.add(name);
    world.clock.at(world.clock.now() + 1, () => world.network.cut(from, to));
    return undefined;
  });
  world.start();
  await world.runToSlot(16);
  assert.ok(lost.size >= 8 * 6 - 12);
  assert.equal(votesOf(world, 8, 16), 12);
});

test("on a connection that breaks all the time only what is new is sent again", async () => {
  const world = new DutyWorld(32, { validatorCount: 12 });
  world.start();
  await world.runToSlot(9);
  const sent = new Map<string, number>();
  world.network.intercept(({ from, to, protocol, message }) => {
    if (protocol !== PARSIGEX_PROTOCOL || from !== 0 || to !== 1) return undefined;
    // A duty with several parts has a message for each.
    const name = toHex(message);
    sent.set(name, (sent.get(name) ?? 0) + 1);
    return undefined;
  });
  const { spec, clock } = world;
  for (let i = 0; i < 2 * spec.slotsPerEpoch; i++) {
    await clock.run({ forMs: spec.slotMs });
    world.network.cut(0, 1);
  }
  const most = Math.max(...sent.values());
  // Once and at every break of half a minute; and as often again, since the peer's own repetitions look like a restart once.
  assert.ok(most > 1 && most <= 2 * (1 + LIMITS.mayBeLostMs / spec.slotMs), `${most} times`);
});

test("duties that change with a reorganisation are followed", async () => {
  const world = new DutyWorld(11);
  world.start();
  await world.runToSlot(9);
  const before = world.chain.duties.attesterDuties(2);
  world.chain.reorganise(2);
  assert.notDeepEqual(world.chain.duties.attesterDuties(2), before);
  await world.runToSlot(28);
  assert.equal(votesOf(world, 16, 24), 6);
  for (const duty of world.chain.duties.attesterDuties(2)) {
    const vote = world.chain.votes.find(
      ({ groupKey, attestation }) => groupKey === duty.pubkey && attestation.data.slot === duty.slot,
    );
    assert.equal(vote?.attestation.committeeIndex, duty.committeeIndex);
  }
  const seen = world.operators[0]?.log.filter(({ sentence }) => sentence.startsWith("Duty vanished"));
  assert.ok((seen?.length ?? 0) > 0);
  assertNothingSlashable(world);
});

test("whom a reorganisation within a slot leaves there votes there, though others of the slot have moved away", async () => {
  const SLOT = 11;
  const world = new DutyWorld(14, { validatorCount: 24 });
  const membersOf = () => world.chain.duties.attesterDuties(1).filter(({ slot }) => slot === SLOT);
  world.start();
  await world.clock.run({ until: slotStart(world.spec, SLOT) + 100 });
  const before = membersOf();
  world.chain.reorganise(1);
  const staying = membersOf().filter(({ pubkey }) => before.some((one) => one.pubkey === pubkey));
  assert.ok(staying.length > 0 && staying.length < before.length);
  await world.runToSlot(SLOT + 1);
  for (const { pubkey, committeeIndex } of staying) {
    const vote = world.chain.votes.find(
      ({ groupKey, attestation }) => groupKey === pubkey && attestation.data.slot === SLOT,
    );
    assert.equal(vote?.attestation.committeeIndex, committeeIndex);
  }
  assertNothingSlashable(world);
});

test("late and doubled messages, and lost ones of consensus, do no harm", async () => {
  const world = new DutyWorld(12, { weather: { latencyMs: { min: 50, max: 900 }, duplication: 0.3 } });
  world.start();
  await world.runToSlot(28);
  assert.equal(votesOf(world, 8, 24), 12);
  assertNothingSlashable(world);
});

test("a clock that is set forward skips slots with a cause; one that is set back repeats nothing", async () => {
  const world = new DutyWorld(13, { validatorCount: 12 });
  const [first] = world.operators;
  assert.ok(first !== undefined);
  world.start();
  await world.runToSlot(9);
  const begunBefore = first.timeline.filter(({ entry }) => entry.stage === "scheduled").length;
  first.clock.jump(4 * world.spec.slotMs);
  await world.clock.run({ forMs: 10 });
  assert.ok((first.counters.get("core_scheduler_skipped_slots_total") ?? 0) >= 3);
  assert.ok((world.summary(0)["attester failed clock-jump"] ?? 0) > 0);
  first.clock.jump(-4 * world.spec.slotMs);
  await world.runToSlot(28);
  const begun = first.timeline.filter(({ entry }) => entry.stage === "scheduled").map(({ duty }) => duty);
  assert.ok(begun.length > begunBefore);
  assert.equal(new Set(begun).size, begun.length, "no duty begins twice");
  assertNothingSlashable(world);
});

test("a node that slept for epochs begins nothing more and says so; a shorter sleep, or a clock a little ahead, is none", async () => {
  for (const [slots, expected] of [
    [8, 0],
    [16, 1],
  ] as const) {
    let overslept = 0;
    const world = new DutyWorld(13, { runner: { onOverslept: () => void overslept++ } });
    const [first] = world.operators;
    assert.ok(first !== undefined);
    world.start();
    await world.runToSlot(9); // The second of epoch 1, and the next one to begin is the third.
    const begun = (): number => first.timeline.filter(({ entry }) => entry.stage === "scheduled").length;
    const before = begun();
    first.clock.jump(slots * world.spec.slotMs);
    await world.clock.run({ forMs: 10 });
    assert.equal(overslept, expected, `${slots} slots`);
    await world.runToSlot(17);
    assert.equal(begun() === before, expected === 1, "nothing begins any more");
    assertNothingSlashable(world);
  }
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
