import assert from "node:assert/strict";
import { test } from "node:test";
import type { ForwardedRequest } from "../ports/index.ts";
import { STREAM_BEGINS_MS } from "./limits.ts";
import { connectedWorld, FakeNode, json, never } from "./testing/fake-node.ts";

const signal = new AbortController().signal;
const ask = (path: string, headers: Record<string, string> = {}): ForwardedRequest => ({
  method: "GET",
  path,
  headers: new Headers(headers),
});

/** An answer whose body is sent by hand. */
function byHand(type = "application/json"): {
  readonly answer: Response;
  send(text: string): void;
  end(): void;
} {
  let own: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (own = controller) });
  return {
    answer: new Response(body, { headers: { "content-type": type } }),
    send: (text) => own.enqueue(new TextEncoder().encode(text)),
    end: () => own.close(),
  };
}

test("an answer that has begun may take longer than the time limit", async () => {
  const slow = byHand();
  let given: AbortSignal | undefined;
  const node = new FakeNode("one").on("/eth/v1/beacon/pool", (request) => {
    given = request.signal;
    return slow.answer;
  });
  const w = await connectedWorld([node]);
  const response = await w.beacon.forward(ask("/eth/v1/beacon/pool/proposer_slashings"), signal);
  slow.send('{"data":');
  await w.clock.advance(10_000);
  assert.equal(given?.aborted, false, "the request was not given up");
  slow.send("[]}");
  slow.end();
  assert.deepEqual(await response.json(), { data: [] });
  await w.beacon.close();
});

test("an answer that is wanted whole and stalls in its body is given up, and the next node is asked", async () => {
  const path = "/eth/v1/beacon/states/head/validators";
  const stalled = byHand();
  const [stalls, answers] = [new FakeNode("stalls"), new FakeNode("answers")];
  stalls.on(path, () => stalled.answer);
  answers.on(path, () => json({ data: [1] }));
  const w = await connectedWorld([stalls, answers]);
  const question = { ...ask(path), wholeBytesMax: 1_000 };
  const armed = w.clock.armed;
  const answered = w.beacon.forward(question, signal);
  await w.clock.advance(1);
  stalled.send('{"data":');
  await w.clock.advance(2_001);
  assert.deepEqual(await (await answered).json(), { data: [1] });
  assert.equal(w.clock.armed, armed, "no timer is left behind");
  assert.deepEqual([stalls.count(path), answers.count(path)], [1, 1]);
  await (await w.beacon.forward(question, signal)).text();
  assert.deepEqual([stalls.count(path), answers.count(path)], [1, 2], "it counts as a failure of that node");
  await w.beacon.close();
});

test("an answer that is wanted whole and is longer than that is no answer", async () => {
  const path = "/eth/v1/beacon/states/head/validators";
  const node = new FakeNode("long").on(path, () => json({ data: "x".repeat(1_000) }));
  const w = await connectedWorld([node]);
  await assert.rejects(w.beacon.forward({ ...ask(path), wholeBytesMax: 1_000 }, signal), {
    code: "beacon/unavailable",
  });
  await w.beacon.close();
});

test("an event stream leaves no timer behind, and ends with its reader's signal", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  await w.clock.advance(1);
  const [armed, streams] = [w.clock.armed, node.streams];
  const reader = new AbortController();
  const path = "/eth/v1/events?topics=head";
  const response = await w.beacon.forward(ask(path, { accept: "text/event-stream" }), reader.signal);
  assert.equal(response.status, 200);
  assert.equal(w.clock.armed, armed);
  assert.equal(node.streams, streams + 1);
  reader.abort();
  assert.equal(node.streams, streams);
  await w.beacon.close();
});

test("a node that hangs or fails is passed over, and a refusal is an answer", async () => {
  const path = "/eth/v1/beacon/pool/proposer_slashings";
  const [hangs, fails, refuses] = ["hangs", "fails", "refuses"].map((name) => new FakeNode(name)) as [
    FakeNode,
    FakeNode,
    FakeNode,
  ];
  const w = await connectedWorld([hangs, fails, refuses]);
  hangs.on(path, never);
  fails.on(path, () => json({ code: 500, message: "broken" }, 500));
  refuses.on(path, () => json({ code: 400, message: "no" }, 400));
  const answered = w.beacon.forward(ask(path), signal);
  await w.clock.advance(2_001);
  assert.equal((await answered).status, 400);
  assert.deepEqual([hangs.count(path), fails.count(path), refuses.count(path)], [1, 1, 1]);
  await w.beacon.close();
});

test("the last node's failure is handed on as it is, and silence of all is unavailable", async () => {
  const path = "/eth/v1/beacon/pool/proposer_slashings";
  const node = new FakeNode("one").on(path, () => json({ code: 500, message: "broken" }, 500));
  const w = await connectedWorld([node]);
  const failed = await w.beacon.forward(ask(path), signal);
  assert.deepEqual([failed.status, await failed.json()], [500, { code: 500, message: "broken" }]);
  node.on(path, never);
  const silent = assert.rejects(w.beacon.forward(ask(path), signal), { code: "beacon/unavailable" });
  await w.clock.advance(2_001);
  await silent;
  await w.beacon.close();
});

test("credentials of a client stay here, and so do headers of the connection; what is said of the answer goes with it", async () => {
  // Of an answer in SSZ the headers alone say it; Lodestar takes one that lacks them for verified.
  const about = {
    "eth-consensus-dependent-root": `0x${"11".repeat(32)}`,
    "eth-consensus-finalized": "false",
    "eth-consensus-version": "fulu",
    "eth-execution-optimistic": "true",
  };
  const path = "/eth/v1/beacon/pool/proposer_slashings";
  const node = new FakeNode("one").on(path, () =>
    Response.json({ data: [] }, { headers: { ...about, "x-node": "secret" } }),
  );
  const w = await connectedWorld([node]);
  const headers = { authorization: "Bearer of-the-client", cookie: "a=b", accept: "application/json" };
  const answer = await w.beacon.forward(ask(path, headers), signal);
  const asked = node.requests.at(-1) as Request;
  assert.deepEqual([asked.headers.get("authorization"), asked.headers.get("cookie")], [null, null]);
  for (const [name, value] of Object.entries(about)) assert.equal(answer.headers.get(name), value);
  assert.equal(answer.headers.get("x-node"), null);
  await w.beacon.close();
});

test("a node that takes the question for events and says nothing is passed over after a while", async () => {
  const [hangs, tells] = [new FakeNode("hangs"), new FakeNode("tells")];
  const w = await connectedWorld([hangs, tells]);
  hangs.on("/eth/v1/events", never);
  const opened = w.beacon.forward(ask("/eth/v1/events?topics=head"), signal);
  await w.clock.advance(STREAM_BEGINS_MS - 10);
  const before = tells.streams;
  await w.clock.advance(20);
  assert.equal((await opened).status, 200);
  assert.equal(tells.streams, before + 1);
  await w.beacon.close();
});

test("an answer that is none is let go of, so that it holds no connection", async () => {
  let given: AbortSignal | undefined;
  const node = new FakeNode("odd").on("/eth/v1/beacon/pool", (request) => {
    given = request.signal;
    return Object.defineProperty(byHand().answer, "status", { value: 999 });
  });
  const w = await connectedWorld([node]);
  await assert.rejects(w.beacon.forward(ask("/eth/v1/beacon/pool/proposer_slashings"), signal), {
    code: "beacon/unavailable",
  });
  assert.equal(given?.aborted, true);
  await w.beacon.close();
});
