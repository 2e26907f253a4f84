import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeKey } from "../crypto/index.ts";
import {
  type ConsensusWorld,
  keys,
  kindIn,
  leaderOfRound,
  messageOf,
  partOf,
  start,
  textOf,
  valueOf,
  watch,
  worldOf,
} from "./testing/consensus-world.ts";
import { claimingToo, withStrayClaim } from "./testing/stray-claim.ts";
import { Envelope, hashValue, kindNumber, type SignedPart } from "./wire.ts";

// A vote that claims to have prepared something names a second value. Whoever repeats the vote as a proof would have to bring
// that value along: one that was forgotten once the cluster had decided, or one so large that no message holds it.

const leader = leaderOfRound(1);
const [liar, late, other] = [0, 1, 2, 3].filter((i) => i !== leader) as [number, number, number];
const liarsKey = keys[liar] as NodeKey;

/** Every vote of the liar claims something; it helps nobody. */
function lie(world: ConsensusWorld, claimed: Uint8Array, ...kinds: readonly string[]): void {
  world.network.intercept(({ from, message }) => {
    if (from !== liar) return undefined;
    if (kindIn(message) === "decided") return "drop";
    if (!kinds.includes(kindIn(message))) return undefined;
    return withStrayClaim(message, valueOf(claimed), liarsKey);
  });
}

test("commits that claim something keep nobody from telling a decision, and nobody else is blamed", async (t) => {
  const world = worldOf(t);
  lie(world, Uint8Array.of(1), "commit");
  world.network.setDown(late, true);
  const seen = [leader, liar, other].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 900 });
  world.network.setDown(late, false);
  seen.push(watch(world.agree(late)));
  await world.clock.run({ until: start + 10_000 });
  for (const { decision } of seen) assert.equal(decision && textOf(decision), `from ${leader}`);
  for (const honest of [leader, late, other]) {
    assert.ok(world.dropped[honest]?.every((one) => one === `stray-claim from ${liar}`));
    assert.equal(world.network.rejectionsOf(honest), 0);
  }
});

test("a large value that prepares claim to have prepared travels no further", async (t) => {
  const world = worldOf(t);
  lie(world, new Uint8Array(1 << 20), "prepare");
  let largest = 0;
  world.network.intercept(({ from, message }) => {
    // Nobody but the liar, and what it twists, says anything long.
    if (from !== liar) largest = Math.max(largest, message.length);
    // The first round's commits are lost, so that what was prepared has to be proved.
    return kindIn(message) === "commit" && world.clock.now() < start + 1_900 ? "drop" : undefined;
  });
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
  await world.clock.run({ until: start + 10_000 });
  for (const { decision } of seen) assert.equal(decision && textOf(decision), `from ${leader}`);
  assert.ok(largest < 10_000, `${largest} bytes`);
});

// A Charon takes such a vote, and repeats it in what it proves.
test("a proof that holds such a vote is believed, and repeated without what it claims", async (t) => {
  for (const spare of [[], [0]]) {
    const world = worldOf(t);
    const [v, w] = [valueOf("v"), valueOf("w")];
    const vote = (author: number): SignedPart =>
      partOf(author, { type: kindNumber("commit"), valueHash: hashValue(v) });
    const commits = [claimingToo(vote(1), w, keys[1] as NodeKey), ...[2, 3, ...spare].map(vote)];
    const answers: Envelope[] = [];
    world.network.intercept(({ from, message }) => {
      if (from === 0 && kindIn(message) === "decided") answers.push(Envelope.decode(message));
      return undefined;
    });
    const seen = watch(world.agree(0));
    world.inject(2, messageOf(2, { type: kindNumber("decided") }, [v, w], commits));
    await world.clock.run({ forMs: 100 });
    assert.equal(seen.decision && textOf(seen.decision), "v");
    world.inject(3, messageOf(3, { type: kindNumber("round-change"), round: 2 }));
    await world.clock.run({ forMs: 100 });
    assert.deepEqual(
      answers[0]?.values.map(({ value }) => Buffer.from(value).toString()),
      ["v"],
    );
    const authors = answers[0]?.justification.map(({ peerIndex }) => peerIndex);
    assert.deepEqual(
      authors,
      spare.length === 0 ? [1, 2, 3] : [2, 3, 0],
      "where a quorum is there without it",
    );
    world.stop();
  }
});

test("a prepared value is proved by votes that claim nothing, whatever proofs of others hold", async (t) => {
  const world = worldOf(t);
  const v = valueOf(`from ${leader}`);
  const vote = (author: number): SignedPart => partOf(author, { valueHash: hashValue(v) });
  const proofs: Envelope[] = [];
  world.network.intercept(({ from, message }) => {
    if (from === 0 && kindIn(message) === "commit") proofs.push(Envelope.decode(message));
    return undefined;
  });
  watch(world.agree(0));
  // The liar's claim of round 2 proves, with two real votes, what it says: v was prepared.
  const lies = claimingToo(vote(liar), valueOf("w"), liarsKey);
  const claim = {
    type: kindNumber("round-change"),
    round: 2,
    preparedRound: 1,
    valueHash: new Uint8Array(32),
  };
  const justification = [vote(leader), vote(other), lies];
  world.inject(
    liar,
    messageOf(liar, { ...claim, preparedValueHash: hashValue(v) }, [v, valueOf("w")], justification),
  );
  await world.clock.run({ forMs: 100 });
  world.inject(leader, messageOf(leader, {}, [v]));
  world.inject(other, messageOf(other, {}, [v]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(proofs, [], "two votes that could be repeated are no quorum");
  world.inject(liar, messageOf(liar, {}, [v]));
  await world.clock.run({ forMs: 100 });
  assert.ok(proofs.length > 0);
});

test("a call for another round votes for nothing", async (t) => {
  const world = worldOf(t);
  world.inject(1, messageOf(1, { type: kindNumber("round-change"), round: 2 }, [valueOf("large")]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.dropped[0], ["stray-claim from 1"]);
});

test("a proof is believed though what a stray claim in it names cannot be read", async (t) => {
  const world = worldOf(t);
  const [v, w] = [valueOf("v"), { typeUrl: "of another protocol", bytes: Uint8Array.of(1) }];
  const commits = [1, 2, 3].map((i) => partOf(i, { type: kindNumber("commit"), valueHash: hashValue(v) }));
  const [first, ...rest] = commits as [SignedPart, ...SignedPart[]];
  const seen = watch(world.agree(0));
  const proof = [claimingToo(first, w, keys[1] as NodeKey), ...rest];
  world.inject(2, messageOf(2, { type: kindNumber("decided"), valueHash: hashValue(v) }, [w, v], proof));
  await world.clock.run({ forMs: 100 });
  assert.equal(seen.decision && textOf(seen.decision), "v");
});
