import assert from "node:assert/strict";
import { test } from "node:test";
import { FORWARDED_MAX, PASSAGE_QUICK_MS, SLOW_PASSAGES_MAX, STREAMS_MAX } from "./limits.ts";
import { type ApiAnswer, type ApiWorld, apiWorld } from "./testing/api-world.ts";

const pass = (world: ApiWorld, ms: number): void => world.test.clock.moveTo(world.test.clock.now() + ms);
const answered = async (): Promise<Response> => new Response("{}");

test("a path in another spelling is refused, so that no rule for its plain form is passed by", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of [
    "/%65th/v1/validator/prepare_beacon_proposer",
    "//eth/v1/validator/prepare_beacon_proposer",
    "/eth/v1//validator/prepare_beacon_proposer",
    "/eth%2Fv1/validator/prepare_beacon_proposer",
    "/x%2F..%2Feth/v1/validator/prepare_beacon_proposer",
    "/eth/v2/beacon/pool/%61ttestations",
  ]) {
    const { status, body } = await world.post(path, []);
    assert.equal(status, 400, path);
    assert.match(body.message, /plain/);
  }
  assert.equal((await world.get("/eth/v1/node/%70eers")).status, 400);
  assert.deepEqual(world.asked, []);
});

test("of what is sent outside the beacon API only the known questions of clients are handed on", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of ["/ETH/v1/validator/prepare_beacon_proposer", "/eth", "/lighthouse/add_peer", "/x"])
    assert.equal((await world.post(path, [])).status, 501, path);
  assert.deepEqual(world.asked, []);
  const known = ["/prysm/validators/performance", "/nimbus/v1/timesync"];
  for (const path of known) assert.equal((await world.post(path, {})).status, 200, path);
  assert.deepEqual(
    world.asked,
    known.map((path) => `POST ${path}`),
  );
});

test("a body that does not say that it is JSON or SSZ is refused, as a web page's that asks nobody first", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of ["/eth/v1/validator/beacon_committee_subscriptions", "/eth/v2/beacon/pool/attestations"])
    for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded"]) {
      const request = new Request(`http://api${path}`, { method: "POST", body: new Uint8Array([91, 93]) });
      request.headers.set("eth-consensus-version", "fulu");
      if (type !== undefined) request.headers.set("content-type", type);
      assert.equal((await world.send(request)).status, 415, `${path} ${type}`);
    }
  assert.deepEqual(world.asked, []);
  const subscriptions = "/eth/v1/validator/beacon_committee_subscriptions";
  for (const type of ["application/json", "application/json; charset=utf-8", "application/octet-stream"])
    assert.equal((await world.post(subscriptions, [], { "content-type": type })).status, 200, type);
});

test("slow passages end the oldest of them when there are many, and never a quick one or a stream", async () => {
  const ended: string[] = [];
  const endless = async ({ path }: { readonly path: string }, signal: AbortSignal): Promise<Response> => {
    signal.addEventListener("abort", () => ended.push(path));
    return new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1)) }));
  };
  const world = await apiWorld({ forward: endless });
  const open = (path: string): Promise<Response> => world.api.handle(new Request(`http://api${path}`));
  await open("/eth/v1/events");
  for (let i = 0; i < SLOW_PASSAGES_MAX; i++) await open(`/eth/v1/node/slow/${i}`);
  pass(world, PASSAGE_QUICK_MS);
  assert.deepEqual(ended, []);
  for (const name of ["a", "b"]) await open(`/eth/v1/node/${name}`);
  assert.deepEqual(ended, [], "they may be quick");
  pass(world, PASSAGE_QUICK_MS);
  assert.deepEqual(ended, ["/eth/v1/node/slow/0", "/eth/v1/node/slow/1"]);
  const { body } = await open("/eth/v1/node/last");
  await body?.cancel();
  pass(world, PASSAGE_QUICK_MS);
  assert.equal(ended.length, 2, "one that has ended counts no more");
});

test("a passage that is ended before it is answered says why", async () => {
  const silent = (_: unknown, signal: AbortSignal): Promise<Response> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const world = await apiWorld({ forward: silent });
  const answers = Array.from({ length: SLOW_PASSAGES_MAX + 1 }, (_, i) => world.get(`/eth/v1/node/${i}`));
  await new Promise(setImmediate);
  pass(world, PASSAGE_QUICK_MS);
  const { status, body } = (await answers[0]) as ApiAnswer;
  assert.deepEqual([status, body.message], [503, "too many slow requests are under way to the beacon node"]);
  world.api.close();
  await Promise.allSettled(answers);
});

test("who has hundreds of requests under way, or dozens of slow ones, ends his own and nobody else's", async () => {
  const ended: string[] = [];
  const silent = ({ path }: { readonly path: string }, signal: AbortSignal): Promise<Response> =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        ended.push(path);
        reject(signal.reason as Error);
      }),
    );
  const world = await apiWorld({ forward: silent });
  const ask = (path: string, address: string): Promise<Response> =>
    world.api.handle(new Request(`http://api/eth/v1/node/${path}`), { address });
  const answers = [ask("honest", "127.0.0.1")];
  for (let i = 0; i < FORWARDED_MAX + 3; i++) answers.push(ask(`flood/${i}`, "10.0.0.2"));
  await new Promise(setImmediate);
  const own = (): readonly string[] => ended.filter((path) => path.includes("honest"));
  assert.deepEqual([ended.length, own().length], [4, 0]);
  pass(world, PASSAGE_QUICK_MS);
  assert.deepEqual([ended.length, own().length], [FORWARDED_MAX + 4 - SLOW_PASSAGES_MAX, 0]);
  world.api.close();
  await Promise.allSettled(answers);
});

test("an answer with keys is passed on as it comes, however long it is", async () => {
  let pulled = 0;
  const endless = async (): Promise<Response> =>
    new Response(
      new ReadableStream({
        pull(controller) {
          pulled++;
          controller.enqueue(Buffer.from(`{"pubkey":"${world.groupKeys[0]}","amount":"1"},`.repeat(200)));
        },
      }),
      { headers: { "content-type": "application/json", "eth-consensus-version": "fulu" } },
    );
  const world: ApiWorld = await apiWorld({ forward: endless });
  const path = "http://api/eth/v1/beacon/states/head/pending_deposits";
  const answer = await world.api.handle(new Request(path));
  assert.equal(answer.headers.get("eth-consensus-version"), "fulu");
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  assert.ok(Buffer.from(value ?? []).includes(world.shares[0] as string));
  assert.ok(!Buffer.from(value ?? []).includes(world.groupKeys[0] as string));
  assert.ok(pulled < 10);
  await reader.cancel();
});

test("who opens streams without end loses the oldest of them, and closes nobody else's", async () => {
  const ended: string[] = [];
  const silent = async ({ path }: { readonly path: string }, signal: AbortSignal): Promise<Response> => {
    signal.addEventListener("abort", () => ended.push(path.split("=")[1] as string));
    return new Response(new ReadableStream());
  };
  const world = await apiWorld({ forward: silent });
  const open = (name: string, from: string, client: string): Promise<Response> =>
    world.api.handle(
      new Request(`http://api/eth/v1/events?topics=${name}`, { headers: { "user-agent": client } }),
      { address: from },
    );
  await open("vouch", "127.0.0.1", "Vouch/1.13");
  for (let i = 0; i < 4; i++) await open(`prysm${i}`, "10.0.0.2", "Prysm/v7");
  for (let i = 5; i < STREAMS_MAX; i++) await open(`teku${i}`, "127.0.0.1", "teku/v26");
  assert.equal(ended.length, 0);
  await open("more", "127.0.0.1", "teku/v26");
  await open("lodestar", "127.0.0.1", "Lodestar/v1.30");
  await open("prysm4", "10.0.0.2", "Prysm/v7");
  assert.deepEqual(
    ended.splice(0),
    ["teku5", "teku6", "teku7"],
    "of the address, and there of the client, with most",
  );
  for (let i = 0; i < STREAMS_MAX; i++) await open(`flood${i}`, "10.0.0.3", `x${i}`);
  for (const name of ["vouch", "lodestar", "prysm0"])
    assert.ok(!ended.includes(name), "addresses come first");
  assert.equal(world.api.status().streams, STREAMS_MAX);
});

test("what one client asks for alone waits with what is passed on, and not with what all clients need", async () => {
  const alone: string[] = [];
  const world = await apiWorld({
    forward: ({ path, forOneClient }) => {
      if (forOneClient === true) alone.push(path);
      return undefined;
    },
  });
  await world.get("/eth/v1/beacon/states/1/validators?id=0");
  await world.post("/eth/v1/validator/duties/attester/9999", ["0"]);
  await world.post("/eth/v1/validator/duties/attester/0", ["0"]);
  assert.deepEqual(alone, ["/eth/v1/beacon/states/1/validators", "/eth/v1/validator/duties/attester/9999"]);
});
