import assert from "node:assert/strict";
import { test } from "node:test";
import { silent } from "../ports/index.ts";
import type { KeyMakerNeeds } from "./key-makers.ts";
import { bundleMail, PedersenInbox, pedersenProtocol } from "./pedersen-inbox.ts";
import { LoopbackNetwork } from "./testing/loopback.ts";
import { mailMember, operator } from "./testing/members.ts";
import { quickClock } from "./testing/quick-clock.ts";
import { PedersenDealBundle } from "./wire.ts";

test("of bundles only those of the ceremony's sessions are kept, and no more sessions than validators before they are known", async (t) => {
  const network = new LoopbackNetwork(2);
  const [a, b] = [mailMember(network, 0), mailMember(network, 1)];
  t.after(() => [a, b].forEach((member) => member.kill()));
  const definition = { definitionHash: new Uint8Array(32), numValidators: 2, threshold: 2 };
  const inboxOf = (): PedersenInbox =>
    new PedersenInbox({
      definition: definition as KeyMakerNeeds["definition"],
      transport: a.node.transport,
      post: a.post,
      mailbox: a.mailbox,
      clock: quickClock(50),
      log: silent,
    });
  const session = (i: number): Uint8Array => new Uint8Array(32).fill(i);
  const send = (i: number): Promise<unknown> =>
    b.node.transport.request(
      operator(0),
      pedersenProtocol("deal_bundle"),
      PedersenDealBundle.encode({ ...PedersenDealBundle.decode(new Uint8Array(0)), sessionId: session(i) }),
    );
  const isKept = (i: number): boolean =>
    a.mailbox.get(operator(1), bundleMail("deal_bundle", session(i))) !== undefined;

  const early = inboxOf();
  await send(1).catch(() => {});
  await send(2).catch(() => {});
  assert.equal(early.lie.aborted, false);
  await send(3).catch(() => {});
  assert.equal((early.lie.reason as { code: string }).code, "ceremony/lied");

  const told = inboxOf();
  told.expect([session(1), session(4)]);
  await send(4).catch(() => {});
  assert.equal(told.lie.aborted, false);
  await send(5).catch(() => {});
  assert.equal((told.lie.reason as { code: string }).code, "ceremony/lied");
  assert.deepEqual([1, 2, 3, 4, 5].filter(isKept), [1, 2, 4]);
});
