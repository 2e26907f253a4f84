import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { leaderOf } from "./instance.ts";
import {
  duty,
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
import { Envelope, hashValue, kindNumber, NO_HASH, type SignedPart } from "./wire.ts";

// Faults that were found in Charon's consensus and mended there, as attacks on ours. Its pull requests name them.

const [a, b] = [valueOf("a"), valueOf("b")];
const [hashA, hashB] = [hashValue(a), hashValue(b)];
const commit = (author: number, valueHash: Uint8Array, round = 1): SignedPart =>
  partOf(author, { type: kindNumber("commit"), valueHash, round });

// charon#4624: a second PRE-PREPARE of the same round moved an operator to vote again.
test("an operator votes once per round, whatever its leader says afterwards", async (t) => {
  const next = { ...duty, slot: duty.slot + 1 };
  const leader = leaderOf(next, 1, 4);
  assert.notEqual(leader, 0);
  const world = worldOf(t);
  const prepared: string[] = [];
  world.network.intercept(({ from, to, message }) => {
    const part = Envelope.decode(message).message;
    if (part?.type === kindNumber("prepare") && from === 0 && to === leader)
      prepared.push(toHex(part.valueHash));
    return undefined;
  });
  watch(world.agree(0, { duty: next }));
  for (const value of [a, b, a, b]) {
    const part = { type: kindNumber("pre-prepare"), valueHash: hashValue(value), duty: next };
    world.inject(leader, messageOf(leader, part, [value]));
    await world.clock.run({ forMs: 100 });
  }
  assert.deepEqual(prepared, [toHex(hashA)]);
});

// charon#4619: a leader's PRE-PREPARE that names no value was taken for one.
test("a leader that proposes nothing, by zeros, by no bytes or by a hash of another length, costs its round and no more", async (t) => {
  const leader = leaderOfRound(1);
  for (const nothing of [NO_HASH, new Uint8Array(0), new Uint8Array(31).fill(1)]) {
    for (const values of [[], [a]]) {
      const world = worldOf(t);
      world.network.intercept(({ from, message }) =>
        from === leader && kindIn(message) === "pre-prepare"
          ? messageOf(leader, { type: kindNumber("pre-prepare"), valueHash: nothing }, values)
          : undefined,
      );
      const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i)));
      await world.clock.run({ until: start + 6_000 });
      for (const { decision } of seen) {
        assert.equal(decision?.round, 2);
        assert.equal(decision && textOf(decision), `from ${leaderOfRound(2)}`);
      }
      world.stop();
    }
  }
});

// charon#4622: of a quorum of COMMITs the first one's value was decided, though the quorum was for another.
test("a decision is for the value that a quorum committed in one round, in whatever order their commits come", async (t) => {
  const world = worldOf(t);
  const seen = watch(world.agree(0));
  const decided = (valueHash: Uint8Array, round = 1) => ({ type: kindNumber("decided"), valueHash, round });
  const carried = [a, b];
  // The first for another value; a quorum over two rounds; a quorum for another value than the message's own.
  world.inject(
    1,
    messageOf(1, decided(hashA), carried, [commit(1, hashB), commit(2, hashA), commit(3, hashA)]),
  );
  world.inject(
    1,
    messageOf(1, decided(hashA), carried, [commit(1, hashA), commit(2, hashA, 2), commit(3, hashA)]),
  );
  world.inject(
    2,
    messageOf(
      2,
      decided(hashB),
      carried,
      [1, 2, 3].map((i) => commit(i, hashA)),
    ),
  );
  world.inject(
    3,
    messageOf(
      3,
      decided(NO_HASH),
      [],
      [1, 2, 3].map((i) => commit(i, NO_HASH)),
    ),
  );
  // Plain commits: one for another value before those of the quorum.
  world.inject(1, messageOf(1, { type: kindNumber("commit"), valueHash: hashB }, [b]));
  for (const i of [2, 3])
    world.inject(i, messageOf(i, { type: kindNumber("commit"), valueHash: hashA }, [a]));
  await world.clock.run({ forMs: 200 });
  assert.equal(seen.decision, undefined);
  const quorum = [commit(3, hashA), commit(1, hashA), commit(2, hashA)];
  world.inject(2, messageOf(2, decided(hashA), carried, quorum));
  await world.clock.run({ forMs: 200 });
  assert.equal(seen.decision && textOf(seen.decision), "a");
});

// charon#4628: an operator that would not sign a proposal lost its own value, and proposed nothing when its turn came.
test("an operator that refuses a proposal still proposes its own value when it leads", async (t) => {
  const world = worldOf(t);
  const bad = `from ${leaderOfRound(1)}`;
  const acceptable = ({ bytes }: { readonly bytes: Uint8Array }): boolean =>
    new TextDecoder().decode(bytes) !== bad;
  const seen = [0, 1, 2, 3].map((i) => watch(world.agree(i, { acceptable })));
  await world.clock.run({ until: start + 5_000 });
  for (const { decision } of seen) assert.equal(decision && textOf(decision), `from ${leaderOfRound(2)}`);
});

// charon#4643 (there of the priority protocol): what a peer named, impossible or far away, was kept until its far deadline.
test("duties that cannot be leave nothing behind, however many a peer names", async (t) => {
  const world = worldOf(t);
  for (let i = 0; i < 500; i++)
    world.inject(1, messageOf(1, { duty: { slot: 1_000_000 + i, kind: duty.kind }, valueHash: hashA }, [a]));
  await world.clock.run({ forMs: 100 });
  assert.deepEqual(world.operators[0]?.debug(), []);
  assert.equal(world.clocks[0]?.waiting.size, 0);
  assert.ok(world.dropped[0]?.every((reason) => reason === "impossible-duty from 1"));
});

// A value is named by the hash of its bytes, without its type.
test("the bytes of a value under another duty's type do not take its place", async (t) => {
  const world = worldOf(t);
  const seen = watch(world.agree(0));
  const commits = [1, 2, 3].map((author) => commit(author, hashA));
  const other = { ...a, typeUrl: "of info-sync" };
  world.inject(1, messageOf(1, { type: kindNumber("decided"), valueHash: hashA }, [a, other], commits));
  await world.clock.run({ forMs: 100 });
  assert.equal(seen.decision?.value.typeUrl, a.typeUrl);
});
