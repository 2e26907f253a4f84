import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { DeskError } from "../ports/index.ts";
import { dutyDue, type GroupKey } from "../spec/index.ts";
import { type ApiWorld, apiWorld, GENESIS } from "./testing/api-world.ts";

const PATH = "/eth/v1/validator/beacon_committee_selections";
const SYNC_PATH = "/eth/v1/validator/sync_committee_selections";
const own = (index: number): string => toHex(new Uint8Array(96).fill(index + 1));
const group = (index: number): Uint8Array => new Uint8Array(96).fill(0x80 + index);

const selections = (items: readonly (readonly [validator: number, slot: number])[]) =>
  items.map(([validator, slot]) => ({
    validator_index: String(validator),
    slot: String(slot),
    selection_proof: own(validator),
  }));
const reach = (world: ApiWorld, validator: number, slot: number): void =>
  world.desk.reach(
    { kind: "prepare-aggregator", slot, groupKey: world.groupKeys[validator] as GroupKey },
    group(validator),
  );
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("selections are answered in the order of the request, however they came about", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const answer = world.post(
    PATH,
    selections([
      [3, 5],
      [0, 4],
      [2, 7],
      [1, 6],
    ]),
  );
  for (const [validator, slot] of [
    [1, 6],
    [2, 7],
    [0, 4],
    [3, 5],
  ] as const)
    reach(world, validator, slot);
  const { status, body } = await answer;
  assert.equal(status, 200);
  assert.deepEqual(
    body.data.map((item: { validator_index: string }) => item.validator_index),
    ["3", "0", "2", "1"],
  );
  assert.equal(body.data[0].selection_proof, toHex(group(3)));
  assert.equal(world.desk.submitted.length, 4);
});

test("those that reached the threshold are answered when the slot's aggregate is due, the others are left out", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const answer = world.post(
    PATH,
    selections([
      [2, 4],
      [0, 4],
      [1, 4],
    ]),
  );
  await settle();
  reach(world, 2, 4);
  reach(world, 1, 4);
  await settle();
  world.test.clock.moveTo(dutyDue(world.test.chain.spec, { slot: 4, kind: "aggregator" }));
  const { body } = await answer;
  assert.deepEqual(
    body.data.map((item: { validator_index: string }) => item.validator_index),
    ["2", "1"],
  );
  assert.equal(world.desk.waiting, 0);
});

test("a client that cannot take a shorter list gets its own proof back where the threshold was not reached", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const request = new Request(`http://api${PATH}`, {
    method: "POST",
    body: JSON.stringify(
      selections([
        [0, 4],
        [1, 4],
      ]),
    ),
    headers: { "content-type": "application/json", "user-agent": "Prysm/v7.1.0" },
  });
  const answer = world.send(request);
  await settle();
  reach(world, 1, 4);
  await settle();
  world.test.clock.moveTo(dutyDue(world.test.chain.spec, { slot: 4, kind: "aggregator" }));
  const { body } = await answer;
  assert.deepEqual(
    body.data.map((item: { selection_proof: string }) => item.selection_proof),
    [own(0), toHex(group(1))],
  );
});

test("an epoch's selections are answered before the client gives up, though some slots are far ahead", async () => {
  const world = await apiWorld({ slotMs: 12_000, slotsPerEpoch: 32 });
  world.test.moveTo(0);
  const answer = world.post(
    PATH,
    selections([
      [0, 1],
      [1, 17],
      [2, 31],
    ]),
    { "user-agent": "Lodestar/v1.40" },
  );
  await settle();
  reach(world, 1, 17);
  await settle();
  world.test.clock.moveTo(GENESIS + 10_000);
  const { body } = await answer;
  assert.deepEqual(
    body.data.map((item: { slot: string }) => item.slot),
    ["17"],
  );
});

test("selections that the desk refuses are not waited for", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  world.desk.verdict = (item) =>
    item.groupKey === world.groupKeys[0] ? new DeskError("duty/wrong-share", "not our share") : undefined;
  reach(world, 1, 4);
  const { body } = await world.post(
    PATH,
    selections([
      [0, 4],
      [1, 4],
    ]),
  );
  assert.equal(body.data.length, 1);
  assert.ok(world.log.some((line) => line.includes("not our share")));
});

test("when none of the selections was taken the client hears why", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  world.desk.verdict = () =>
    new DeskError("duty/wrong-share", "not our share", { hint: "Load the right ones." });
  const { status, body } = await world.post(PATH, selections([[0, 4]]));
  assert.equal(status, 400);
  assert.equal(body.message, "not our share. Load the right ones.");
  world.desk.verdict = () => new DeskError("duty/unavailable", "the node is stopping");
  assert.equal((await world.post(PATH, selections([[0, 4]]))).status, 503);
});

test("a client whose votes wait for its selections has the answer before they are due", async () => {
  const world = await apiWorld();
  const chain = world.test.chain.spec;
  world.test.moveTo(4);
  const prysm = { "user-agent": "Prysm/v7.1.6" };
  const answer = world.post(PATH, selections([[0, 31]]), prysm);
  await settle();
  assert.equal(world.desk.waiting, 1);
  world.test.clock.moveTo(dutyDue(chain, { slot: 4, kind: "attester" }) - Math.floor(chain.slotMs / 12));
  assert.equal((await answer).body.data[0].selection_proof, own(0));
});

test("of more selections than can be waited for the longest list is answered at once with what is there", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const list = (count: number) => selections(Array.from({ length: count }, () => [0, 20] as const));
  const longest = world.post(PATH, [...list(8_100), ...selections([[1, 20]])]);
  reach(world, 1, 20);
  const others = [8_000, 500].map((count) => world.post(PATH, list(count)));
  assert.deepEqual(
    (await longest).body.data.map((item: { validator_index: string }) => item.validator_index),
    ["1"],
  );
  while (world.desk.waiting < 2) await settle();
  assert.equal(world.api.status().waiting, 8_500);
  reach(world, 0, 20);
  assert.deepEqual(
    await Promise.all(others.map(async (answer) => (await answer).body.data.length)),
    [8_000, 500],
  );
  assert.equal(world.api.status().waiting, 0);
});

test("selections that were refused wait for nothing, and keep nobody out", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const wrong = new DeskError("duty/wrong-share", "not our share");
  world.desk.verdict = ({ groupKey }) => (groupKey === world.groupKeys[0] ? wrong : undefined);
  const many = Array.from({ length: 8_000 }, () => [0, 20] as const);
  const waiting = world.post(PATH, selections([...many, [1, 20]]));
  while (world.desk.waiting < 1) await settle();
  assert.equal(world.api.status().waiting, 1);
  reach(world, 1, 20);
  assert.equal((await waiting).body.data.length, 1);
});

test("a validator in several subcommittees has a selection in each", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const items = [2, 0].map((subcommittee) => ({
    ...selections([[1, 4]])[0],
    subcommittee_index: String(subcommittee),
  }));
  for (const subcommitteeIndex of [0, 2])
    world.desk.reach(
      {
        kind: "prepare-sync-contribution",
        slot: 4,
        groupKey: world.groupKeys[1] as GroupKey,
        subcommitteeIndex,
      },
      group(subcommitteeIndex),
    );
  const { body } = await world.post(SYNC_PATH, items);
  assert.deepEqual(
    body.data.map((item: { subcommittee_index: string; selection_proof: string }) => [
      item.subcommittee_index,
      item.selection_proof,
    ]),
    [
      ["2", toHex(group(2))],
      ["0", toHex(group(0))],
    ],
  );
});
