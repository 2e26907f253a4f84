import assert from "node:assert/strict";
import { test } from "node:test";
import { BeaconError } from "./errors.ts";
import { connectedWorld, FakeNode, type Handler, json } from "./testing/fake-node.ts";
import { recorded, recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const PATH = "/eth/v1/validator/liveness/";

async function ask(handler: Handler): Promise<ReadonlySet<number>> {
  const { beacon } = await connectedWorld([new FakeNode("one").on(PATH, handler)]);
  try {
    return await beacon.liveValidators(3, [240, 241, 255], signal);
  } finally {
    await beacon.close();
  }
}

test("who was seen is read as a real node told it", async () => {
  let asked: unknown;
  const live = await ask(async (request) => {
    asked = await request.json();
    return new Response(recorded("liveness.json"), { headers: { "content-type": "application/json" } });
  });
  assert.deepEqual([...live], [240, 241, 255]);
  assert.deepEqual(asked, ["240", "241", "255"]);
});

test("silence about a validator, doubles and nonsense are no answer, since they would read as nobody seen", async () => {
  const seen = (index: string, live: unknown): unknown => ({ index, is_live: live });
  const all = [seen("240", false), seen("241", false), seen("255", true)];
  const answers: unknown[] = [
    { data: [] },
    { data: null },
    {},
    { data: all.slice(1) },
    { data: [...all, seen("240", true)] },
    { data: [seen("240", "true"), ...all.slice(1)] },
    { data: [seen("240", undefined), ...all.slice(1)] },
    { data: all, execution_optimistic: true },
  ];
  for (const answer of answers)
    await assert.rejects(
      ask(() => json(answer)),
      BeaconError,
      JSON.stringify(answer),
    );
  assert.deepEqual([...(await ask(() => json({ data: all })))], [255]);
});

test("a refusal carries the node's own words", async () => {
  await assert.rejects(
    ask(() => json(recordedJson("error_liveness_future.json"), 400)),
    (error) =>
      error instanceof BeaconError &&
      error.code === "beacon/refused" &&
      error.facts["reason"] === "Requested epoch cannot be in the future",
  );
});

test("a node that is behind the chain has seen nobody, so another one is asked, or nobody believed", async () => {
  const none = () =>
    json({ data: [240, 241, 255].map((index) => ({ index: String(index), is_live: false })) });
  const syncing = (distance: number, isSyncing: boolean) => () =>
    json({
      data: {
        head_slot: "9",
        sync_distance: String(distance),
        is_syncing: isSyncing,
        is_optimistic: false,
        el_offline: false,
      },
    });
  const node = (name: string, state: Handler, answer: Handler): FakeNode =>
    new FakeNode(name).on("/eth/v1/node/syncing", state).on(PATH, answer);
  const all = [240, 241, 255];
  const behind = node("behind", syncing(120, true), none);
  const seen = node("well", syncing(0, false), () =>
    json({ data: all.map((index) => ({ index: String(index), is_live: true })) }),
  );
  const alone = await connectedWorld([behind]);
  for (const indices of [all, []])
    await assert.rejects(alone.beacon.liveValidators(3, indices, signal), { code: "beacon/syncing" });
  assert.equal(behind.count(PATH), 0);
  await alone.beacon.close();
  const both = await connectedWorld([behind, seen]);
  assert.deepEqual([...(await both.beacon.liveValidators(3, all, signal))], all);
  await both.beacon.close();
  // A chain on which nobody makes blocks has a head that is old, and a node at its end a hair's breadth behind is not behind.
  for (const [distance, isSyncing] of [
    [120, false],
    [1, true],
  ] as const) {
    const still = await connectedWorld([node("still", syncing(distance, isSyncing), none)]);
    assert.deepEqual([...(await still.beacon.liveValidators(3, all, signal))], []);
    assert.deepEqual([...(await still.beacon.liveValidators(3, [], signal))], []);
    await still.beacon.close();
  }
});
