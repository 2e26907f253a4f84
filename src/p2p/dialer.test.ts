import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Connection } from "@libp2p/interface";
import { silent } from "../ports/index.ts";
import { Dialer } from "./dialer.ts";
import { DIRECT_HEAD_START_MS, PING_TIMEOUT_MS } from "./limits.ts";
import { fakeLinks } from "./testing/links.ts";

/** The dialler of one of two operators, by the order of their peer ids; its dials lead nowhere. */
function dialler(t: TestContext, which: "smaller" | "larger") {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let links = fakeLinks();
  const isRight = ({ roster }: typeof links): boolean =>
    roster.peers.every((peer) => roster.isSmallerThan(peer) === (which === "smaller"));
  while (!isRight(links)) links = fakeLinks();
  const { all, roster, connect } = links;
  const [peer] = roster.peers;
  assert.ok(peer !== undefined);
  const dials: string[] = [];
  const dialer = new Dialer(peer, {
    host: {
      connect: (address) => {
        dials.push(address);
        return new Promise<Connection>(() => {});
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
  return { pass, connect, verify: (link: ReturnType<typeof connect>) => all.verify(link) };
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
