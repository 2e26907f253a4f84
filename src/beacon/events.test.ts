import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEvent } from "../ports/index.ts";
import { EVENTS_PER_SLOT_MAX } from "./limits.ts";
import { connectedWorld, FakeNode, json, type World } from "./testing/fake-node.ts";
import { recorded } from "./testing/fixtures.ts";

const root = (digits: string): `0x${string}` => `0x${digits.repeat(32)}`;
const SLOT_MS = 6_000;

const head = (slot: number, block: string): unknown => ({
  slot: String(slot),
  block: root(block),
  state: root("00"),
  epoch_transition: false,
  previous_duty_dependent_root: root("aa"),
  current_duty_dependent_root: root("bb"),
});

async function listening(nodes: readonly FakeNode[]): Promise<World & { readonly told: ChainEvent[] }> {
  const w = await connectedWorld(nodes);
  const told: ChainEvent[] = [];
  w.beacon.subscribe((event) => void told.push(event), new AbortController().signal);
  await w.clock.advance(1);
  return { ...w, told };
}

const short = (event: ChainEvent): string =>
  event.kind === "reorg" ? `reorg ${event.slot}` : `${event.kind} ${event.slot} ${event.block.slice(2, 4)}`;

test("the recorded event stream is told in order, whatever pieces it arrives in, once for all nodes", async () => {
  for (const pieceBytes of [1, 7, 100, 10_000]) {
    const nodes = [new FakeNode("a"), new FakeNode("b")];
    const w = await listening(nodes);
    await w.clock.advance(2 * SLOT_MS - 1_000); // The recording goes on to slot 131.
    const stream = recorded("events.sse").toString();
    for (const node of nodes)
      for (let at = 0; at < stream.length; at += pieceBytes) node.send(stream.slice(at, at + pieceBytes));
    await w.clock.advance(1);
    assert.deepEqual(w.told.map(short), ["block 130 1c", "head 130 1c", "block 131 02", "head 131 02"]);
    assert.deepEqual(w.told[1], {
      kind: "head",
      slot: 130,
      block: "0x1c2410134f19bd3c6567e0e827ef291056da3a92e3a9a566615c67bb051683e0",
      epochTransition: false,
      previousDutyDependentRoot: "0x462f4437cbe5be193ca482e7689117d969f9622b783f9fa8fb2a5f1eba01155b",
      currentDutyDependentRoot: "0x7d825fb787723ef2dfd52aac7af22805b45f9025f3dcdbeb0d10729b77a44365",
    });
    await w.beacon.close();
  }
});

test("a block that becomes the head again after a reorganisation is told again, by the first node that says so", async () => {
  const [a, b] = [new FakeNode("a"), new FakeNode("b")];
  const w = await listening([a, b]);
  for (const node of [a, b]) {
    node.sendEvent("head", head(128, "11"));
    node.sendEvent("head", head(129, "22"));
    node.sendEvent("chain_reorg", {
      slot: "129",
      depth: "1",
      old_head_block: root("22"),
      new_head_block: root("11"),
    });
    node.sendEvent("head", head(128, "11"));
  }
  await w.clock.advance(1);
  assert.deepEqual(w.told.map(short), ["head 128 11", "head 129 22", "reorg 129", "head 128 11"]);
  await w.beacon.close();
});

test("events that are not events, or of slots to come, are passed over without harm", async () => {
  const node = new FakeNode("a");
  const w = await listening([node]);
  node.sendEvent("head", head(131, "01"));
  node.sendEvent("head", { ...(head(129, "01") as object), slot: "18446744073709551616" });
  node.sendEvent("head", { ...(head(129, "01") as object), slot: "-1" });
  node.sendEvent("head", { ...(head(129, "01") as object), slot: 129 });
  node.sendEvent("head", { ...(head(129, "01") as object), block: "0x01" });
  node.sendEvent("head", null);
  node.sendEvent("finalized_checkpoint", { epoch: "1" });
  node.send("event: head\ndata: {not json\n\n:\n\nnonsense\n\nevent: \n\ndata: 5\n\n");
  node.sendEvent("head", head(129, "22"));
  await w.clock.advance(1);
  assert.deepEqual(w.told.map(short), ["head 129 22"]);
  assert.equal(node.count("/eth/v1/events"), 1);
  await w.beacon.close();
});

test("of a node that floods us with events some of each slot are read, and all of the other node's", async () => {
  const [floods, honest] = [new FakeNode("floods"), new FakeNode("honest")];
  const w = await listening([floods, honest]);
  const flood = (from: number): void => {
    for (let i = from; i < from + 10 * EVENTS_PER_SLOT_MAX; i++)
      floods.sendEvent("block", { slot: "129", block: `0x${i.toString(16).padStart(64, "0")}` });
  };
  flood(0);
  await w.clock.advance(1);
  assert.equal(w.told.length, EVENTS_PER_SLOT_MAX);
  honest.sendEvent("head", head(129, "22"));
  await w.clock.advance(SLOT_MS);
  assert.deepEqual(w.told.slice(EVENTS_PER_SLOT_MAX).map(short), ["head 129 22"]);
  flood(1_000_000);
  await w.clock.advance(1);
  assert.equal(w.told.length, 2 * EVENTS_PER_SLOT_MAX + 1, "another slot, another chance");
  assert.equal(w.log.filter((line) => line.includes("more events than can have happened")).length, 2);
  await w.beacon.close();
});

test("a stream that ends is opened again, sooner at first than after many failures", async () => {
  const node = new FakeNode("a");
  const w = await listening([node]);
  node.hangUp();
  await w.clock.advance(600);
  assert.equal(node.streams, 1);
  node.sendEvent("head", head(129, "22"));
  await w.clock.advance(1);
  assert.deepEqual(w.told.map(short), ["head 129 22"]);

  for (let i = 0; i < 6; i++) {
    node.hangUp();
    await w.clock.advance(600);
    assert.equal(
      node.streams,
      1,
      "a stream that brought something is opened again as soon as the first time",
    );
    node.sendEvent("block", { slot: "129", block: root(`4${i}`) });
    await w.clock.advance(1);
  }

  node.on("/eth/v1/events", () => json({ code: 500, message: "no" }, 500));
  node.hangUp();
  await w.clock.advance(1);
  node.asked.length = 0;
  await w.clock.advance(60_000);
  const tries = node.count("/eth/v1/events");
  assert.ok(tries >= 7 && tries <= 14, `${tries} tries in a minute`);
  await w.beacon.close();
});

test("a stream without a byte for half a minute is taken for dead, and one with comments is not", async () => {
  for (const alive of [false, true]) {
    const node = new FakeNode("a");
    const w = await listening([node]);
    for (let i = 0; i < 8; i++) {
      if (alive) node.send(":\n\n");
      await w.clock.advance(5_000);
    }
    assert.equal(node.count("/eth/v1/events"), alive ? 1 : 2);
    assert.equal(node.streams, 1);
    await w.beacon.close();
  }
});

test("an event without end costs the stream and not our memory", async () => {
  const node = new FakeNode("a");
  const w = await listening([node]);
  node.send("event: head\ndata: ");
  for (let i = 0; i < 20; i++) node.send("x".repeat(8_000));
  await w.clock.advance(1);
  assert.equal(node.streams, 0);
  await w.clock.advance(1_000);
  assert.equal(node.streams, 1);
  await w.beacon.close();
});

test("when no head comes for two slots the head is polled, until a stream brings one", async () => {
  for (const refuse of [true, false]) {
    const node = new FakeNode("a");
    if (refuse) node.on("/eth/v1/events", () => json({ code: 404, message: "no events here" }, 404));
    const w = await listening([node]);
    const dependent = (path: string): string => (path.endsWith("/95/root") ? root("95") : root("27"));
    let block = "30";
    let slot = 129;
    node
      .on("/eth/v1/beacon/headers/head", () =>
        json({ data: { root: root(block), header: { message: { slot: String(slot) } } } }),
      )
      .on("/eth/v1/beacon/blocks/", (request) =>
        json({ data: { root: dependent(new URL(request.url).pathname) } }),
      )
      .on("/eth/v1/beacon/blocks/127/root", () => json({ code: 404, message: "empty slot" }, 404));
    await w.clock.advance(2 * SLOT_MS - 100);
    assert.equal(node.count("/headers/head"), 0);
    await w.clock.advance(SLOT_MS);
    assert.deepEqual(w.told.map(short), ["block 129 30", "head 129 30"]);
    assert.deepEqual(w.told[1], {
      kind: "head",
      slot: 129,
      block: root("30"),
      epochTransition: false,
      previousDutyDependentRoot: root("95"),
      currentDutyDependentRoot: root("27"),
    });
    assert.equal(node.count("/blocks/127/root"), 1);
    assert.equal(node.count("/blocks/126/root"), 1, "an empty slot is stepped over");

    [slot, block] = [130, "31"];
    await w.clock.advance(SLOT_MS);
    assert.deepEqual(
      w.told.map(short).slice(2),
      ["block 130 31", "head 130 31"],
      "each polled head is told once",
    );
    assert.equal(w.log.filter((line) => line.includes("is polled")).length, 1);

    if (!refuse) {
      node.sendEvent("head", head(131, "32"));
      await w.clock.advance(SLOT_MS);
      const polls = node.count("/headers/head");
      await w.clock.advance(SLOT_MS - 1_000);
      assert.equal(node.count("/headers/head"), polls);
    }
    await w.beacon.close();
  }
});

test("old heads of a node that is far behind do not keep the head from being polled", async () => {
  const [behind, well] = [new FakeNode("behind"), new FakeNode("well")];
  const w = await listening([behind, well]);
  well.on("/eth/v1/beacon/headers/head", () =>
    json({ data: { root: root("30"), header: { message: { slot: "129" } } } }),
  );
  for (const [slot, block] of [
    [9, "09"],
    [10, "10"],
    [11, "11"],
    [12, "12"],
  ] as const) {
    await w.clock.advance(SLOT_MS);
    behind.sendEvent("head", head(slot, block));
  }
  assert.ok(w.told.map(short).includes("head 129 30"));
  await w.beacon.close();
});

test("a listener that throws harms neither the others nor the stream, and hears nothing after its signal", async () => {
  const node = new FakeNode("a");
  const w = await listening([node]);
  const stop = new AbortController();
  let heard = 0;
  w.beacon.subscribe(() => {
    heard++;
    throw new Error("listener broke");
  }, stop.signal);
  const after: ChainEvent[] = [];
  w.beacon.subscribe((event) => void after.push(event), new AbortController().signal);
  node.sendEvent("head", head(129, "22"));
  await w.clock.advance(1);
  stop.abort();
  node.sendEvent("head", head(129, "23"));
  await w.clock.advance(1);
  assert.equal(heard, 1);
  assert.equal(after.length, 2);
  assert.equal(w.told.length, 2);
  await w.beacon.close();
});
