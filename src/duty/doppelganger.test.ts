import assert from "node:assert/strict";
import { test } from "node:test";
import { Checkers } from "../../sim/checkers/index.ts";
import { OperatorClock, SimClock } from "../../sim/clock.ts";
import { DutyWorld, type DutyWorldOptions } from "../../sim/duty-world.ts";
import { seeOtherHead } from "../../sim/faults.ts";
import { type BeaconNode, type Logger, type MemoryStanding, silent, unmetered } from "../ports/index.ts";
import {
  dutyKinds,
  type Epoch,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type OperatorIndex,
  type ShareIndex,
  slotAt,
  slotStart,
} from "../spec/index.ts";
import { decodePartials } from "./codec/sets.ts";
import { DoppelgangerWatch, type DoppelgangerWatchOptions } from "./doppelganger.ts";
import { Exchange } from "./exchange.ts";
import { PartialStore } from "./partial-store.ts";

// Whole clusters on a simulated chain with eight slots in an epoch; the world begins in the middle of slot 0, so the first
// whole epoch that anybody can watch is epoch 1.

const NEW: MemoryStanding = { origin: "new", newestTarget: undefined, sameBoot: false };
const kept = (newestTarget: Epoch): MemoryStanding => ({ origin: "kept", newestTarget, sameBoot: true });
const watching = (...indices: number[]): Pick<DutyWorldOptions, "past"> => ({
  past: (index) => (indices.includes(index) ? { memory: NEW, freshKeys: false } : undefined),
});

const inOrder = (numbers: readonly number[]): number[] => [...new Set(numbers)].toSorted((a, b) => a - b);

/** Epochs in which an operator's share signed votes or blocks; the randao of an epoch is signed before it begins. */
const signedEpochs = (world: DutyWorld, index: number): number[] => {
  const signed =
    world.operators[index]?.timeline.filter(
      ({ duty, entry }) => entry.stage === "signed" && !/randao$|prepare-/.test(duty), // Those are signed ahead.
    ) ?? [];
  return inOrder(signed.map(({ duty }) => epochOf(world.spec, Number(duty.split("/")[0]))));
};
const errors = (world: DutyWorld, index: number): string[] =>
  (world.operators[index]?.log ?? [])
    .filter(({ level }) => level === "error")
    .map(({ sentence }) => sentence);
const end = (world: DutyWorld, epoch: Epoch): Promise<void> =>
  world.runToSlot(firstSlotOf(world.spec, epoch + 1));

test("a cluster of new memories signs nothing for two whole epochs, and everything after them", async () => {
  const world = new DutyWorld(1, watching(0, 1, 2, 3));
  world.start();
  await end(world, 4);
  const epochs = inOrder(world.chain.votes.map(({ attestation }) => attestation.data.target.epoch));
  assert.deepEqual(epochs, [3, 4], "epochs 1 and 2 were watched");
  const inFour = world.chain.votes.filter(({ attestation }) => attestation.data.target.epoch === 4);
  assert.equal(new Set(inFour.map(({ groupKey }) => groupKey)).size, 6);
  assert.ok((world.summary(0)["attester failed watching-for-a-double"] ?? 0) >= 12);
});

test("one moved operator stays silent while the others sign, is not alarmed by them, and then takes part", async () => {
  const world = new DutyWorld(2, watching(3));
  const spoke: number[] = [];
  world.network.intercept(({ from }) => {
    if (from === 3) spoke.push(world.clock.now());
    return undefined;
  });
  world.start();
  await end(world, 4);
  assert.ok(
    (spoke[0] ?? 0) >= (world.operators[3]?.trusted.at ?? Infinity),
    "not a word in consensus or exchange",
  );
  assert.deepEqual(signedEpochs(world, 3), [3, 4]);
  assert.deepEqual(errors(world, 3), []);
  const votes = new Set(world.chain.votes.map((v) => `${v.groupKey} ${v.attestation.data.target.epoch}`));
  assert.ok(votes.size >= 4 * 6, "the three others signed for everybody all the time");
});

test("while the validators sign without this cluster a node never does; it begins two epochs after they stopped", async () => {
  const world = new DutyWorld(3, watching(0, 1, 2, 3));
  // A validator client that kept one of the keys after they were split.
  world.chain.strangers = (epoch) => (epoch < 5 ? [2] : []);
  world.start();
  await end(world, 6);
  assert.equal(world.chain.votes.length, 0);
  assert.ok(
    errors(world, 1).every((sentence) => sentence.startsWith("Validators were seen signing, and not by")),
  );
  assert.equal(errors(world, 1).length, 4, "one line for each epoch in which it was seen");
  assert.equal(world.operators[1]?.runner.status().watching?.quietEpochs, 1);
  await end(world, 7);
  assert.ok(world.chain.votes.length > 0);
});

test("a second program with this operator's key is heard in consensus, though three others explain the votes", async () => {
  const world = new DutyWorld(4, watching(3));
  world.start();
  const double = world.startDouble(3);
  await end(world, 5);
  assert.deepEqual(signedEpochs(world, 3), []);
  assert.ok(errors(world, 3).length >= 4, "once an epoch");
  assert.ok(
    errors(world, 3).every((sentence) => sentence.startsWith("Another program runs as this operator")),
  );

  await double.runner.stop();
  await end(world, 8);
  assert.deepEqual(signedEpochs(world, 3), [8], "epochs 6 and 7 were quiet");
});

test("with an operator away, votes that need the double's share are seen on the chain as nobody's", async () => {
  const world = new DutyWorld(5, watching(3));
  world.network.setDown(0, true);
  world.start();
  world.startDouble(3);
  await end(world, 4);
  assert.deepEqual(signedEpochs(world, 3), []);
  assert.ok(errors(world, 3).some((sentence) => sentence.startsWith("Validators were seen signing")));
});

test("an epoch of which no beacon node tells does not count as watched", async () => {
  const world = new DutyWorld(6, watching(3));
  const own = world.operators[3]?.beacon;
  assert.ok(own !== undefined);
  own.down = true;
  world.start();
  await world.runToSlot(firstSlotOf(world.spec, 1) + 2);
  own.down = false;
  const honest = own.liveValidators.bind(own);
  own.liveValidators = (epoch, ...rest) =>
    epoch === 1 ? Promise.reject(new Error("no such route")) : honest(epoch, ...rest);
  await end(world, 4);
  assert.deepEqual(signedEpochs(world, 3), [4], "epochs 2 and 3 were watched");
});

test("a memory that is kept up to date, fresh keys at genesis, and validators that are not active cost no wait", async () => {
  for (const past of [
    { memory: kept(0), freshKeys: false },
    { memory: NEW, freshKeys: true },
  ]) {
    const world = new DutyWorld(7, { past: () => past });
    world.start();
    await end(world, 1);
    assert.ok(world.chain.votes.some(({ attestation }) => attestation.data.slot <= 2));
  }
  const world = new DutyWorld(8, watching(0, 1, 2, 3));
  for (const { beacon } of world.operators)
    for (const { groupKey } of world.keys.cluster.validators) beacon.statuses.set(groupKey, "pending_queued");
  world.start();
  await world.runToSlot(2);
  assert.ok(world.operators.every(({ trusted }) => trusted.at !== undefined));
});

test("a memory that ends epochs ago is watched with when the validators went on signing, and used at once when not", async () => {
  for (const past of [
    "others signed",
    "nobody signed",
    "nobody signed, says a beacon node that was away too",
  ]) {
    const world = new DutyWorld(9, {
      past: (index) => (index === 3 ? { memory: kept(0), freshKeys: false } : undefined),
    });
    for (const index of past === "others signed" ? [] : [0, 1, 2]) world.network.setDown(index, true);
    for (const index of [0, 1, 2]) world.operators[index]?.runner.start();
    await world.runToSlot(firstSlotOf(world.spec, 3) + 3);
    world.restart(3);
    setHeadAge(world, 3, past === "nobody signed" ? 2 : 3);
    world.network.heal();
    await end(world, 6);
    assert.deepEqual(signedEpochs(world, 3), past === "nobody signed" ? [3, 4, 5, 6] : [6], past);
  }
});

/** An operator's beacon node has a head so many slots old; in epochs of eight slots, two are a quarter. */
function setHeadAge(world: DutyWorld, index: number, slots: number): void {
  const beacon = world.operators[index]?.beacon ?? assert.fail();
  const block = beacon.block.bind(beacon);
  beacon.block = async (id, signal) => {
    const found = await block(id, signal);
    if (id !== "head" || found === undefined) return found;
    return { ...found, slot: slotAt(world.spec, world.clock.now()) - slots };
  };
}

test("that no validator is active is not believed of a beacon node that was away too", async () => {
  for (const away of [false, true]) {
    const world = new DutyWorld(13, watching(3));
    for (const index of [0, 1, 2]) world.operators[index]?.runner.start();
    await world.runToSlot(firstSlotOf(world.spec, 1));
    for (const index of [0, 1, 2]) world.network.setDown(index, true);
    await world.runToSlot(firstSlotOf(world.spec, 3) + 3);
    world.restart(3);
    const { statuses } = world.operators[3]?.beacon ?? assert.fail();
    for (const { groupKey } of world.keys.cluster.validators) statuses.set(groupKey, "pending_queued");
    setHeadAge(world, 3, away ? 3 : 2);
    await world.clock.run({ forMs: 1_000 });
    assert.equal(world.operators[3]?.trusted.at !== undefined, !away);
  }
});

test("operators that are put back to copies of their disks contradict nothing that they forgot, not even in the same slot", async () => {
  for (const [seed, later] of [
    [1, 0],
    [3, 0],
    [5, 0],
    [2, 2],
  ] as const) {
    const world = new DutyWorld(seed, {
      past: (_index, disk) => ({ memory: disk.standing(), freshKeys: true }),
    });
    const checkers = new Checkers(world, new Set());
    world.start();
    await world.runToSlot(12);
    const copies = world.operators.map(({ disk }) => disk.copy());
    await world.clock.run({ until: slotStart(world.spec, 12 + later) + 2_600 }); // The votes of the slot are out.
    for (const { index, disk } of world.operators) {
      world.crash(index);
      disk.restore(copies[index] ?? assert.fail());
      world.restart(index);
    }
    for (const { beacon } of world.operators) seeOtherHead(beacon, new Uint8Array(32).fill(0x99));
    await end(world, 2);
    checkers.finish();
    assert.deepEqual(checkers.violations, []);
    const votedFor = world.chain.votes.map(({ attestation }) => attestation.data.slot);
    assert.ok(
      votedFor.filter((slot) => slot > 13 + later).length >= 6,
      "they sign again from the next slot on",
    );
  }
});

test("an epoch does not count as watched when the beacon node saw nothing of what the other operators signed", async () => {
  const world = new DutyWorld(14, watching(3));
  const own = world.operators[3]?.beacon ?? assert.fail();
  const honest = own.liveValidators.bind(own);
  own.liveValidators = async (epoch, ...rest) => (epoch < 3 ? new Set() : honest(epoch, ...rest));
  world.start();
  await end(world, 5);
  assert.deepEqual(signedEpochs(world, 3), [5], "epochs 3 and 4 were watched");
});

test("the word that keys are fresh does not count against what the chain has seen", async () => {
  const world = new DutyWorld(10, {
    past: (index) => (index === 3 ? { memory: NEW, freshKeys: true } : undefined),
  });
  for (const index of [0, 1, 2]) world.operators[index]?.runner.start();
  await world.runToSlot(firstSlotOf(world.spec, 2) + 3);
  world.restart(3);
  await end(world, 5);
  assert.deepEqual(signedEpochs(world, 3), [5]);
  assert.ok(
    world.operators[3]?.log.some(({ sentence }) => sentence.startsWith("--fresh-keys was given, but")),
  );
});

test("a watch that slept through an epoch begins anew", async () => {
  const world = new DutyWorld(11, watching(3));
  world.start();
  await world.runToSlot(firstSlotOf(world.spec, 2) + 4);
  const operator = world.operators[3];
  assert.equal(operator?.runner.status().watching?.quietEpochs, 1);
  operator?.clock.jump(2 * 8 * world.spec.slotMs);
  await world.clock.run({ forMs: 1_000 });
  assert.equal(operator?.runner.status().watching?.quietEpochs, 0);
  assert.ok(operator?.log.some(({ sentence }) => sentence.endsWith("the watch begins anew")));
});

/** The watch of the first operator, by itself; `more` says when, and with what memory. */
const watchOf = (
  world: DutyWorld,
  more: Pick<DoppelgangerWatchOptions, "clock" | "memory"> & Partial<DoppelgangerWatchOptions>,
): DoppelgangerWatch =>
  new DoppelgangerWatch({
    chain: world.spec,
    cluster: world.keys.cluster,
    beacon: world.chain.node(0),
    log: silent,
    freshKeys: false,
    trustMemory: async () => {},
    ...more,
  });

/** A logger, and the errors that it was told. */
function errorsTold(): { readonly log: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const log: Logger = { ...silent, error: (sentence) => void lines.push(sentence), room: () => log };
  return { log, lines };
}

test("in the slot of its own start a node may hear itself", () => {
  const { log, lines } = errorsTold();
  const world = new DutyWorld(12);
  const clock = new SimClock(slotStart(world.spec, 20) + 1_000);
  const watch = watchOf(world, { clock, log, memory: NEW });
  assert.equal(watch.heard({ slot: 20, kind: "attester" }, "signed"), false);
  assert.equal(lines.length, 0);
  assert.equal(watch.double, undefined);
  watch.heard({ slot: 21, kind: "attester" }, "signed");
  watch.heard({ slot: 22, kind: "proposer" }, "led");
  assert.equal(lines.length, 1, "once an epoch");
});

test("a memory is up to date that ends in the epoch before, in this one or in the next, and no other", () => {
  const world = new DutyWorld(12);
  const isOver = (memory: MemoryStanding): boolean =>
    watchOf(world, {
      clock: new SimClock(slotStart(world.spec, 5 * world.spec.slotsPerEpoch)),
      memory,
      freshKeys: true,
    }).over;
  assert.deepEqual(
    [3, 4, 5, 6, 7, 2 ** 40].map((newest) => isOver(kept(newest))),
    [false, true, true, true, false, false],
  );
  assert.ok(!isOver({ ...kept(5), origin: "imported" }) && !isOver({ ...kept(5), newestTarget: undefined }));
});

test("a memory that may be a copy is used when a beacon node has the present, and watched with when none ever has", async () => {
  for (const catchesUp of [true, false]) {
    const world = new DutyWorld(15, { validatorCount: 1 });
    const { spec } = world;
    const [start, epochMs] = [19, 8 * spec.slotMs]; // In epochs of eight slots, two are a quarter.
    const clock = new SimClock(slotStart(spec, start) + 1_000);
    let behind = 3;
    const beacon = {
      block: async () => ({ slot: slotAt(spec, clock.now()) - behind }),
      validators: async ([pubkey]: readonly GroupKey[]) => [{ pubkey, index: 7, status: "active_ongoing" }],
      liveValidators: async () => new Set([7]),
    } as unknown as BeaconNode;
    const watch = watchOf(world, { clock, beacon, memory: { ...kept(2), sameBoot: false } });
    const signs = (...slots: readonly number[]): readonly boolean[] =>
      slots.map((slot) => watch.maySign({ slot, kind: "attester" }));
    const reason = (): string | undefined => watch.status?.reason;
    watch.run(new AbortController().signal).catch(() => {});
    await clock.run({ forMs: epochMs - 1_000 });
    assert.deepEqual(signs(start - 1, start, start + 1), [false, false, false]);
    assert.equal(reason(), "memory may be a copy");
    if (catchesUp) behind = 2;
    await clock.run({ forMs: 4_000 });
    assert.equal(reason(), catchesUp ? undefined : "memory behind");
    assert.deepEqual(signs(start - 1, start, start + 1), [false, false, catchesUp]);
  }
});

test("a node at work that hears its double says so once an epoch, and goes on", async () => {
  const { log, lines } = errorsTold();
  const world = new DutyWorld(12);
  const clock = new SimClock(slotStart(world.spec, 20) + 1_000);
  const watch = watchOf(world, { clock, log, memory: kept(2) });
  assert.ok(watch.over);
  for (const slot of [20, 21, 22, 24]) watch.heard({ slot, kind: "attester" }, "signed");
  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => line.includes("Stop one of the two")));
  assert.ok(watch.over && watch.status === undefined);
});

test("who heard its double tells of it for two whole epochs, and then no longer", async () => {
  const world = new DutyWorld(12);
  const { slotsPerEpoch } = world.spec;
  const clock = new SimClock(slotStart(world.spec, 20) + 1_000);
  const watch = watchOf(world, { clock, memory: kept(2) });
  const slot = 4 * slotsPerEpoch - 1;
  await clock.run({ until: slotStart(world.spec, slot) });
  assert.equal(watch.heard({ slot, kind: "proposer" }, "led"), true);
  const heard = { at: clock.now(), duty: `${slot}/proposer`, evidence: "led" };
  assert.deepEqual(watch.double, heard);
  await clock.run({ until: slotStart(world.spec, 6 * slotsPerEpoch) - 1 });
  assert.deepEqual(watch.double, heard);
  await clock.run({ until: slotStart(world.spec, 6 * slotsPerEpoch) });
  assert.equal(watch.double, undefined);
});

test("whatever offers a partial signature during the watch, none leaves but those nobody can be slashed for", async () => {
  const world = new DutyWorld(13);
  const sent: string[] = [];
  const exchange = new Exchange({
    clock: world.clock,
    chain: world.spec,
    transport: {
      ...world.network.transport(0 as OperatorIndex),
      handle: () => {},
      send: async (_to, _protocol, bytes) => void sent.push(decodePartials(bytes).duty.kind),
    },
    store: new PartialStore([]),
    gate: () => true,
    maySign: (duty) => watch.maySign(duty),
    log: silent,
    meter: unmetered,
    onReceived: () => {},
    onForget: () => {},
    onStanding: () => undefined,
  });
  const watch = watchOf(world, { clock: world.clock, memory: NEW });
  const groupKey = world.keys.cluster.validators[0]?.groupKey as GroupKey;
  const partial = {
    groupKey,
    share: 1 as ShareIndex,
    root: new Uint8Array(32),
    part: 0,
    signature: new Uint8Array(96),
    data: new Uint8Array(1),
  };
  for (const kind of dutyKinds.filter((one) => one !== "info-sync" && one !== "signature"))
    exchange.offer({ slot: 1, kind }, [partial], new AbortController().signal);
  await world.clock.run({ forMs: 10 });
  assert.deepEqual([...new Set(sent)].toSorted(), ["builder-registration", "exit"]);
});

/** A watch under a clock that is so many slots before genesis, beside a beacon node with this head. */
function beforeGenesis(slots: number, memory: MemoryStanding, head: () => number | undefined) {
  const { spec, keys } = new DutyWorld(14, { validatorCount: 1 });
  const world = new SimClock(slotStart(spec, -slots));
  const clock = new OperatorClock(world);
  const trusted: number[] = [];
  const beacon = {
    block: async () => {
      const slot = head();
      if (slot === undefined) throw new Error("down");
      return { slot };
    },
    validators: async ([pubkey]: readonly GroupKey[]) => [{ pubkey, index: 7, status: "active_ongoing" }],
    liveValidators: async () => new Set([7]),
  } as unknown as BeaconNode;
  const watch = new DoppelgangerWatch({
    clock,
    chain: spec,
    cluster: keys.cluster,
    beacon,
    log: silent,
    memory,
    freshKeys: false,
    trustMemory: async () => void trusted.push(clock.now()),
  });
  watch.run(new AbortController().signal).catch(() => {});
  /** Sets the clock to the beginning of a slot, as NTP does some time after the machine has started. */
  const setTo = async (slot: number): Promise<void> => {
    await world.run({ forMs: 5_000 });
    clock.jump(slotStart(spec, slot) - clock.now());
    await world.run({ forMs: 1_000 });
  };
  return { spec, world, clock, watch, trusted, setTo };
}

test("before genesis nothing is believed until a beacon node says, in the last slot, that there is no block yet", async () => {
  let head: number | undefined;
  const { spec, world, watch, trusted } = beforeGenesis(20, NEW, () => head);
  await world.run({ until: slotStart(spec, -1) + 100 });
  assert.equal(watch.over, false);
  head = 0;
  await world.run({ until: spec.genesisTime - 100 });
  assert.ok(watch.over, "it signs from slot 0 on");
  assert.equal(trusted.length, 1);
});

test("a clock that was before genesis and is set trusts no memory that may have gaps", async () => {
  for (const [memory, head] of [
    [NEW, undefined],
    [NEW, 0],
    [kept(3), undefined],
    [kept(3), 0],
  ] as const) {
    const { watch, trusted, setTo } = beforeGenesis(1_000_000, memory, () => head);
    assert.equal(watch.over, false);
    await setTo(200);
    assert.equal(watch.over, false);
    assert.ok(watch.status !== undefined, "it watches");
    assert.deepEqual(trusted, []);
  }
  const { watch, setTo } = beforeGenesis(1_000_000, kept(24), () => undefined);
  await setTo(200);
  assert.ok(watch.over, "a memory that is up to date needs no watch");
});

test("a memory that knows of votes is not believed to be from before genesis, whatever the beacon node says", async () => {
  const { spec, world, watch } = beforeGenesis(20, kept(3), () => 0);
  await world.run({ until: spec.genesisTime - 100 });
  assert.equal(watch.over, false);
});
