import assert from "node:assert/strict";
import { test } from "node:test";
import { leaderOf } from "./instance.ts";
import { type ConsensusWorld, duty, messageOf, partOf, valueOf, worldOf } from "./testing/consensus-world.ts";
import { hashValue, kindNumber, NO_HASH } from "./wire.ts";

// Operator 0 has not joined unless a test says so; whatever is done with its key is done by somebody else.
const value = valueOf("x");
const valueHash = hashValue(value);
const commit = { type: kindNumber("commit"), valueHash };
const heard = async (
  world: ConsensusWorld,
  ...messages: readonly (readonly [number, Uint8Array])[]
): Promise<string[]> => {
  for (const [from, message] of messages) world.inject(from, message);
  await world.clock.run({ forMs: 100 });
  return [...new Set(world.doubles[0])];
};
/** A prepare in a round of operator 0, of which there is one in every four. */
const prepare = (author: number, round = 1): readonly [number, Uint8Array] => {
  assert.equal(leaderOf(duty, round, 4), 0);
  return [author, messageOf(author, { round, valueHash }, [value])];
};

test("a message signed with our key in somebody's justification is proof of a double", async (t) => {
  const decided = messageOf(
    1,
    { type: kindNumber("decided"), valueHash },
    [value],
    [partOf(1, commit), partOf(2, commit), partOf(0, commit)],
  );
  assert.deepEqual(await heard(worldOf(t), [1, decided]), ["5 signed"]);
});

test("a forged one is not", async (t) => {
  const world = worldOf(t);
  const decided = messageOf(
    1,
    { type: kindNumber("decided"), valueHash },
    [value],
    [partOf(1, commit), partOf(2, commit), { ...partOf(3, commit), peerIndex: 0 }],
  );
  assert.deepEqual(await heard(world, [1, decided]), []);
  assert.deepEqual(world.dropped[0], ["bad-signature from 1"]);
});

test("when more than f peers prepare in our round, somebody led it in our place; what f peers say proves nothing", async (t) => {
  assert.deepEqual(await heard(worldOf(t), prepare(1), prepare(1), prepare(2, 5)), []);
  assert.deepEqual(await heard(worldOf(t), prepare(1), prepare(2)), ["5 led"]);
  assert.deepEqual(await heard(worldOf(t), prepare(3, 5), prepare(2, 5)), ["5 led"]);
});

test("prepares in another's round are what they should be", async (t) => {
  const round2 = (author: number) => [author, messageOf(author, { round: 2, valueHash }, [value])] as const;
  assert.deepEqual(await heard(worldOf(t), round2(1), round2(2), round2(3)), []);
});

test("an operator that has joined does not take itself for its double", async (t) => {
  const world = worldOf(t);
  const decisions = [0, 1, 2, 3].map((operator) => world.agree(operator));
  await world.clock.run({ forMs: 1_000 });
  await Promise.all(decisions);
  assert.deepEqual(world.doubles, [[], [], [], []]);
});

/** Another valid signature of the same key and words: s and n - s are both right. */
function malleated(signature: Uint8Array): Uint8Array {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return Uint8Array.from([...signature.subarray(0, 32), ...other, (signature[64] ?? 0) ^ 1]);
}

test("an operator at work hears of what its double said, and of its own words it does not, however they are signed", async (t) => {
  const world = worldOf(t);
  const decision = world.agree(0);
  decision.catch(() => {}); // The others say nothing to the end.
  await world.clock.run({ forMs: 5_000 }); // It asked for rounds up to 6, which operator 1 leads.
  const roundChange = { type: kindNumber("round-change"), round: 6 };
  const asked = partOf(0, roundChange);
  const twin = { ...asked, signature: malleated(asked.signature) };
  const leads = (...parts: readonly ReturnType<typeof partOf>[]): Uint8Array =>
    messageOf(1, { type: kindNumber("pre-prepare"), round: 6, valueHash }, [value], parts);
  const others = [partOf(1, roundChange), partOf(2, roundChange)];
  assert.deepEqual(await heard(world, [1, leads(asked, ...others)], [1, leads(twin, ...others)]), []);
  assert.deepEqual(world.dropped[0], [], "both are genuine");
  const prepared = messageOf(
    2,
    { ...roundChange, round: 7, valueHash: NO_HASH, preparedRound: 1, preparedValueHash: valueHash },
    [value],
    [0, 1, 2].map((author) => partOf(author, { valueHash })),
  );
  assert.deepEqual(await heard(world, [2, prepared]), ["5 signed"]);
});
