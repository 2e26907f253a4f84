import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Connection } from "@libp2p/interface";
import { silent } from "../ports/index.ts";
import { Dialer } from "./dialer.ts";
import {
  CALLS_BACK_PER_SECOND_MAX,
  DIAL_BACKOFF_MAX_MS,
  DIAL_CUT_OFF_MAX_MS,
  DIAL_TIMEOUT_MS,
  DIRECT_HEAD_START_MS,
  PING_TIMEOUT_MS,
} from "./limits.ts";
import { fakeLinks } from "./testing/links.ts";

const nowhere = (): Promise<Connection> => new Promise(() => {});

/** The dialler to operator 1 of one of three operators, by the order of their peer ids; its dials lead nowhere, unless told otherwise. */
function dialler(t: TestContext, which: "smaller" | "larger", lead: () => Promise<Connection> = nowhere) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let links = fakeLinks(3);
  const isRight = ({ roster }: typeof links): boolean =>
    roster.peers.every((peer) => roster.isSmallerThan(peer) === (which === "smaller"));
  while (!isRight(links)) links = fakeLinks(3);
  const { all, roster, connect } = links;
  const [peer] = roster.peers;
  assert.ok(peer !== undefined);
  const dials: string[] = [];
  const dialer = new Dialer(peer, {
    host: {
      connect: (address) => {
        dials.push(address);
        return lead();
      },
    },
    places: { addressesOf: () => ["/ip4/8.8.8.8/tcp/3610"], worked: () => {} },
    links: all,
    relays: [],
    roster,
    log: silent,
    random: () => 0.5,
  });
  const end = new AbortController();
  void dialer.keep(end.signal);
  t.after(() => end.abort());
  const pass = async (ms: number): Promise<number> => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    return dials.length;
  };
  return { pass, connect, dialer, all, verify: (link: ReturnType<typeof connect>) => all.verify(link) };
}

test("of two that start together the smaller peer id dials at once, and the larger one when it was not reached", async (t) => {
  assert.equal(await dialler(t, "smaller").pass(0), 1);
  t.mock.timers.reset();
  const { pass } = dialler(t, "larger");
  assert.equal(await pass(DIRECT_HEAD_START_MS - 1), 0);
  assert.equal(await pass(1), 1);
});

test("the larger one does not dial beside a connection that its peer answers on a little later", async (t) => {
  const { pass, connect, verify } = dialler(t, "larger");
  const link = connect();
  assert.equal(await pass(DIRECT_HEAD_START_MS), 0);
  verify(link);
  assert.equal(await pass(PING_TIMEOUT_MS), 0);
});

test("beside one that its peer never answers on it dials all the same, and at once beside a relayed one", async (t) => {
  const unanswered = dialler(t, "larger");
  unanswered.connect();
  assert.equal(await unanswered.pass(DIRECT_HEAD_START_MS), 0);
  assert.equal(await unanswered.pass(PING_TIMEOUT_MS), 1);
  t.mock.timers.reset();
  const relayed = dialler(t, "larger");
  relayed.connect({ relayed: true });
  assert.equal(await relayed.pass(DIRECT_HEAD_START_MS), 1);
});

test("a peer that may have called in vain is dialled at once, not again and again, and not when it is connected", async (t) => {
  let steady = 0;
  t.mock.method(performance, "now", () => steady);
  const { pass, connect, dialer, verify } = dialler(t, "smaller", () => Promise.reject(new Error("refused")));
  for (let i = 0; i < 40; i++) await pass(DIAL_BACKOFF_MAX_MS); // By now it waits for long between two tries.
  const before = await pass(0);
  for (let i = 0; i < 5; i++) {
    dialer.callBack();
    assert.equal(await pass(0), before + 1);
  }
  steady += 1_000 / CALLS_BACK_PER_SECOND_MAX;
  dialer.callBack();
  assert.equal(await pass(0), before + 2);
  verify(connect());
  steady += 60_000;
  dialer.callBack();
  assert.equal(await pass(0), before + 2);
});

test("a call that comes while it dials is heeded when that has failed, and one within the head start of its peer is not", async (t) => {
  t.mock.method(performance, "now", () => 0);
  const dialled: PromiseWithResolvers<Connection>[] = [];
  const lead = (): Promise<Connection> => {
    const dial = Promise.withResolvers<Connection>();
    dialled.push(dial);
    return dial.promise;
  };
  const { pass, dialer } = dialler(t, "larger", lead);
  await pass(0);
  dialer.callBack();
  assert.equal(await pass(0), 0);
  assert.equal(await pass(DIRECT_HEAD_START_MS), 1);
  dialer.callBack();
  assert.equal(await pass(0), 1);
  dialled[0]?.reject(new Error("refused"));
  assert.equal(await pass(0), 2);
  dialled[1]?.reject(new Error("refused"));
  assert.equal(await pass(0), 2);
});

test("while nobody at all is connected it waits for seconds only, and for longer when but this peer is away", async (t) => {
  const { pass, connect, verify } = dialler(t, "smaller", () => Promise.reject(new Error("refused")));
  for (let i = 0; i < 40; i++) await pass(DIAL_BACKOFF_MAX_MS);
  const before = await pass(0);
  for (let i = 1; i <= 3; i++) assert.equal(await pass(DIAL_CUT_OFF_MAX_MS), before + i);
  verify(connect({ operator: 2 }));
  for (let i = 0; i < 40; i++) await pass(DIAL_BACKOFF_MAX_MS);
  const later = await pass(0);
  assert.equal(await pass(DIAL_BACKOFF_MAX_MS / 2), later);
  assert.equal(await pass(DIAL_BACKOFF_MAX_MS / 2), later + 1);
});

test("beside a connection that lost a ping another is dialled, and none when it answers after all", async (t) => {
  const { pass, connect, verify, all } = dialler(t, "smaller");
  assert.equal(await pass(0), 1);
  const link = connect();
  verify(link);
  await pass(DIAL_TIMEOUT_MS); // The first dial is over.
  assert.equal(await pass(DIAL_BACKOFF_MAX_MS), 1);
  all.doubt(link);
  assert.equal(await pass(0), 2);
  verify(link);
  await pass(DIAL_TIMEOUT_MS);
  assert.equal(await pass(10 * DIAL_BACKOFF_MAX_MS), 2);
});
