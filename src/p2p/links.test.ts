import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Facts } from "../base/index.ts";
import { type Logger, silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import {
  CONNECTIONS_MAX_PER_PEER,
  CROSSING_MS,
  LINES_ABOUT_PEER_BURST_MAX,
  LINES_ABOUT_PEER_INTERVAL_MS,
} from "./limits.ts";
import type { Link } from "./links.ts";
import { fakeLinks } from "./testing/links.ts";

const one = 1 as OperatorIndex;

test("a direct connection is used before a relayed one, a newer before an older, and only when the peer has answered on it", () => {
  const { all, connect } = fakeLinks();
  const [oldDirect, direct, relayed, silentOne] = [
    connect(),
    connect(),
    connect({ relayed: true }),
    connect(),
  ];
  assert.deepEqual(all.connected(), []);
  for (const link of [oldDirect, relayed]) all.verify(link);
  assert.equal(all.best(one), oldDirect);
  all.verify(direct);
  assert.deepEqual(all.ranked(one), [direct, oldDirect, relayed]);
  assert.equal(silentOne.verified, false);
  direct.connection.abort(new Error("gone"));
  oldDirect.connection.abort(new Error("gone"));
  assert.equal(all.best(one), relayed);
  relayed.connection.abort(new Error("gone"));
  assert.deepEqual(all.connected(), []);
});

test("a peer that opens connection after connection loses its oldest, those it never answered on first", () => {
  const { all, connect } = fakeLinks();
  const kept = connect();
  all.verify(kept);
  const others = Array.from({ length: 10 }, () => connect());
  const open = [kept, ...others].filter(({ connection }) => connection.status === "open");
  assert.equal(open.length, CONNECTIONS_MAX_PER_PEER);
  assert.ok(open.includes(kept), "the one connection in use was closed for the sake of silent ones");
  assert.ok(open.includes(others[9] as Link));
});

test("a connection that broke is told of when it had been in use, and only then", () => {
  const { all, connect } = fakeLinks();
  const broken: number[] = [];
  all.onBroken((operator) => void broken.push(operator));
  const [used, silentOne] = [connect(), connect()];
  all.verify(used);
  silentOne.connection.abort(new Error("refused"));
  assert.deepEqual(broken, []);
  used.connection.abort(new Error("gone"));
  assert.deepEqual(broken, [one]);
});

test("who waits for an operator is told as soon as it is connected, and only then", async () => {
  const { all, connect } = fakeLinks();
  const stop = new AbortController();
  let isTold = false;
  const waiting = all.untilConnected(one, stop.signal).then(() => {
    isTold = true;
  });
  const link = connect();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isTold, false, "the peer has not answered yet");
  all.verify(link);
  await waiting;
  await all.untilConnected(one, stop.signal);
  link.connection.abort(new Error("gone"));
  const again = all.untilConnected(one, stop.signal);
  stop.abort(new Error("no longer wanted"));
  await assert.rejects(again, /no longer wanted/);
});

/** To a peer that says it runs this program, with time that stands still until told; we have the smaller peer id, or the larger. */
function fakeLinksToKin(t: TestContext, which: "smaller" | "larger") {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  let links = fakeLinks();
  const isRight = ({ roster }: typeof links): boolean =>
    roster.peers.every((peer) => roster.isSmallerThan(peer) === (which === "smaller"));
  while (!isRight(links)) links = fakeLinks();
  const { all } = links;
  const connect = (options: Parameters<typeof links.connect>[0], program = "trireme/v1/a"): Link => {
    now++;
    const link = links.connect(options);
    all.introduced(link, program);
    return link;
  };
  const answer = (link: Link): void => {
    now++;
    all.verify(link);
  };
  return { all, connect, answer, pass: (ms: number) => void (now += ms) };
}

for (const which of ["smaller", "larger"] as const)
  test(`of two that cross, the one that the smaller peer id dialled is used once it has answered beside the other: we are the ${which}`, (t) => {
    const { all, connect, answer } = fakeLinksToKin(t, which);
    const ofSmaller = connect({ dialled: which === "smaller" });
    answer(ofSmaller);
    const ofLarger = connect({ dialled: which === "larger" });
    answer(ofLarger);
    // It may be what the peer left behind when it was started again.
    assert.deepEqual(all.ranked(one), [ofLarger, ofSmaller]);
    assert.deepEqual([ofLarger, ofSmaller].map(all.isForUsToEnd.bind(all)), [false, false]);
    answer(ofSmaller);
    assert.deepEqual(all.ranked(one), [ofSmaller, ofLarger]);
    assert.deepEqual([ofLarger, ofSmaller].map(all.isForUsToEnd.bind(all)), [which === "smaller", false]);
  });

test("a relayed connection is in surplus beside a direct one that answers, whoever dialled, and never the other way round", (t) => {
  for (const dialled of [true, false]) {
    const { all, connect, answer } = fakeLinksToKin(t, "smaller");
    const direct = connect({ dialled });
    const relayed = connect({ dialled: !dialled, relayed: true });
    for (const link of [direct, relayed]) answer(link);
    assert.deepEqual([relayed, direct].map(all.isForUsToEnd.bind(all)), [true, false]);
  }
});

test("of two that the same side dialled the newer is kept, if they came so far apart that both sides know which it is", (t) => {
  for (const apartMs of [CROSSING_MS - 10, CROSSING_MS + 10]) {
    const { all, connect, answer, pass } = fakeLinksToKin(t, "smaller");
    const older = connect({ dialled: true });
    pass(apartMs);
    const newer = connect({ dialled: true });
    for (const link of [older, newer, older]) answer(link);
    assert.deepEqual(all.ranked(one), [newer, older]);
    assert.deepEqual([older, newer].map(all.isForUsToEnd.bind(all)), [apartMs > CROSSING_MS, false]);
  }
});

test("connections to two programs of one operator are both kept, and the newest is used", (t) => {
  const { all, connect, answer, pass } = fakeLinksToKin(t, "smaller");
  const older = connect({ dialled: true });
  pass(CROSSING_MS + 10);
  const newer = connect({ dialled: false }, "trireme/v1/b");
  for (const link of [older, newer, older]) answer(link);
  assert.deepEqual(all.ranked(one), [newer, older]);
  assert.deepEqual([older, newer].map(all.isForUsToEnd.bind(all)), [false, false]);
});

test("one that lost a ping is used after every other, and nothing is in surplus beside it, until it answers again", (t) => {
  const { all, connect, answer } = fakeLinksToKin(t, "smaller");
  const direct = connect({ dialled: true });
  const relayed = connect({ relayed: true });
  for (const link of [direct, relayed, direct]) answer(link);
  all.doubt(direct);
  assert.deepEqual([all.ranked(one), all.isForUsToEnd(relayed)], [[relayed, direct], false]);
  answer(direct);
  assert.deepEqual([all.ranked(one), all.isForUsToEnd(relayed)], [[direct, relayed], true]);
});

test("a peer that was not there and is back is told of once, whatever further connections it has", () => {
  const back: number[] = [];
  const { all, connect } = fakeLinks(2, { onReturn: (operator) => void back.push(operator) });
  const [first, second] = [connect(), connect()];
  assert.deepEqual(back, []);
  for (const link of [first, second, first]) all.verify(link);
  assert.deepEqual(back, [one]);
  for (const { connection } of [first, second]) connection.abort(new Error("gone"));
  all.verify(connect());
  assert.deepEqual(back, [one, one]);
});

test("a peer that comes and goes without end is told of some times, and then now and then", (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const lines: Facts[] = [];
  const log: Logger = { ...silent, info: (_, facts = {}) => void lines.push(facts) };
  const { all, connect } = fakeLinks(3, { log });
  const comeAndGo = (operator: number): void => {
    const link = connect({ operator });
    all.verify(link);
    link.connection.abort(new Error("gone"));
  };
  for (let i = 0; i < 10 * LINES_ABOUT_PEER_BURST_MAX; i++) comeAndGo(1);
  assert.equal(lines.length, 2 * LINES_ABOUT_PEER_BURST_MAX);
  comeAndGo(2);
  assert.equal(lines.length, 2 * LINES_ABOUT_PEER_BURST_MAX + 2, "another peer's lines are its own");
  now += LINES_ABOUT_PEER_INTERVAL_MS;
  comeAndGo(1);
  assert.deepEqual(lines.at(-1), { peer: "operator-1", moreSinceLastLine: 9 * LINES_ABOUT_PEER_BURST_MAX });
});
