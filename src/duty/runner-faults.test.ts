import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { toHex } from "../base/index.ts";
import { sleepUntil } from "../ports/index.ts";
import { slotStart } from "../spec/index.ts";
import { decodePartials } from "./codec/sets.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";
import { LIMITS } from "./limits.ts";
import { assertNothingSlashable, votesOf } from "./testing/world-checks.ts";

// What goes wrong around operators: beacon nodes, connections, the chain, clocks; the worlds are those of runner.test.ts.

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

test("a node that slept for a minute begins nothing more and says so; a shorter sleep, or a clock a little ahead, is none", async () => {
  for (const [slots, expected] of [
    [8, 0],
    [12, 1],
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
