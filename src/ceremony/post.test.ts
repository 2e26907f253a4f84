import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Transport } from "../ports/index.ts";
import { Post, type PostNeeds, RESEND_PROTOCOL } from "./post.ts";
import { LoopbackNetwork } from "./testing/loopback.ts";
import { type MailMember, mailMember, operator } from "./testing/members.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function two(t: TestContext): { network: LoopbackNetwork; a: MailMember; b: MailMember } {
  const network = new LoopbackNetwork(2);
  const [a, b] = [0, 1].map((i) => mailMember(network, i)) as [MailMember, MailMember];
  t.after(() => [a, b].forEach((member) => member.kill()));
  return { network, a, b };
}

test("a message is sent again until its receiver is there", async (t) => {
  const { network, a, b } = two(t);
  b.kill();
  a.post.send(operator(1), "/test/1", text("hello"), a.signal);
  const again = mailMember(network, 1, b.records);
  t.after(() => again.kill());
  const heard = new Promise<Uint8Array>((resolve) => {
    again.node.transport.handle("/test/1", {} as never, (_, message) => {
      resolve(message);
      return undefined;
    });
  });
  assert.deepEqual(await heard, text("hello"));
});

test("a message that does not come is asked for; each gets what is meant for it", async (t) => {
  const { a, b } = two(t);
  assert.equal(await b.post.introduce(operator(0), b.signal), "trireme");
  a.post.keep("secret for each", (to) => text(`for ${to}`));
  assert.deepEqual(await b.post.receive(operator(0), "secret for each", b.signal), text("for 1"));
  // It is remembered like any other.
  assert.ok(b.records.some((record) => record.kind === "received" && record.id === "secret for each"));
});

test("a program without our protocol is told apart from one that cannot be reached or has another definition", async (t) => {
  const { network, a, b } = two(t);
  assert.equal(await a.post.introduce(operator(1), a.signal), "trireme");
  network.intercept = ({ protocol, message }) =>
    protocol === RESEND_PROTOCOL
      ? Uint8Array.from(message, (byte, i) => (i === 5 ? byte ^ 1 : byte))
      : undefined;
  assert.equal(await a.post.introduce(operator(1), a.signal), "another-definition");
  b.kill();
  assert.equal(await a.post.introduce(operator(1), a.signal), "unreachable");
  const charon = network.join(1);
  t.after(() => charon.leave());
  assert.equal(await a.post.introduce(operator(1), a.signal), "another-program");
});

test("a peer that has lost its journal is recognised by both sides' next word and ends the ceremony", async (t) => {
  const { network, a, b } = two(t);
  await a.post.introduce(operator(1), a.signal);
  b.kill();
  const anew = mailMember(network, 1, [{ kind: "begin", attempt: new Uint8Array(16).fill(77) }]);
  t.after(() => anew.kill());
  await anew.post.introduce(operator(0), anew.signal);
  const error = await a.failed;
  assert.equal(error.code, "ceremony/failed");
  assert.match(error.message, /operator 1 has begun the ceremony anew/);
});

test("a peer that asks again and again has few answers in memory at once, each of which may be large", () => {
  let most = Number.POSITIVE_INFINITY;
  const handle: Transport["handle"] = (_, { burstMax }) => {
    most = burstMax;
  };
  new Post({ transport: { handle } } as unknown as PostNeeds);
  // Charon's largest message, of 8,192 validators, has 3 MB.
  assert.ok(most * 3_000_000 < 256 * 1024 * 1024, `${most} at once`);
});

test("a restarted operator still has every message that it had received", async (t) => {
  const { network, a, b } = two(t);
  a.post.keep("m", text("once"));
  await b.post.introduce(operator(0), b.signal);
  await b.post.receive(operator(0), "m", b.signal);
  b.kill();
  a.kill();
  const again = mailMember(network, 1, b.records);
  t.after(() => again.kill());
  assert.deepEqual(await again.post.receive(operator(0), "m", again.signal), text("once"));
});

test("the first message of a name counts; another one under it changes nothing", async (t) => {
  const { b } = two(t);
  await Promise.all(["one", "two"].map((value) => b.mailbox.deliver(operator(0), "m", text(value))));
  assert.deepEqual(b.mailbox.get(operator(0), "m"), text("one"));
  assert.equal(b.records.filter((record) => record.kind === "received").length, 1);
});
