import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionFailed } from "../base/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { BeaconError, reasonOf } from "./errors.ts";
import {
  connectedWorld,
  FakeNode,
  type Handler,
  json,
  never,
  type World,
  whileAdvancing,
} from "./testing/fake-node.ts";
import { recorded, recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const keys = recordedJson("validators.json").data.map(
  (one: { validator: { pubkey: GroupKey } }) => one.validator.pubkey,
) as GroupKey[];
const randaoReveal = Uint8Array.of(0xc0, ...new Uint8Array(95));

/** Every way in which a node can fail, and the code that says so when nobody else is there. */
const failures: readonly { readonly name: string; readonly code: string; readonly handler: Handler }[] = [
  {
    name: "connection refused",
    code: "beacon/unavailable",
    handler: () => {
      throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
    },
  },
  { name: "no answer", code: "beacon/unavailable", handler: never },
  {
    name: "an answer that ignores being given up",
    code: "beacon/unavailable",
    handler: () => new Promise(() => {}),
  },
  { name: "400", code: "beacon/refused", handler: () => json({ code: 400, message: "no" }, 400) },
  { name: "500", code: "beacon/unavailable", handler: () => json({ code: 500, message: "oh" }, 500) },
  { name: "503", code: "beacon/syncing", handler: () => json({ code: 503, message: "syncing" }, 503) },
  { name: "HTML of a proxy", code: "beacon/unavailable", handler: () => html(502) },
  { name: "HTML with status 200", code: "beacon/bad-answer", handler: () => html(200) },
  {
    name: "a redirect",
    code: "beacon/bad-answer",
    handler: () => new Response(null, { status: 302, headers: { location: "http://elsewhere/" } }),
  },
  { name: "not JSON", code: "beacon/bad-answer", handler: () => text("{'data': 1}") },
  { name: "no body", code: "beacon/bad-answer", handler: () => text("") },
  { name: "JSON of another shape", code: "beacon/bad-answer", handler: () => json([1, 2]) },
  { name: "data of another shape", code: "beacon/bad-answer", handler: () => json({ data: "none" }) },
  {
    name: "no data",
    code: "beacon/bad-answer",
    handler: () => json({ dependent_root: `0x${"00".repeat(32)}` }),
  },
  {
    name: "a body cut short",
    code: "beacon/bad-answer",
    handler: () => text(recorded("duties_attester.json").toString().slice(0, 700)),
  },
  {
    name: "a body that breaks off",
    code: "beacon/unavailable",
    handler: () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.error(new Error("other side closed")),
        }),
        { headers: { "content-type": "application/json" } },
      ),
  },
];

function html(status: number): Response {
  return new Response("<html><body><h1>Bad gateway</h1></body></html>", {
    status,
    headers: { "content-type": "text/html" },
  });
}
function text(body: string): Response {
  return new Response(body, { headers: { "content-type": "application/json" } });
}

const calls: readonly {
  readonly name: string;
  readonly path: string;
  readonly run: (w: World) => Promise<unknown>;
}[] = [
  {
    name: "validators",
    path: "/eth/v1/beacon/states/head/validators",
    run: (w: World) => w.beacon.validators(keys, signal),
  },
  {
    name: "attesterDuties",
    path: "/eth/v1/validator/duties/attester/4",
    run: (w: World) => w.beacon.attesterDuties(4, [240, 241], signal),
  },
  {
    name: "proposerDuties",
    path: "/eth/v1/validator/duties/proposer/4",
    run: (w: World) => w.beacon.proposerDuties(4, signal),
  },
  {
    name: "attestationData",
    path: "/eth/v1/validator/attestation_data",
    run: (w: World) => w.beacon.attestationData(129, 0, signal),
  },
  {
    name: "produceBlock",
    path: "/eth/v3/validator/blocks/",
    run: (w: World) => w.beacon.produceBlock(130, { randaoReveal }, signal),
  },
  {
    name: "block",
    path: "/eth/v2/beacon/blocks/",
    run: (w: World) => w.beacon.block(129, signal),
  },
];

for (const call of calls) {
  test(`${call.name}: whatever goes wrong with one node, the other's answer is used`, async () => {
    for (const { name, handler } of failures) {
      const sick = new FakeNode("sick");
      const w = await connectedWorld([sick, new FakeNode("well")]);
      sick.on(call.path, handler);
      const answer = await whileAdvancing(w.clock, call.run(w), { maxMs: 2_500 }).catch((error: unknown) => {
        throw new Error(`after ${name}`, { cause: error });
      });
      assert.ok(answer !== undefined, name);
      assert.ok(sick.count(call.path) > 0, `${name}: the sick node was not asked, so nothing was proved`);
      await w.beacon.close();
    }
  });

  test(`${call.name}: when all nodes fail, the error's code says how`, async () => {
    for (const { name, handler, code } of failures) {
      const sick = new FakeNode("sick");
      const w = await connectedWorld([sick]);
      sick.on(call.path, handler);
      await assert.rejects(whileAdvancing(w.clock, call.run(w), { maxMs: 2_500 }), (error: unknown) => {
        assert.ok(error instanceof BeaconError, `${name}: ${String(error)}`);
        assert.equal(error.code, code, name);
        return true;
      });
      await w.beacon.close();
    }
  });
}

test("a node that never answers is said to have given no answer, and for how long", async () => {
  const w = await connectedWorld([new FakeNode("one").on("/eth/v1/validator/duties/proposer", never)]);
  await assert.rejects(
    whileAdvancing(w.clock, w.beacon.proposerDuties(4, signal)),
    (error: unknown) => error instanceof BeaconError && /^no answer within \d+ ms$/.test(reasonOf(error)),
  );
  await w.beacon.close();
});

test("a bug of ours in asking is told as one, and not as the silence of a node", async () => {
  const w = await connectedWorld([new FakeNode("one"), new FakeNode("two")]);
  for (const node of w.nodes)
    node.on("/eth/v1/validator/duties/", () => {
      throw new AssertionFailed("as if a duty had no slot");
    });
  await assert.rejects(whileAdvancing(w.clock, w.beacon.proposerDuties(4, signal)), AssertionFailed);
  await w.beacon.close();
});

test("a refusal carries the node's own reason, cleaned and bounded", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  node.on("/eth/v1/validator/duties/attester/", () => json(recordedJson("error_future_epoch.json"), 400));
  await assert.rejects(w.beacon.attesterDuties(13, [240], signal), (error: BeaconError) => {
    assert.equal(error.code, "beacon/refused");
    assert.equal(error.facts["reason"], "Request epoch 13 can not be greater than next epoch 5");
    assert.equal(error.facts["node"], "one");
    assert.equal(error.facts["status"], 400);
    return true;
  });
  node.on("/eth/v1/validator/duties/attester/", () => json(recordedJson("identity_error.json"), 500));
  await assert.rejects(w.beacon.attesterDuties(13, [240], signal), {
    code: "beacon/unavailable",
    message: "ask the beacon node",
  });
  await w.beacon.close();
});

test("a node that is syncing or optimistic is asked last, and one that is down is not asked first", async () => {
  for (const data of [
    { head_slot: "1", sync_distance: "128", is_syncing: true, is_optimistic: false, el_offline: false },
    { head_slot: "129", sync_distance: "0", is_syncing: false, is_optimistic: true, el_offline: false },
  ]) {
    const behind = new FakeNode("behind").on("/eth/v1/node/syncing", () => json({ data }));
    const w = await connectedWorld([behind, new FakeNode("well")]);
    await w.beacon.attestationData(129, 0, signal);
    await w.beacon.proposerDuties(4, signal);
    assert.equal(behind.count("/eth/v1/validator"), 0);
    assert.equal(w.beacon.status()[0]?.usable, false);
    await w.beacon.close();
  }
});

test("duties that rest on an unverified head are not used", async () => {
  const node = new FakeNode("one").on("/eth/v1/validator/duties/proposer/4", () =>
    json({ ...recordedJson("duties_proposer.json"), execution_optimistic: true }),
  );
  const w = await connectedWorld([node]);
  await assert.rejects(w.beacon.proposerDuties(4, signal), { code: "beacon/syncing" });
  await w.beacon.close();
});

test("a node with its execution client said to be offline still serves, as devnet nodes say so of a healthy one", async () => {
  const w = await connectedWorld([new FakeNode("one")]);
  assert.equal(w.beacon.status()[0]?.executionOffline, true);
  assert.equal((await w.beacon.attestationData(129, 0, signal)).slot, 129);
  await w.beacon.close();
});

test("validators are asked by GET where the POST is missing, a bounded number of keys at a time", async () => {
  for (const status of [404, 405, 415, 501]) {
    const node = new FakeNode("one");
    const w = await connectedWorld([node]);
    node.on("/eth/v1/beacon/states/head/validators", (request) => {
      if (request.method === "POST") return json({ code: status, message: "no such method" }, status);
      const ids = new URL(request.url).searchParams.get("id")?.split(",") ?? [];
      const data = recordedJson("validators.json").data.filter((one: { validator: { pubkey: string } }) =>
        ids.includes(one.validator.pubkey),
      );
      return json({ data });
    });
    const many = Array.from({ length: 130 }, (_, i) => `0x${i.toString(16).padStart(96, "0")}` as GroupKey);
    const found = await w.beacon.validators([...many, ...keys], signal);
    assert.deepEqual(
      found.map(({ pubkey }) => pubkey),
      keys,
    );
    assert.equal(node.count("GET /eth/v1/beacon/states/head/validators"), 3);
    await w.beacon.close();
  }
});

test("the caller's signal ends a call at once, with its own reason", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node, new FakeNode("two").on("/eth/v1/validator", never)]);
  node.on("/eth/v1/validator", () => new Promise(() => {}));
  const reason = new Error("the duty is over");
  const stop = new AbortController();
  const running = [
    w.beacon.attestationData(129, 0, stop.signal),
    w.beacon.proposerDuties(4, stop.signal),
    w.beacon.prepareProposers([{ validatorIndex: 1, feeRecipient: `0x${"00".repeat(20)}` }], stop.signal),
  ];
  const results = Promise.allSettled(running);
  await w.clock.advance(5);
  stop.abort(reason);
  for (const result of await results) assert.deepEqual(result, { status: "rejected", reason });
  await assert.rejects(w.beacon.proposerDuties(4, stop.signal), reason);
  await w.beacon.close();
});

test("close ends what is under way and leaves no timer", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  node.on("/eth/v1/validator", never);
  const call = w.beacon.proposerDuties(4, signal);
  call.catch(() => {});
  await w.clock.advance(5);
  await w.beacon.close();
  await assert.rejects(call, { code: "beacon/unavailable" });
  await w.clock.advance(0);
  assert.equal(w.clock.armed, 0);
});
