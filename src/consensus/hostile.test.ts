import assert from "node:assert/strict";
import { test } from "node:test";
import { leaderOf } from "./instance.ts";
import { EARLY_MESSAGES_MAX, PART_BYTES_MAX, VALUES_PER_PEER_MAX } from "./limits.ts";
import {
  duty,
  leaderOfRound,
  messageOf,
  partOf,
  start,
  textOf,
  valueOf,
  watch,
  worldOf,
} from "./testing/consensus-world.ts";
import { Envelope, hashValue, kindNumber, NO_HASH, type SignedPart } from "./wire.ts";

const value = valueOf("x");
const valueHash = hashValue(value);
const carried = [{ typeUrl: value.typeUrl, value: value.bytes }];

// Charon recovers the key from the signature. Had we only verified R and S, a liar could give us votes that we count and
// repeat, and that make every Charon peer refuse what we justify with them.
test("a signature with a wrong recovery id is refused, as Charon refuses it", async (t) => {
  const world = worldOf(t);
  const good = partOf(1, { valueHash });
  const signature = good.signature.slice();
  signature[64] = 1 - (signature[64] as number);
  const message = { ...good, signature };
  world.inject(1, Envelope.encode({ message, justification: [], values: carried }));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["bad-signature from 1"]);
  world.inject(1, Envelope.encode({ message: good, justification: [], values: carried }));
  await world.clock.run({ forMs: 100 });
  assert.equal(world.dropped[0]?.length, 1);
});

test("a signed part that is far too long is refused, since it would be kept and repeated", async (t) => {
  const world = worldOf(t);
  world.inject(1, messageOf(1, { valueHash: new Uint8Array(PART_BYTES_MAX) }));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["bad-signature from 1"]);
});

test("one wrong signature in a justification condemns the message, a part that justifies nothing is ignored", async (t) => {
  const world = worldOf(t);
  const type = kindNumber("round-change");
  const forged: SignedPart = { ...partOf(2, { valueHash }), peerIndex: 3 };
  const claim = {
    type,
    round: 2,
    preparedRound: 1,
    valueHash: new Uint8Array(32),
    preparedValueHash: valueHash,
  };
  const honest = [0, 1, 2].map((author) => partOf(author, { valueHash }));
  world.inject(1, messageOf(1, claim, [value], [...honest.slice(1), forged]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["bad-signature from 1"]);
  // A round change is justified by prepares. The junk is not even looked at, and does not cost us a signature check.
  const junk = { ...partOf(2, { type }), signature: new Uint8Array(0) };
  world.inject(1, messageOf(1, claim, [value], [...honest, junk, junk]));
  world.inject(1, messageOf(1, {}, [value], [junk, forged]));
  await world.clock.run({ forMs: 100 });
  assert.equal(world.dropped[0]?.length, 1);
});

test("a justification from another duty or a round that cannot be is refused", async (t) => {
  const world = worldOf(t);
  const decided = { type: kindNumber("decided") };
  const commit = { type: kindNumber("commit"), valueHash };
  const other = partOf(2, { ...commit, duty: { slot: duty.slot + 1, kind: duty.kind } });
  world.inject(1, messageOf(1, decided, [value], [partOf(1, commit), other, partOf(3, commit)]));
  const change = { type: kindNumber("round-change"), round: 2, valueHash: NO_HASH };
  const far = partOf(2, { ...commit, type: kindNumber("prepare"), round: 1_000_000 });
  world.inject(1, messageOf(1, change, [value], [far]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0]?.toSorted(), ["mixed-duties from 1", "out-of-range from 1"]);
});

test("a decision with a quorum of one operator's commits, or of forged ones, is not taken", async (t) => {
  const world = worldOf(t);
  const seen = watch(world.agree(0));
  const commit = (author: number): SignedPart => partOf(author, { type: kindNumber("commit"), valueHash });
  const decided = { type: kindNumber("decided") };
  world.inject(1, messageOf(1, decided, [value], [commit(1), commit(1), commit(1)]));
  world.inject(1, messageOf(1, decided, [value], [commit(1), { ...commit(1), peerIndex: 2 }, commit(3)]));
  await world.clock.run({ forMs: 100 });
  assert.equal(seen.decision, undefined);
  world.inject(1, messageOf(1, decided, [value], [1, 2, 3].map(commit)));
  await world.clock.run({ forMs: 100 });
  assert.equal(seen.decision && textOf(seen.decision), "x");
});

test("a leader that says different things to different peers does not part them", async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = worldOf(t, { seed });
    const liar = leaderOfRound(1);
    world.network.intercept(({ from, to }) => {
      if (from !== liar) return undefined;
      const lie = valueOf(`for ${to % 2}`);
      return messageOf(liar, { type: kindNumber("pre-prepare") }, [lie]);
    });
    const honest = [0, 1, 2, 3].filter((i) => i !== liar);
    const seen = honest.map((i) => watch(world.agree(i)));
    watch(world.agree(liar));
    await world.clock.run({ until: start + 10_000 });
    const values = new Set(seen.map(({ decision }) => decision && textOf(decision)));
    assert.equal(values.size, 1, `replay with seed ${seed}`);
    assert.ok(!values.has(undefined), `replay with seed ${seed}`);
    world.stop();
  }
});

test("a value that its judge stumbles over gets no vote and does not end the duty", async (t) => {
  const world = worldOf(t);
  const bad = `from ${leaderOfRound(1)}`;
  const acceptable = ({ bytes }: { readonly bytes: Uint8Array }): boolean => {
    if (new TextDecoder().decode(bytes) === bad) throw new Error("cannot read this");
    return true;
  };
  // The third comes late, so that for it the value is among what waits.
  const seen = [0, 1, 2].map((i) => watch(world.agree(i, { acceptable })));
  await world.clock.run({ until: start + 500 });
  seen.push(watch(world.agree(3, { acceptable })));
  await world.clock.run({ until: start + 4_000 });
  for (const { decision } of seen) assert.equal(decision && textOf(decision), `from ${leaderOfRound(2)}`);
  assert.notEqual(leaderOfRound(1), 1);
  assert.ok(world.log[1]?.some(({ facts }) => facts?.["why"] === "cannot read this"));
});

test("what cannot be read costs its sender room all the same", async (t) => {
  const world = worldOf(t);
  for (let i = 0; i < VALUES_PER_PEER_MAX + 5; i++)
    world.inject(1, messageOf(1, {}, [{ typeUrl: "other", bytes: Uint8Array.of(i + 1) }]));
  await world.clock.run({ forMs: 100 });
  const count = (reason: string): number =>
    world.dropped[0]?.filter((dropped) => dropped === `${reason} from 1`).length ?? 0;
  assert.equal(count("unreadable-value"), VALUES_PER_PEER_MAX);
  assert.equal(count("too-many"), 5);
});

test("while a peer's long value is read everybody else is served", async (t) => {
  const world = worldOf(t);
  world.network.weather.latencyMs = { min: 5, max: 5 };
  const long = valueOf(new Uint8Array(2 * 1024 * 1024).fill(1));
  const seen = watch(world.agree(0));
  world.inject(1, messageOf(1, { valueHash }, [long]));
  world.inject(3, Uint8Array.of(0xff));
  await world.clock.run({ forMs: 10 });
  assert.deepEqual(world.dropped[0], ["not-protobuf from 3", "unknown-value from 1"]);
  const commits = [1, 2, 3].map((author) =>
    partOf(author, { type: kindNumber("commit"), valueHash: hashValue(long) }),
  );
  world.inject(2, messageOf(2, { type: kindNumber("decided") }, [long], commits));
  await world.clock.run({ forMs: 10 });
  assert.deepEqual(seen.decision?.value, long);
});

test("a proposal of our own that is long is read in pieces, and goes out", async (t) => {
  const world = worldOf(t);
  const leader = leaderOfRound(1);
  const long = valueOf(new Uint8Array(1024 * 1024).fill(7));
  const seen = [0, 1, 2, 3].map((i) =>
    watch(world.agree(i, i === leader ? { proposal: Promise.resolve(long) } : {})),
  );
  await world.clock.run({ until: start + 900 });
  for (const { decision } of seen) assert.equal(decision?.value.bytes.length, long.bytes.length);
});

test("of a peer's many early messages the latest are kept", async (t) => {
  const world = worldOf(t);
  const flooding = (round: number): Uint8Array => messageOf(1, { type: kindNumber("round-change"), round });
  for (let round = 2; round < 2 + 2 * EARLY_MESSAGES_MAX; round++) {
    world.inject(1, flooding(round));
    await world.clock.run({ forMs: 50 }); // Long enough for none to overtake another.
  }
  world.inject(2, messageOf(2, { type: kindNumber("round-change"), round: 40 }));
  await world.clock.run({ forMs: 100 });
  watch(world.agree(0));
  // f + 1 operators are in rounds 40 and later, so that is where we are.
  const [view] = world.operators[0]?.debug() ?? [];
  assert.deepEqual(view, { duty, joined: true, round: 40, decidedRound: undefined });
});

test("why a peer's messages are dropped is logged once a minute, with how many there were", async (t) => {
  const world = worldOf(t);
  const junk = Uint8Array.of(0xff, 0xff);
  for (let i = 0; i < 50; i++) world.inject(1, junk);
  await world.clock.run({ forMs: 1_000 });
  assert.equal(world.log[0]?.length, 1);
  await world.clock.run({ forMs: 60_000 });
  world.inject(1, junk);
  await world.clock.run({ forMs: 1_000 });
  assert.equal(world.log[0]?.length, 2);
  assert.equal(world.log[0]?.[1]?.facts?.["droppedSince"], 49);
});

test("who asks after the decision is answered alone, once per round", async (t) => {
  const world = worldOf(t);
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 900 });
  assert.ok(seen.every(({ decision }) => decision !== undefined));
  const before = world.sent.length;
  const ask = (round: number): Uint8Array => messageOf(3, { type: kindNumber("round-change"), round });
  for (const round of [2, 2, 3, 3, 2]) world.inject(3, ask(round));
  await world.clock.run({ forMs: 500 });
  const answers = world.sent.slice(before).filter(({ from }) => from === 0);
  assert.deepEqual(answers, [
    { from: 0, to: 3, kind: "decided" },
    { from: 0, to: 3, kind: "decided" },
  ]);
});

// To judge a value is to decode the data of a slot, or to ask every beacon node for seconds; to propose one costs 200 bytes.
test("a proposal is judged when its round could still follow from it, and one in each round", async (t) => {
  const world = worldOf(t);
  const next = { ...duty, slot: duty.slot + 1 };
  const leader = leaderOf(next, 1, 4);
  assert.notEqual(leader, 0);
  const judged: string[] = [];
  const acceptable = ({ bytes }: { readonly bytes: Uint8Array }, round: number): boolean => {
    judged.push(`${new TextDecoder().decode(bytes)} in ${round}`);
    return false;
  };
  const propose = (text: string, round: number, ...justification: readonly SignedPart[]): void =>
    world.inject(
      leader,
      messageOf(
        leader,
        { type: kindNumber("pre-prepare"), round, duty: next },
        [valueOf(text)],
        justification,
      ),
    );
  propose("early", 5); // Waits until we join, and proves nothing then either.
  await world.clock.run({ forMs: 100 });
  watch(world.agree(0, { duty: next, acceptable }));
  for (let round = 5; round < 400; round += 4) propose("unproved", round);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(judged, []);
  for (const text of ["first", "second", "first"]) {
    propose(text, 1);
    await world.clock.run({ forMs: 100 });
  }
  assert.deepEqual(judged, ["first in 1"]);
  const calls = [1, 2, 3].map((author) =>
    partOf(author, { type: kindNumber("round-change"), round: 5, duty: next }),
  );
  propose("proved", 5, ...calls);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(judged, ["first in 1", "proved in 5"]);
  // Two of the others are in round 9, so the fifth is over for us too.
  for (const author of [2, 3])
    world.inject(author, messageOf(author, { type: kindNumber("round-change"), round: 9, duty: next }));
  await world.clock.run({ forMs: 100 });
  propose("late", 5, ...calls);
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(judged, ["first in 1", "proved in 5"]);
});
