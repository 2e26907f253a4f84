import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { proto, toHex } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { broadcastHash } from "./broadcast.ts";
import { proveShown, Shown, shownMail } from "./shown.ts";
import { LoopbackNetwork } from "./testing/loopback.ts";
import { kind, type MailMember, mailMember, memberKeys, operator, session } from "./testing/members.ts";
import { BCastMessage, BCastSigRequest, BCastSigResponse } from "./wire.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const any = { typeUrl: "type.googleapis.com/dkg.dkgpb.v1.Test", value: text("a message") };

function four(t: TestContext): { network: LoopbackNetwork; members: MailMember[] } {
  const network = new LoopbackNetwork(4);
  const members = [0, 1, 2, 3].map((i) => mailMember(network, i));
  t.after(() => members.forEach((member) => member.kill()));
  return { network, members };
}

for (const version of [1, 2] as const)
  test(`a broadcast of version ${version} reaches everyone, and only under that version`, async (t) => {
    const { network, members } = four(t);
    const seen: string[] = [];
    network.intercept = ({ protocol }) => void seen.push(protocol);
    for (const member of members) member.broadcast.speak(version);
    const [author] = members as [MailMember];
    await author.broadcast.send(kind, any.value, author.signal);
    for (const member of members.slice(1))
      assert.deepEqual(await member.broadcast.receive(operator(0), kind, member.signal), any.value);
    const wanted = [`/charon/dkg/bcast/${version}.0.0/sig`, `/charon/dkg/bcast/${version}.0.0/msg`];
    assert.deepEqual(new Set(seen.filter((protocol) => protocol.startsWith("/charon"))), new Set(wanted));
  });

test("the hash that all sign binds type and content, and in version 2 session and name, each with its length", () => {
  const sha = (...parts: Uint8Array[]): string =>
    createHash("sha256").update(Buffer.concat(parts)).digest("hex");
  assert.equal(toHex(broadcastHash(1, session, "id", any)).slice(2), sha(text(any.typeUrl), any.value));
  const lengths = [32, 2, any.typeUrl.length, any.value.length].map((n) =>
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n),
  );
  const parts = [session, text("id"), text(any.typeUrl), any.value];
  assert.equal(
    toHex(broadcastHash(2, session, "id", any)).slice(2),
    sha(...parts.flatMap((part, i) => [lengths[i] as Uint8Array, part])),
  );
});

/** Everyone has been introduced to everyone, as before a ceremony begins. */
async function met(members: readonly MailMember[]): Promise<void> {
  for (const [i, member] of members.entries())
    for (const j of members.keys()) if (j !== i) await member.post.introduce(operator(j), member.signal);
}

/** What the first member shows of another message than it shows the others. */
function otherFace(attempt: Uint8Array): Uint8Array {
  const message = { ...any, value: text("another message") };
  const hash = broadcastHash(2, session, kind.id, message);
  return BCastSigRequest.encode({
    id: kind.id,
    message,
    proof: proveShown(memberKeys(4)[0] as NodeKey, attempt, hash),
  });
}
const firstAttempt = new Uint8Array(16).fill(0);

test("an author that shows two operators different messages gets none through, and every honest operator names it", async (t) => {
  const { network, members } = four(t);
  await met(members);
  network.intercept = ({ from, to, protocol }) =>
    from === 0 && to === 2 && protocol.endsWith("/sig") ? otherFace(firstAttempt) : undefined;
  const [author, ...honest] = members as [MailMember, ...MailMember[]];
  const sending = author.broadcast.send(kind, any.value, author.signal).catch((error: unknown) => error);
  const waiting = honest.map((member) => member.broadcast.receive(operator(0), kind, member.signal));
  for (const one of waiting) one.catch(() => {}); // They end with the test.
  for (const member of honest) {
    const error = await member.failed;
    assert.equal(error.code, "ceremony/lied");
    assert.equal(error.facts["operator"], 0);
    assert.match(
      error.message,
      /operator 0 has shown operator \d another part of the keys than us, and signed both/,
    );
  }
  author.kill();
  assert.match(String(await sending), /killed/);
});

test("two different messages are remembered over a restart, and what was shown then still counts", async (t) => {
  const { network, members } = four(t);
  await met(members);
  network.intercept = ({ from, to, protocol }) =>
    from === 0 && to === 2 && protocol.endsWith("/sig") ? otherFace(firstAttempt) : undefined;
  const [author, , victim, last] = members as [MailMember, MailMember, MailMember, MailMember];
  author.broadcast.send(kind, any.value, author.signal).catch(() => {}); // Ends with the test.
  while (!victim.records.some((record) => record.kind === "signed"))
    await new Promise((resolve) => setImmediate(resolve));
  victim.kill();
  const again = mailMember(network, 2, victim.records);
  t.after(() => again.kill());
  last.broadcast.receive(operator(0), kind, last.signal).catch(() => {}); // Ends with the test.
  assert.equal((await last.failed).facts["operator"], 0);
});

test("a witness that tells tales, or shows what an author signed in another attempt, is not believed alone", async (t) => {
  for (const proof of [
    new Uint8Array(65),
    proveShown(memberKeys(4)[0] as NodeKey, new Uint8Array(16).fill(99), session),
  ]) {
    const { network, members } = four(t);
    await met(members);
    network.intercept = ({ to, protocol }) => (to === 3 && protocol.endsWith("/sig") ? "drop" : undefined);
    const [author, honest, liar] = members as [MailMember, MailMember, MailMember];
    author.broadcast.send(kind, any.value, author.signal).catch(() => {}); // Ends with the test.
    while (!honest.records.some((record) => record.kind === "signed"))
      await new Promise((resolve) => setImmediate(resolve));
    liar.post.keep(shownMail(operator(0), kind.id), Shown.encode({ hash: session, proof }));
    honest.broadcast.receive(operator(0), kind, honest.signal).catch(() => {}); // Ends with the test.
    const error = await honest.failed;
    assert.equal(error.code, "ceremony/failed");
    assert.match(error.message, /operator 0 .* than operator 2 says it was shown: one of the two cheats/);
    for (const member of members) member.kill();
  }
});

test("a Trireme that shows something without its signature for that is not confirmed", async (t) => {
  const { members } = four(t);
  const [author, signer] = members as [MailMember, MailMember];
  await met(members);
  const request = BCastSigRequest.encode({ id: kind.id, message: any, proof: new Uint8Array(0) });
  await assert.rejects(
    author.node.transport.request(operator(1), "/charon/dkg/bcast/2.0.0/sig", request),
    /comes with its signature/,
  );
  assert.ok(!signer.records.some((record) => record.kind === "signed"));
});

test("what was signed once is not signed differently, not even after a restart, and the author is named", async (t) => {
  const { network, members } = four(t);
  const [author, signer] = members as [MailMember, MailMember];
  const ask = (message: typeof any): Promise<Uint8Array> =>
    author.node.transport.request(
      operator(1),
      "/charon/dkg/bcast/2.0.0/sig",
      BCastSigRequest.encode({ id: kind.id, message, proof: new Uint8Array(0) }), // As Charon does.
    );
  const first = BCastSigResponse.decode(await ask(any));
  assert.deepEqual(BCastSigResponse.decode(await ask(any)), first);
  signer.kill();
  const again = mailMember(network, 1, signer.records);
  t.after(() => again.kill());
  assert.deepEqual(BCastSigResponse.decode(await ask(any)), first);
  await assert.rejects(ask({ ...any, value: text("another message") }), /another message of this name/);
  const error = await again.failed;
  assert.equal(error.code, "ceremony/lied");
  assert.equal(error.facts["operator"], 0);
});

test("a message without everybody's signature, of a wrong type or name, or by nobody's key is not delivered", async (t) => {
  const { members } = four(t);
  const [author, receiver] = members as [MailMember, MailMember];
  const keys = memberKeys(4);
  const signaturesOver = (message: typeof any, id: string = kind.id): Uint8Array[] =>
    keys.map((key) => key.sign(broadcastHash(2, session, id, message)));
  const good = signaturesOver(any);
  const wrongType = { ...any, typeUrl: "type.googleapis.com/dkg.dkgpb.v1.Other" };
  const attempts = [
    { id: kind.id, message: any, signatures: good.slice(0, 3) },
    { id: kind.id, message: any, signatures: [...good, good[0] as Uint8Array] },
    { id: kind.id, message: any, signatures: good.toReversed() },
    { id: kind.id, message: any, signatures: signaturesOver({ ...any, value: text("x") }) },
    { id: kind.id, message: any, signatures: signaturesOver(any, "/other") },
    { id: kind.id, message: wrongType, signatures: signaturesOver(wrongType) },
    { id: "/other", message: any, signatures: signaturesOver(any, "/other") },
    { id: kind.id, message: undefined, signatures: good },
  ];
  for (const attempt of attempts) {
    const bytes = BCastMessage.encode(attempt);
    await assert.rejects(
      author.node.transport.request(operator(1), "/charon/dkg/bcast/2.0.0/msg", bytes),
      JSON.stringify(attempt.id),
    );
  }
  assert.equal(receiver.mailbox.get(operator(0), `bcast${kind.id}`), undefined);
  await author.node.transport.send(
    operator(1),
    "/charon/dkg/bcast/2.0.0/msg",
    BCastMessage.encode({ id: kind.id, message: any, signatures: good }),
  );
  assert.deepEqual(await receiver.broadcast.receive(operator(0), kind, receiver.signal), any.value);
});

test("an operator that was down while a broadcast was sent out asks for it when it is back", async (t) => {
  const { network, members } = four(t);
  const [author, , , late] = members as [MailMember, MailMember, MailMember, MailMember];
  network.intercept = ({ to, protocol }) => (to === 3 && protocol.endsWith("/msg") ? "drop" : undefined);
  await author.broadcast.send(kind, any.value, author.signal);
  late.kill();
  const again = mailMember(network, 3, late.records);
  t.after(() => again.kill());
  assert.equal(await again.post.introduce(operator(0), again.signal), "trireme");
  assert.deepEqual(await again.broadcast.receive(operator(0), kind, again.signal), any.value);
});

test("messages on the wire are those of the field's protobuf definitions", () => {
  // Field numbers by hand: id 1, message 3 of a request; id 1, message 2, signatures 3 of a message.
  const anyBytes = proto.Any.encode({ typeUrl: "t", value: Uint8Array.of(7) });
  assert.deepEqual([...anyBytes], [0x0a, 1, 0x74, 0x12, 1, 7]);
  const message = { typeUrl: "t", value: Uint8Array.of(7) };
  assert.deepEqual(
    [...BCastSigRequest.encode({ id: "i", message, proof: new Uint8Array(0) })],
    [0x0a, 1, 0x69, 0x1a, 6, ...anyBytes],
  );
  assert.deepEqual(
    [...BCastMessage.encode({ id: "i", message, signatures: [Uint8Array.of(1), Uint8Array.of(2)] })],
    [0x0a, 1, 0x69, 0x12, 6, ...anyBytes, 0x1a, 1, 1, 0x1a, 1, 2],
  );
});
