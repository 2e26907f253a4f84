import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionFailed, Places } from "../base/index.ts";
import { BUG, DeskError } from "../ports/index.ts";
import { type GroupKey, slotStart } from "../spec/index.ts";
import { type ApiCall, waitUntil } from "./context.ts";
import { LINES_MAX, MINUTE_MS, WAITING_MAX } from "./limits.ts";
import { type ApiWorld, apiWorld } from "./testing/api-world.ts";

const ATTESTERS = "/eth/v1/validator/duties/attester/0";
const toSlot = ({ test: { clock, chain } }: ApiWorld, slot: number): void =>
  clock.moveTo(slotStart(chain.spec, slot));

test("a bug of ours is an answer to the client and a line in the log, and a client that goes away is neither", async () => {
  const world = await apiWorld();
  world.test.moveToVotes(2);
  world.desk.expect("attester", 2);
  const gone = new AbortController();
  const vote = "/eth/v1/validator/attestation_data?slot=2&committee_index=0";
  const left = world.send(new Request(`http://api${vote}`, { signal: gone.signal }));
  gone.abort();
  assert.equal((await left).status, 503);
  assert.ok(!world.log.some((line) => line.includes(BUG)));
  for (const error of [
    new AssertionFailed("as if a vote had no root"),
    new TypeError("as if it had no data"),
  ]) {
    world.desk.decided = async () => {
      throw error;
    };
    for (const path of [vote, "/eth/v1/beacon/blocks/head/root"]) {
      const { status, body } = await world.get(path);
      assert.deepEqual([status, body.code], [500, 500], path);
      assert.ok(!body.message.includes("as if"));
    }
    const lines = world.log.splice(0).filter((line) => line.includes(BUG) && line.includes(error.message));
    assert.equal(lines.length, 2);
  }
});

test("who waits for a vote is not kept out by long lists of another", async () => {
  const { test: world } = await apiWorld();
  const waiting = new Places(WAITING_MAX);
  let ended = false;
  waiting.take("another", WAITING_MAX, () => {
    ended = true;
  });
  const request = new Request("http://api/");
  const call = { clock: world.clock, request, waiting, from: { address: "own" } } as unknown as ApiCall;
  const soon = world.clock.now() + 1;
  assert.equal(await waitUntil(call, soon, "the vote", async () => "the vote"), "the vote");
  assert.ok(ended);
  assert.equal(waiting.taken, 0);
  const gone = { ...call, request: new Request("http://api/", { signal: AbortSignal.abort() }) };
  const forGood = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.throwIfAborted();
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  await assert.rejects(waitUntil(gone, soon, "the vote", forGood), /the client has gone/);
});

test("a list of refused signatures is one line in the log, and each of them is named to the client", async () => {
  const world = await apiWorld();
  const message = { slot: "2", beacon_block_root: `0x${"00".repeat(32)}`, signature: `0x${"00".repeat(96)}` };
  const strangers = [101, 102, 103].map((index) => ({ ...message, validator_index: String(index) }));
  const { status, body } = await world.post("/eth/v1/beacon/pool/sync_committees", strangers);
  assert.deepEqual([status, body.failures.length], [400, 3]);
  assert.equal(world.log.filter((line) => line.includes("refused; the first of them")).length, 1);
});

test("whoever sends thousands of wrong signatures fills no log: so many lines a minute, and how many were left out", async () => {
  const world = await apiWorld();
  const message = { slot: "2", beacon_block_root: `0x${"00".repeat(32)}`, signature: `0x${"00".repeat(96)}` };
  const send = () =>
    world.post("/eth/v1/beacon/pool/sync_committees", [{ ...message, validator_index: "101" }]);
  const lines = (): readonly string[] =>
    world.log.splice(0).filter((line) => line.includes("refused; the first of them"));
  for (let i = 0; i < LINES_MAX + 7; i++) assert.equal((await send()).status, 400);
  assert.equal(lines().length, LINES_MAX);
  world.test.clock.moveTo(world.test.clock.now() + MINUTE_MS);
  await send();
  await send();
  assert.deepEqual(
    lines().map((line) => /unsaid\W+7\b/.test(line)),
    [true, false],
  );
});

test("an exit is told of when it was taken, and not when anybody sends one that is none", async () => {
  const world = await apiWorld();
  const exit = { message: { epoch: "0", validator_index: "1" }, signature: `0x${"00".repeat(96)}` };
  const told = (): number => world.log.filter((line) => line.includes("Exit submitted")).length;
  world.desk.verdict = () => new DeskError("duty/wrong-share", "not our share");
  assert.equal((await world.post("/eth/v1/beacon/pool/voluntary_exits", exit)).status, 400);
  assert.equal(told(), 0);
  world.desk.verdict = () => undefined;
  assert.equal((await world.post("/eth/v1/beacon/pool/voluntary_exits", exit)).status, 200);
  assert.equal(told(), 1);
});

test("an answer that rests on an unverified head is not kept beyond its slot", async () => {
  let unverified = true;
  const world = await apiWorld({ forward: () => undefined });
  const { handle } = world.test.chain;
  world.test.chain.handle = async (request) => {
    const answer = await handle(request);
    const json = (await answer.json()) as object;
    return Response.json({ ...json, execution_optimistic: unverified }, { status: answer.status });
  };
  const asked = async (): Promise<[boolean, boolean]> => {
    const duties = await world.post(ATTESTERS, ["0"]);
    const validators = await world.get("/eth/v1/beacon/states/head/validators");
    return [duties.body.execution_optimistic, validators.body.execution_optimistic];
  };
  toSlot(world, 1);
  for (let i = 0; i < 3; i++) assert.deepEqual(await asked(), [true, true]);
  assert.equal(world.asked.length, 2, "the same answer serves the slot");
  unverified = false;
  toSlot(world, 2);
  for (let slot = 2; slot < 4; slot++) {
    toSlot(world, slot);
    assert.deepEqual(await asked(), [false, false]);
  }
  assert.equal(world.asked.length, 4, "and a verified one the epoch");
});

test("an error that comes as a success is not served to all clients for an epoch", async () => {
  let broken = true;
  const world = await apiWorld({
    forward: () => (broken ? Promise.resolve(Response.json({ code: 500, message: "broken" })) : undefined),
  });
  const ask = async (): Promise<number[]> => [
    (await world.get("/eth/v1/config/spec")).status,
    (await world.get("/eth/v1/validator/duties/proposer/0")).status,
    (await world.get("/eth/v1/beacon/states/head/validators")).status,
  ];
  assert.deepEqual(await ask(), [502, 502, 502]);
  broken = false;
  assert.deepEqual(await ask(), [200, 200, 200]);
});

test("duties without the root that they depend on are no answer", async () => {
  const world = await apiWorld({ forward: async () => Response.json({ data: [] }) });
  assert.equal((await world.get("/eth/v1/validator/duties/proposer/0")).status, 502);
});

test("a redirect of the beacon node is its failure, and nothing that a client is sent after", async () => {
  const away = new Response(null, { status: 302, headers: { location: "http://elsewhere/" } });
  const world = await apiWorld({ forward: async () => away });
  assert.equal((await world.get("/eth/v1/config/spec")).status, 502);
});

test("sync duties of any epoch of the period are one answer", async () => {
  const world = await apiWorld();
  const { slotsPerEpoch } = world.test.chain.spec;
  toSlot(world, 5 * slotsPerEpoch);
  for (const epoch of [0, 1, 5, 6]) {
    const { status, body } = await world.post(`/eth/v1/validator/duties/sync/${epoch}`, ["0", "1"]);
    assert.equal(status, 200, `epoch ${epoch}`);
    assert.ok(Array.isArray(body.data));
  }
  assert.deepEqual(
    world.asked.filter((line) => line.includes("/sync/")),
    ["POST /eth/v1/validator/duties/sync/5"],
  );
});

test("whatever a client signs is handed in under the name of its connection", async () => {
  const world = await apiWorld();
  world.test.moveTo(4);
  const from = { address: "127.0.0.1" };
  const signature = `0x${"00".repeat(96)}`;
  const own = { slot: "4", validator_index: "1" };
  const post = (path: string, item: object): Promise<Response> => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify([{ ...own, ...item }]);
    return world.api.handle(new Request(`http://api${path}`, { method: "POST", body, headers }), from);
  };
  const group = new Uint8Array(96);
  world.desk.reach({ kind: "prepare-aggregator", slot: 4, groupKey: world.groupKeys[1] as GroupKey }, group);
  const root = `0x${"00".repeat(32)}`;
  await post("/eth/v1/beacon/pool/sync_committees", { beacon_block_root: root, signature });
  await post("/eth/v1/validator/beacon_committee_selections", { selection_proof: signature });
  const block = `http://api/eth/v3/validator/blocks/4?randao_reveal=${signature}`;
  await world.api.handle(new Request(block), from);
  assert.deepEqual(
    world.desk.senders.map((sender) => sender === from),
    [true, true, true],
  );
});

test("whoever sends lists of thousands is read bit by bit, and a client at another address is answered before", async () => {
  const world = await apiWorld();
  const message = { beacon_block_root: `0x${"00".repeat(32)}`, signature: `0x${"00".repeat(96)}` };
  const post = async (name: string, count: number, address: string): Promise<string> => {
    const list = Array.from({ length: count }, () => ({ ...message, slot: "2", validator_index: "1" }));
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(list);
    const path = "http://api/eth/v1/beacon/pool/sync_committees";
    const answer = await world.api.handle(new Request(path, { method: "POST", body, headers }), { address });
    assert.equal(answer.status, 200);
    answered.push(name);
    return name;
  };
  const answered: string[] = [];
  const flood = Array.from({ length: 3 }, (_, i) => post(`flood ${i}`, 1_000, "10.0.0.2"));
  await Promise.all([...flood, post("honest", 2, "127.0.0.1")]);
  assert.equal(answered[0], "honest");
});
