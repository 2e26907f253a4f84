import assert from "node:assert/strict";
import { test } from "node:test";
import type { Proposal } from "../ports/index.ts";
import { ssz } from "../spec/index.ts";
import { connectedWorld, FakeNode, type Handler, json, never, type World } from "./testing/fake-node.ts";
import { recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const randaoReveal = Uint8Array.of(0xc0, ...new Uint8Array(95));
const DUTIES = "/eth/v1/validator/duties/proposer/4";
const VOTE = "/eth/v1/validator/attestation_data";
const BLOCK = "/eth/v3/validator/blocks/130";

/** Answers after so many milliseconds of simulated time; `world` exists only after the nodes. */
function after(ms: number, world: () => World, answer: () => Response): Handler {
  return () =>
    new Promise((resolve) => {
      const { clock } = world();
      clock.at(clock.now() + ms, () => resolve(answer()));
    });
}

/** Lets time pass and says after how many milliseconds the promise settled. */
async function timed<T>(w: World, promise: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedAt = w.clock.now();
  let ms: number | undefined;
  promise.finally(() => (ms ??= w.clock.now() - startedAt)).catch(() => {});
  for (let step = 0; step < 4_000 && ms === undefined; step++) await w.clock.advance(1);
  return { value: await promise, ms: ms ?? Number.NaN };
}

test("a node that is slower than it usually is gets company after its 95th percentile", async () => {
  let w: World;
  const first = new FakeNode("first");
  const second = new FakeNode("second");
  const duties = () => json(recordedJson("duties_proposer.json"));
  w = await connectedWorld([first, second]);
  second.on(DUTIES, never);
  first.on(
    DUTIES,
    after(80, () => w, duties),
  );
  for (let i = 0; i < 5; i++) await timed(w, w.beacon.proposerDuties(4, signal));

  first.on(DUTIES, never);
  second.on(
    DUTIES,
    after(30, () => w, duties),
  );
  second.asked.length = 0;
  const startedAt = w.clock.now();
  let secondAskedAfter: number | undefined;
  second.on(DUTIES, (request) => {
    secondAskedAfter ??= w.clock.now() - startedAt;
    return after(30, () => w, duties)(request);
  });
  const { ms } = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.equal(secondAskedAfter, 80);
  assert.ok(ms >= 110 && ms <= 112, `answered after ${ms} ms`);
  await w.beacon.close();
});

test("the next node is asked at once when the first one fails", async () => {
  const first = new FakeNode("first");
  const w = await connectedWorld([first, new FakeNode("second")]);
  first.on(DUTIES, () => json({ code: 500, message: "broken" }, 500));
  const { ms } = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(ms <= 1, `answered after ${ms} ms`);
  await w.beacon.close();
});

const BEHIND = {
  head_slot: "9",
  sync_distance: "120",
  is_syncing: true,
  is_optimistic: false,
  el_offline: false,
};

test("a node that is behind keeps no slow one company, but is asked when that one fails or is silent for half the time", async () => {
  let w: World;
  const duties = () => json(recordedJson("duties_proposer.json"));
  const well = new FakeNode("well");
  const behind = new FakeNode("behind").on("/eth/v1/node/syncing", () => json({ data: BEHIND }));
  w = await connectedWorld([behind, well]);
  well.on(
    DUTIES,
    after(900, () => w, duties),
  );
  const slow = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(slow.ms >= 900 && slow.ms <= 902, `answered after ${slow.ms} ms`);
  assert.equal(behind.count(DUTIES), 0);

  well.on(DUTIES, never);
  const silent = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(silent.ms >= 1_000 && silent.ms <= 1_002, `answered after ${silent.ms} ms`);

  well.on(DUTIES, () => json({ code: 500, message: "broken" }, 500));
  const failed = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(failed.ms <= 1, `answered after ${failed.ms} ms`);
  assert.equal(behind.count(DUTIES), 2);
  await w.beacon.close();
});

test("a node that fails does not bring in one that is behind while a good one is still asked", async () => {
  let w: World;
  const duties = () => json(recordedJson("duties_proposer.json"));
  const [hangs, fails] = [new FakeNode("hangs"), new FakeNode("fails")];
  const behind = new FakeNode("behind").on("/eth/v1/node/syncing", () => json({ data: BEHIND }));
  w = await connectedWorld([behind, hangs, fails]);
  hangs.on(
    DUTIES,
    after(700, () => w, duties),
  );
  fails.on(DUTIES, () => json({ code: 500, message: "broken" }, 500));
  const { ms } = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(ms >= 700 && ms <= 702, `answered after ${ms} ms`);
  assert.deepEqual([fails.count(DUTIES), behind.count(DUTIES)], [1, 0]);
  await w.beacon.close();
});

test("a node that keeps others waiting or fails is asked first no longer", async () => {
  const hangs = new FakeNode("hangs");
  const fails = new FakeNode("fails");
  const w = await connectedWorld([hangs, fails, new FakeNode("well")]);
  hangs.on(DUTIES, never);
  fails.on(DUTIES, () => new Response("gone", { status: 502 }));
  for (let i = 0; i < 3; i++) await timed(w, w.beacon.proposerDuties(4, signal));
  hangs.asked.length = fails.asked.length = 0;
  const { ms } = await timed(w, w.beacon.proposerDuties(4, signal));
  assert.ok(ms <= 1, `answered after ${ms} ms`);
  assert.deepEqual([hangs.count(DUTIES), fails.count(DUTIES)], [0, 0]);
  await w.beacon.close();
});

test("no call takes longer than its time limit, however many nodes hang", async () => {
  const nodes = ["a", "b", "c"].map((name) => new FakeNode(name));
  const w = await connectedWorld(nodes, { timeoutMs: 700 });
  for (const node of nodes) node.on("/eth/v1/validator", never).on("/eth/v3/", never);
  for (const call of [
    () => w.beacon.proposerDuties(4, signal),
    () => w.beacon.attestationData(129, 0, signal),
    () => w.beacon.produceBlock(130, { randaoReveal }, signal),
    () => w.beacon.prepareProposers([{ validatorIndex: 1, feeRecipient: `0x${"00".repeat(20)}` }], signal),
  ]) {
    const startedAt = w.clock.now();
    const failed = timed<unknown>(w, call());
    await assert.rejects(failed, { code: "beacon/unavailable" });
    assert.ok(w.clock.now() - startedAt <= 702, `took ${w.clock.now() - startedAt} ms`);
  }
  await w.beacon.close();
});

const root = (digits: string): string => `0x${digits.repeat(32)}`;
const voteFor = (block: string): Response => {
  const answer = recordedJson("attestation_data.json");
  answer.data.beacon_block_root = block;
  return json(answer);
};
const head = {
  epoch_transition: false,
  previous_duty_dependent_root: root("01"),
  current_duty_dependent_root: root("02"),
};
const blockEvent = (slot: number, block: string): unknown => ({ slot: String(slot), block });

test("vote data comes from the node that has seen the newest block, also when it answers a little later", async () => {
  let w: World;
  const old = new FakeNode("old");
  const fresh = new FakeNode("fresh");
  w = await connectedWorld([old, fresh]);
  await w.clock.advance(1);
  old.sendEvent("block", blockEvent(128, root("28")));
  fresh.sendEvent("block", blockEvent(129, root("29")));
  await w.clock.advance(1);
  old.on(VOTE, () => voteFor(root("28")));
  fresh.on(
    VOTE,
    after(
      60,
      () => w,
      () => voteFor(root("29")),
    ),
  );
  const { value, ms } = await timed(w, w.beacon.attestationData(129, 0, signal));
  assert.equal(Buffer.from(value.beaconBlockRoot).toString("hex"), "29".repeat(32));
  assert.ok(ms >= 60 && ms <= 62, `answered after ${ms} ms`);

  fresh.on(VOTE, never); // Too late is too late.
  const late = await timed(w, w.beacon.attestationData(129, 0, signal));
  assert.equal(Buffer.from(late.value.beaconBlockRoot).toString("hex"), "28".repeat(32));
  assert.ok(late.ms >= 100 && late.ms <= 102, `answered after ${late.ms} ms`);
  await w.beacon.close();
});

test("vote data for a block of this very slot is not held back for the others", async () => {
  const fresh = new FakeNode("fresh");
  const slow = new FakeNode("slow");
  const w = await connectedWorld([slow, fresh]);
  await w.clock.advance(1);
  fresh.sendEvent("block", blockEvent(129, root("29")));
  slow.on(VOTE, never);
  fresh.on(VOTE, () => voteFor(root("29")));
  const { ms } = await timed(w, w.beacon.attestationData(129, 0, signal));
  assert.ok(ms <= 1, `answered after ${ms} ms`);
  await w.beacon.close();
});

test("a head that nobody told of does not beat a known one", async () => {
  const liar = new FakeNode("liar");
  const honest = new FakeNode("honest");
  const w = await connectedWorld([liar, honest]);
  await w.clock.advance(1);
  honest.sendEvent("block", blockEvent(128, root("28")));
  await w.clock.advance(1);
  liar.on(VOTE, () => voteFor(root("ff")));
  honest.on(VOTE, () => voteFor(root("28")));
  const { value } = await timed(w, w.beacon.attestationData(129, 0, signal));
  assert.equal(Buffer.from(value.beaconBlockRoot).toString("hex"), "28".repeat(32));
  await w.beacon.close();
});

const blockWorth = (execution: string): Response =>
  json({ ...recordedJson("produce_block_v3.json"), execution_payload_value: execution });
const worth = (proposal: Proposal): bigint => proposal.value ?? -1n;

test("the head comes from the node that has seen the newest block, and that of this very slot at once", async () => {
  let w: World;
  const HEAD = "/eth/v1/beacon/blocks/head/root";
  const [old, fresh] = [new FakeNode("old"), new FakeNode("fresh")];
  w = await connectedWorld([old, fresh]);
  await w.clock.advance(1);
  old.sendEvent("head", { ...head, slot: "127", block: root("27") });
  fresh.sendEvent("head", { ...head, slot: "128", block: root("28") });
  await w.clock.advance(1);
  const answer = (block: string) => () => json({ execution_optimistic: false, data: { root: root(block) } });
  old.on(HEAD, answer("27"));
  fresh.on(
    HEAD,
    after(60, () => w, answer("28")),
  );
  const { value, ms } = await timed(w, w.beacon.headRoot(signal));
  assert.equal(Buffer.from(value).toString("hex"), "28".repeat(32));
  assert.ok(ms >= 60 && ms <= 62, `answered after ${ms} ms`);

  fresh.sendEvent("head", { ...head, slot: "129", block: root("29") });
  await w.clock.advance(1);
  old.on(HEAD, never);
  fresh.on(HEAD, answer("29"));
  const now = await timed(w, w.beacon.headRoot(signal));
  assert.ok(now.ms <= 1, `answered after ${now.ms} ms`);
  await w.beacon.close();
});

test("of several blocks the most valuable one is taken, within 200 ms of the first", async () => {
  let w: World;
  const consensus = 715_053_000_000_000n;
  const poor = new FakeNode("poor");
  const rich = new FakeNode("rich");
  const richest = new FakeNode("richest");
  w = await connectedWorld([poor, rich, richest]);
  poor.on(
    BLOCK,
    after(
      20,
      () => w,
      () => blockWorth("5"),
    ),
  );
  rich.on(
    BLOCK,
    after(
      210,
      () => w,
      () => blockWorth("123456789012345678901"),
    ),
  );
  richest.on(
    BLOCK,
    after(
      230,
      () => w,
      () => blockWorth("999999999999999999999"),
    ),
  );
  const { value, ms } = await timed(w, w.beacon.produceBlock(130, { randaoReveal }, signal));
  assert.equal(worth(value), 123456789012345678901n + consensus);
  assert.ok(ms >= 220 && ms <= 222, `answered after ${ms} ms`);
  await w.beacon.close();
});

test("a builder's block is weighed by the boost factor, as the nodes weigh it", async () => {
  const blinded = ssz.fulu.BlindedBeaconBlock.defaultValue();
  blinded.slot = 130;
  blinded.body.randaoReveal = randaoReveal;
  const data = ssz.fulu.BlindedBeaconBlock.toJson(blinded);
  const values = { execution_payload_value: "100", consensus_block_value: "0" };
  const builder = new FakeNode("builder").on(BLOCK, () =>
    json({ version: "fulu", execution_payload_blinded: true, ...values, data }),
  );
  const local = new FakeNode("local").on(BLOCK, () =>
    json({ ...recordedJson("produce_block_v3.json"), ...values, execution_payload_value: "105" }),
  );
  const w = await connectedWorld([builder, local]);
  for (const [boost, wanted] of [
    [undefined, false],
    [100n, false],
    [110n, true],
    [0n, false],
    [2n ** 64n - 1n, true],
  ] as const) {
    const how = boost === undefined ? { randaoReveal } : { randaoReveal, builderBoostFactor: boost };
    const proposal = await w.beacon.produceBlock(130, how, signal);
    assert.equal(proposal.blinded, wanted, `with a factor of ${boost}`);
    if (proposal.blinded) assert.deepEqual(proposal.block, blinded);
  }
  await w.beacon.close();
});

test("a node that does not say what its block is worth loses against one that does", async () => {
  const mute = new FakeNode("mute").on(BLOCK, () => {
    const { version, execution_payload_blinded, data } = recordedJson("produce_block_v3.json");
    return json({ version, execution_payload_blinded, data });
  });
  const w = await connectedWorld([mute, new FakeNode("says")]);
  assert.equal((await w.beacon.produceBlock(130, { randaoReveal }, signal)).value, 715_053_000_000_000n);
  await w.beacon.close();
  const alone = await connectedWorld([mute]);
  assert.equal((await alone.beacon.produceBlock(130, { randaoReveal }, signal)).value, undefined);
  await alone.beacon.close();
});
