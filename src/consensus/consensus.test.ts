import assert from "node:assert/strict";
import { test } from "node:test";
import { type DutyId, dutyDeadline } from "../spec/index.ts";
import { createMeter } from "../telemetry/index.ts";
import type { ConsensusError } from "./errors.ts";
import {
  EARLY_INSTANCES_PER_PEER_MAX,
  EARLY_MESSAGES_MAX,
  VALUE_BYTES_OF_ALL_DUTIES_MAX,
  VALUES_PER_PEER_MAX,
} from "./limits.ts";
import { PeerRoom } from "./peer-room.ts";
import {
  ConsensusWorld,
  chain,
  duty,
  kindIn,
  leaderOfRound,
  messageOf,
  partOf,
  start,
  textOf,
  valueOf,
  type WatchedClock,
  watch,
  worldOf,
} from "./testing/consensus-world.ts";
import type { ConsensusValue } from "./types.ts";
import { kindNumber } from "./wire.ts";

test("four operators decide the value of the first leader in round 1", async (t) => {
  const world = worldOf(t);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 900 });
  for (const { decision } of seen) {
    assert.ok(decision !== undefined);
    assert.equal(decision.round, 1);
    assert.equal(textOf(decision), `from ${leaderOfRound(1)}`);
  }
  assert.deepEqual(world.dropped, [[], [], [], []]);
});

test("a leader that is down costs one round; one whose proposal fails costs no more", async (t) => {
  for (const fault of ["down", "no proposal"] as const) {
    const world = worldOf(t);
    const leader = leaderOfRound(1);
    if (fault === "down") world.network.setDown(leader, true);
    const seen = [0, 1, 2, 3].map((i) =>
      watch(world.agree(i, i === leader ? { proposal: Promise.reject(new Error("beacon node down")) } : {})),
    );
    await world.clock.run({ until: start + 990 });
    assert.ok(seen.every(({ decision }) => decision === undefined));
    await world.clock.run({ until: start + 2_000 });
    for (const [i, { decision }] of seen.entries()) {
      if (i === leader && fault === "down") continue;
      assert.ok(decision !== undefined, `operator ${i}, leader: ${fault}`);
      assert.equal(decision.round, 2);
      assert.equal(textOf(decision), `from ${leaderOfRound(2)}`);
    }
  }
});

test("an empty value names nothing: who proposes it does not lead, and nobody stops", async (t) => {
  const world = worldOf(t);
  const leader = leaderOfRound(1);
  const empty: ConsensusValue = { ...valueOf("anything"), bytes: new Uint8Array() };
  const seen = [0, 1, 2, 3].map((i) =>
    watch(world.agree(i, i === leader ? { proposal: Promise.resolve(empty) } : {})),
  );
  await world.clock.run({ until: start + 2_000 });
  for (const { decision } of seen) assert.equal(decision?.round, 2);
});

test("a leader that speaks stretches its round to twice its length, one that is silent does not", async (t) => {
  for (const speaks of [true, false]) {
    const world = worldOf(t);
    const muted = speaks ? "commit" : "pre-prepare";
    world.network.intercept(({ message }) => (kindIn(message) === muted ? "drop" : undefined));
    if (!speaks) world.network.setDown(leaderOfRound(1), true);
    for (let i = 0; i < 4; i++) watch(world.agree(i));
    const roundOf = (i: number): number | undefined => world.operators[i]?.debug()[0]?.round;
    const other = (leaderOfRound(1) + 1) % 4;
    await world.clock.run({ until: start + 990 });
    assert.equal(roundOf(other), 1);
    await world.clock.run({ until: start + 1_990 });
    assert.equal(roundOf(other), speaks ? 1 : 2);
    await world.clock.run({ until: start + 2_200 });
    assert.ok((roundOf(other) ?? 0) > (speaks ? 1 : 2));
    world.stop();
  }
});

test("a value that the others would not sign costs its leader's round and no more", async (t) => {
  const world = worldOf(t);
  const bad = `from ${leaderOfRound(1)}`;
  const seen = [0, 1, 2, 3].map((i) =>
    watch(world.agree(i, { acceptable: ({ bytes }) => new TextDecoder().decode(bytes) !== bad })),
  );
  await world.clock.run({ until: start + 3_000 });
  for (const { decision } of seen) {
    assert.equal(decision?.round, 2);
    assert.equal(decision === undefined ? "" : textOf(decision), `from ${leaderOfRound(2)}`);
  }
});

test("a value that is still being judged gets no vote, and its vote when it is found good", async (t) => {
  const world = worldOf(t);
  const leader = leaderOfRound(1);
  const verdicts = [0, 1, 2, 3].map(() => Promise.withResolvers<boolean>());
  const seen = verdicts.map(({ promise }, i) => watch(world.agree(i, { acceptable: () => promise })));
  await world.clock.run({ until: start + 400 });
  const prepared = (): number[] => [
    ...new Set(world.sent.filter(({ kind }) => kind === "prepare").map(({ from }) => from)),
  ];
  assert.deepEqual(prepared(), [leader], "only the leader has voted for its own value");
  const others = [0, 1, 2, 3].filter((i) => i !== leader);
  for (const i of others.slice(1)) verdicts[i]?.resolve(true);
  verdicts[others[0] ?? 0]?.resolve(false);
  await world.clock.run({ until: start + 900 });
  for (const { decision } of seen) {
    assert.equal(decision?.round, 1);
    assert.equal(decision === undefined ? "" : textOf(decision), `from ${leader}`);
  }
  assert.ok(!prepared().includes(others[0] ?? 0), "whoever found it bad did not vote for it");
});

test("a judgement that fails, or comes after the end, is none", async (t) => {
  const world = worldOf(t);
  const never = Promise.withResolvers<boolean>();
  const leader = leaderOfRound(1);
  const [first, second] = [0, 1, 2, 3].filter((i) => i !== leader) as [number, number];
  const judges = new Map([
    [first, async (): Promise<boolean> => Promise.reject(new Error("no answer"))],
    [second, () => never.promise],
  ]);
  const seen = [0, 1, 2, 3].map((i) => {
    const judge = judges.get(i);
    return watch(
      world.agree(i, judge === undefined ? {} : { acceptable: (_, round) => round > 1 || judge() }),
    );
  });
  await world.clock.run({ until: start + 3_000 });
  for (const { decision } of seen) assert.equal(decision?.round, 2);
  assert.ok(world.log[first]?.some(({ facts }) => facts?.["why"] === "no answer"));
  const sent = world.sent.length;
  never.resolve(true);
  await world.clock.run({ forMs: 100 });
  assert.equal(world.sent.length, sent, "nobody is told what was decided without it");
});

test("what a quorum prepared is voted for in a later round, also by who found it bad before", async (t) => {
  const world = worldOf(t);
  const leader = leaderOfRound(1);
  const [doubter, lost] = [0, 1, 2, 3].filter((i) => i !== leader) as [number, number];
  // No commit arrives in the first round; afterwards one of those who prepared is gone.
  let deaf = true;
  world.network.intercept(({ message }) => (deaf && kindIn(message) === "commit" ? "drop" : undefined));
  const name = `from ${leader}`;
  const doubts = ({ bytes }: ConsensusValue): boolean => new TextDecoder().decode(bytes) !== name;
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i, i === doubter ? { acceptable: doubts } : {})));
  await world.clock.run({ until: start + 950 });
  deaf = false;
  world.network.setDown(lost, true);
  await world.clock.run({ until: start + 20_000 });
  for (const [i, { decision }] of seen.entries()) {
    if (i === lost) continue;
    assert.equal(decision === undefined ? "" : textOf(decision), name);
    assert.ok((decision?.round ?? 0) > 1);
  }
});

test("only what the leader of a round proposes is judged, and one proposal at a time", async (t) => {
  const world = worldOf(t);
  const judged: string[] = [];
  const verdict = Promise.withResolvers<boolean>();
  watch(
    world.agree(0, {
      proposal: new Promise(() => {}),
      acceptable({ bytes }) {
        judged.push(new TextDecoder().decode(bytes));
        return verdict.promise;
      },
    }),
  );
  const [leader, other] = leaderOfRound(2) === 1 ? [1, 2] : [leaderOfRound(2), 1];
  const changes = [1, 2, 3].map((author) => partOf(author, { type: kindNumber("round-change"), round: 2 }));
  const propose = (by: number, text: string): void =>
    world.inject(by, messageOf(by, { type: kindNumber("pre-prepare"), round: 2 }, [valueOf(text)], changes));
  propose(other, "from a stranger");
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(judged, []);
  propose(leader, "one");
  await world.clock.run({ forMs: 100 });
  propose(leader, "two");
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(judged, ["one"]);
});

test("a proposal that comes late is used in the round that waits for it", async (t) => {
  const world = worldOf(t);
  const late = Promise.withResolvers<ConsensusValue>();
  const leader = leaderOfRound(1);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i, i === leader ? { proposal: late.promise } : {})));
  await world.clock.run({ until: start + 600 });
  late.resolve(valueOf("late"));
  await world.clock.run({ until: start + 1_000 });
  for (const { decision } of seen) assert.equal(decision && textOf(decision), "late");
});

test("an operator that was cut off is helped by those who have decided", async (t) => {
  const world = worldOf(t);
  const late = 3;
  assert.notEqual(leaderOfRound(1), late);
  world.network.setDown(late, true);
  const seen = [0, 1, 2].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 30_000 });
  assert.ok(seen.every(({ decision }) => decision?.round === 1));
  world.network.setDown(late, false);
  const joined = watch(world.agree(late));
  await world.clock.run({ forMs: 1_000 });
  assert.equal(joined.decision && textOf(joined.decision), `from ${leaderOfRound(1)}`);
});

test("what peers said before we joined is used", async (t) => {
  const world = worldOf(t);
  const late = 3;
  const seen = [0, 1, 2].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 500 });
  assert.ok(seen.every(({ decision }) => decision?.round === 1));
  // From here on it hears nothing, so it knows only what came before it joined.
  world.network.setDown(late, true);
  const joined = watch(world.agree(late));
  await world.clock.run({ forMs: 100 });
  assert.equal(joined.decision?.round, 1);
});

test("operators agree on one value through loss and doubled messages", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = worldOf(t, { seed });
    world.network.weather.loss = 0.3;
    world.network.weather.duplication = 0.2;
    const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
    await world.clock.run({ until: start + 8_000 });
    world.network.weather.loss = 0;
    await world.clock.run({ until: start + 60_000 });
    const values = new Set(seen.map(({ decision }) => decision && textOf(decision)));
    assert.equal(values.size, 1, `replay with seed ${seed}`);
    assert.ok(!values.has(undefined), `nobody decided; replay with seed ${seed}`);
    world.stop();
  }
});

test("a message in another operator's name is refused, and so is one that a stranger signed", async (t) => {
  const world = worldOf(t);
  // Signed by operator 2, sent by operator 1.
  world.inject(1, messageOf(2, {}, [valueOf("x")]));
  // Operator 1's claim to be operator 2, signed with its own key.
  world.inject(1, messageOf(1, { peerIndex: 2 }, [valueOf("x")]));
  // Operator 1's name under operator 2's key.
  world.inject(1, messageOf(2, { peerIndex: 1 }, [valueOf("x")]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0]?.toSorted(), [
    "bad-signature from 1",
    "foreign-author from 1",
    "foreign-author from 1",
  ]);
});

test("rubbish is dropped with its reason and does not touch the duty", async (t) => {
  const world = worldOf(t);
  const sent: Record<string, Uint8Array> = {
    "not-protobuf": Uint8Array.of(0xff, 0xff, 0xff),
    incomplete: new Uint8Array(0),
    "impossible-duty": messageOf(1, { duty: { slot: 5_000, kind: "attester" } }),
    "out-of-range": messageOf(1, { round: 0 }),
    "unknown-value": messageOf(1, { valueHash: new Uint8Array(32).fill(7) }),
    "unreadable-value": messageOf(1, {}, [{ typeUrl: "other", bytes: Uint8Array.of(1) }]),
    "too-many-parts": messageOf(
      1,
      {},
      Array.from({ length: 3 }, (_, i) => valueOf(`${i}`)),
    ),
    expired: messageOf(1, { duty: { slot: 0, kind: "proposer" } }, [valueOf("x")]),
  };
  for (const message of Object.values(sent)) world.inject(1, message);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(
    world.dropped[0]?.toSorted(),
    Object.keys(sent)
      .map((reason) => `${reason} from 1`)
      .toSorted(),
  );
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ forMs: 3_000 });
  assert.ok(seen.every(({ decision }) => decision !== undefined));
});

test("a peer that floods one duty is bounded there and does not stop the others", async (t) => {
  const world = worldOf(t);
  for (let i = 0; i < 200; i++) world.inject(1, messageOf(1, { round: 1 + i }, [valueOf(`flood ${i}`)]));
  await world.clock.run({ forMs: 100 });
  assert.equal(
    world.dropped[0]?.filter((reason) => reason === "too-many from 1").length,
    200 - EARLY_MESSAGES_MAX,
  );

  const seen = [0, 2, 3].map((i) => watch(world.agree(i)));
  for (let i = 0; i < 200; i++) world.inject(1, messageOf(1, { round: 1 + i }, [valueOf(`more ${i}`)]));
  await world.clock.run({ until: start + 9_000 });
  assert.ok(seen.every(({ decision }) => decision !== undefined));
  assert.ok((world.dropped[0]?.length ?? 0) >= 400 - EARLY_MESSAGES_MAX - VALUES_PER_PEER_MAX);
  assert.ok(world.dropped[0]?.every((reason) => reason === "too-many from 1"));
});

test("a peer opens so many duties and no more; those that we join do not count", async (t) => {
  const world = worldOf(t);
  const dutyAt = (i: number): DutyId => ({ slot: duty.slot + i, kind: "attester" });
  const open = (from: number, i: number): void =>
    world.inject(from, messageOf(from, { duty: dutyAt(i) }, [valueOf("x")]));
  for (let i = 0; i <= EARLY_INSTANCES_PER_PEER_MAX; i++) open(1, i);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["too-many from 1"]);
  // Another peer is not affected, and neither is a duty that is open.
  open(2, 500);
  open(1, 3);
  watch(world.agree(0, { duty: dutyAt(0) }));
  open(1, 501);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["too-many from 1"]);
  open(1, 502);
  await world.clock.run({ forMs: 100 });
  assert.equal(world.dropped[0]?.length, 2);
});

test("the bytes that a peer makes us keep are bounded over all duties, and free again afterwards", () => {
  const room = new PeerRoom();
  assert.ok(room.take(1, VALUE_BYTES_OF_ALL_DUTIES_MAX - 10));
  assert.ok(!room.take(1, 11));
  assert.ok(room.take(1, 10));
  assert.ok(room.take(2, 1));
  room.giveBack(1, 5);
  assert.ok(room.take(1, 5));
  assert.ok(!room.take(1, 1));
});

test("after the deadline nothing is left: no timer, no message, no way back in", async (t) => {
  const world = worldOf(t);
  const undecided = watch(world.agree(0));
  await world.clock.run({ until: start + 5_000 });
  assert.ok((world.clocks[0] as WatchedClock).waiting.size > 0);
  const deadline = dutyDeadline(chain, duty) ?? 0;
  await world.clock.run({ until: deadline });
  assert.deepEqual(
    world.clocks.map(({ waiting }) => waiting.size),
    [0, 0, 0, 0],
  );
  const fired = world.clock.fired;
  await world.clock.run({ forMs: 60_000 });
  assert.ok(world.clock.fired - fired < 10, "only messages that were under way");
  world.inject(1, messageOf(1, {}, [valueOf("x")]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["expired from 1"]);
  await assert.rejects(world.agree(0), { code: "consensus/duty-over" });
  // Whoever waits is told, though its own signal never fired.
  assert.equal((undecided.error as ConsensusError).code, "consensus/duty-over");
});

test("who asks for the decision has to sign for it", async (t) => {
  const world = worldOf(t);
  for (const i of [0, 1, 2, 3]) watch(world.agree(i));
  await world.clock.run({ until: start + 900 });
  const answers = (): number =>
    world.sent.filter(({ from, to, kind }) => from === 0 && to === 1 && kind === "decided").length;
  const ask = { type: kindNumber("round-change"), round: 2 };
  world.inject(1, messageOf(2, { ...ask, peerIndex: 1 })); // Signed with another key.
  await world.clock.run({ forMs: 50 });
  assert.equal(answers(), 0);
  assert.deepEqual(world.dropped[0], ["bad-signature from 1"]);
  world.inject(1, messageOf(1, ask));
  await world.clock.run({ forMs: 50 });
  assert.equal(answers(), 1);
});

test("a decided duty keeps no round timer, and goes on helping until its deadline only", async (t) => {
  const world = worldOf(t);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 2_000 });
  assert.ok(seen.every(({ decision }) => decision !== undefined));
  // What waits is the end of the instance.
  assert.deepEqual(
    world.clocks.map(({ waiting }) => waiting.size),
    [1, 1, 1, 1],
  );
  await world.clock.run({ until: dutyDeadline(chain, duty) ?? 0 });
  assert.deepEqual(
    world.clocks.map(({ waiting }) => waiting.size),
    [0, 0, 0, 0],
  );
});

test("an abort rejects with its reason and ends the rounds", async (t) => {
  const world = worldOf(t);
  const aborting = new AbortController();
  const seen = watch(world.agree(0, { signal: aborting.signal }));
  await world.clock.run({ until: start + 500 });
  const why = new Error("shutdown");
  aborting.abort(why);
  await world.clock.run({ forMs: 1 });
  assert.equal(seen.error, why);
  assert.equal((world.clocks[0] as WatchedClock).waiting.size, 1);
  const fired = world.clock.fired;
  await world.clock.run({ forMs: 5_000 });
  assert.ok(world.clock.fired - fired <= 6, "no round change is sent any more");
  await assert.rejects(world.agree(1, { signal: AbortSignal.abort(why) }), why);
});

test("a stopped node leaves no timer and joins nothing", async () => {
  const world = new ConsensusWorld();
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 10 });
  world.stop();
  await world.clock.run({ forMs: 0 });
  for (const { error } of seen) assert.equal((error as ConsensusError).code, "consensus/stopped");
  assert.deepEqual(
    world.clocks.map(({ waiting }) => waiting.size),
    [0, 0, 0, 0],
  );
  await assert.rejects(world.agree(0), { code: "consensus/stopped" });
});

// Without memory it may propose, or vote for, another value in the same round: that makes it one of the f faulty ones.
test("an operator that restarts in the middle joins again, even a leader with another proposal", async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = worldOf(t, { seed });
    const restarted = seed % 2 === 0 ? leaderOfRound(1) : leaderOfRound(2);
    const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
    await world.clock.run({ until: start + 10 + 10 * seed });
    world.operators[restarted]?.stop();
    world.startOperator(restarted);
    const again = watch(world.agree(restarted, { proposal: Promise.resolve(valueOf("another")) }));
    await world.clock.run({ until: start + 10_000 });
    const decisions = [...seen.filter((_, i) => i !== restarted), again];
    const values = new Set(decisions.map(({ decision }) => decision && textOf(decision)));
    assert.equal(values.size, 1, `replay with seed ${seed}`);
    assert.ok(!values.has(undefined), `replay with seed ${seed}`);
    world.stop();
  }
});

test("one duty is agreed on once: a second call is refused and does not disturb the first", async (t) => {
  const world = worldOf(t);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await assert.rejects(world.agree(0), { code: "consensus/already-joined" });
  await world.clock.run({ until: start + 900 });
  assert.ok(seen.every(({ decision }) => decision !== undefined));
  await assert.rejects(world.agree(0), { code: "consensus/already-joined" });
});

test("a proposal that comes after the end, or never comes, holds nothing up and throws nowhere", async (t) => {
  const world = worldOf(t);
  const late = [0, 1, 2, 3].map(() => Promise.withResolvers<ConsensusValue>());
  const aborting = new AbortController();
  const seen = late.map(({ promise }, i) =>
    watch(world.agree(i, { proposal: promise, signal: aborting.signal })),
  );
  await world.clock.run({ until: start + 4_000 });
  assert.ok(seen.every(({ decision }) => decision === undefined));
  aborting.abort(new Error("enough"));
  late[0]?.resolve(valueOf("too late"));
  late[1]?.reject(new Error("beacon node down"));
  await world.clock.run({ until: dutyDeadline(chain, duty) ?? 0 });
  assert.ok(seen.every(({ error }) => (error as Error).message === "enough"));
  assert.deepEqual(world.operators[0]?.debug(), []);
});

test("a duty that lacks its quorum for minutes asks seldom, and is agreed on soon after the others are back", async (t) => {
  const world = worldOf(t);
  for (const away of [2, 3]) world.network.setDown(away, true);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  const minutes = 20 * chain.slotMs;
  await world.clock.run({ until: start + minutes });
  const asked = world.sent.filter(({ from, to }) => from === 0 && to === 1).length;
  assert.ok(asked < 40, `${asked} messages to each peer in ${minutes / 1_000} s`);

  for (const back of [2, 3]) world.network.setDown(back, false);
  await world.clock.run({ forMs: 20_000 });
  assert.equal(new Set(seen.map(({ decision }) => decision && textOf(decision))).size, 1);
  assert.ok(seen.every(({ decision }) => decision !== undefined));
});

test("an operator that joins minutes late leaves out the rounds that are over", async (t) => {
  const world = worldOf(t);
  await world.clock.run({ until: start + 100_000 });
  watch(world.agree(0));
  await world.clock.run({ forMs: 1_000 });
  const calls = world.sent.filter(({ from, to, kind }) => from === 0 && to === 1 && kind === "round-change");
  assert.equal(calls.length, 1);
});

test("every measurement fits its declaration, with Charon's names and labels", async (t) => {
  const meter = createMeter();
  const world = worldOf(t, { meter });
  const leader = leaderOfRound(1);
  world.network.setDown(leader, true);
  for (let i = 0; i < 4; i++) watch(world.agree(i));
  world.inject(1, Uint8Array.of(0xff));
  await world.clock.run({ until: dutyDeadline(chain, duty) ?? 0 });
  const text = await meter.text();
  const labels = 'protocol="/charon/consensus/qbft/2.0.0",duty="attester"';
  const timer = `${labels},timer="eager_dlinear"`;
  for (const line of [
    `core_consensus_decided_rounds{${timer}} 2`,
    `core_consensus_decided_leader_index{${labels}} ${leaderOfRound(2)}`,
    `core_consensus_duration_seconds_count{${timer}} 3`,
    `core_consensus_timeout_total{${timer}} 1`,
    `core_consensus_insufficient_round_changes_total{${timer},outcome="timeout"} 1`,
  ])
    assert.ok(text.includes(line), `${line} in\n${text.replaceAll(/^(?!core_).*\n/gm, "")}`);
  assert.doesNotMatch(text, /trireme_telemetry_dropped_total\{/);
});
