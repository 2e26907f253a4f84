import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { AssertionFailed } from "../base/index.ts";
import type { BlsWork, Clock, Sender } from "../ports/index.ts";
import { Judge } from "./judge.ts";
import { LIMITS } from "./limits.ts";

type Claim = Parameters<BlsWork["verify"]>[0][number];

const never = new AbortController().signal;
const RIGHT = 1;
const WRONG = 0;
let made = 0;

/** Claims of one owner, each other than all before it. */
const claims = (count: number, signature: number, owner = 0): Claim[] =>
  Array.from({ length: count }, () => {
    const root = new Uint8Array(32);
    new DataView(root.buffer).setUint32(0, made++);
    return { publicKey: new Uint8Array(48).fill(owner), root, signature: new Uint8Array(96).fill(signature) };
  });

interface Bench {
  readonly judge: Judge;
  readonly clock: SimClock;
  /** Whose signatures were judged in each piece, and how many. */
  readonly pieces: (readonly [owner: number, count: number])[];
}

function bench(verify?: BlsWork["verify"]): Bench {
  const clock = new SimClock(1_000_000);
  const pieces: Bench["pieces"] = [];
  const honest = async (some: readonly Claim[]): Promise<readonly boolean[]> => {
    pieces.push([some[0]?.publicKey[0] as number, some.length]);
    return some.map(({ signature }) => signature[0] === RIGHT);
  };
  return { judge: new Judge({ clock, bls: { verify: verify ?? honest } }), clock, pieces };
}

const HONEST = 7;
const at = (address: string): Sender => ({ address });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Where in the pieces an owner's first one is. */
const firstOf = ({ pieces }: Bench, owner: number): number => pieces.findIndex(([whose]) => whose === owner);

test("at another address than the flood's, a first signature waits for two wrong ones, and the rest comes next in one piece", async () => {
  const made = bench();
  for (let i = 0; i < 50; i++) void made.judge.verify(claims(100, WRONG), at("hostile"), never);
  const verdicts = made.judge.verify(claims(20, RIGHT, HONEST), at("honest"), never);
  assert.deepEqual(await verdicts, Array(20).fill(true));
  assert.deepEqual(made.pieces.slice(0, 4), [
    [0, 1], // It was under way.
    [0, 1],
    [HONEST, 1],
    [HONEST, 19],
  ]);
});

test("at the flood's own address a new connection waits for one signature of each request, and goes first from then on", async () => {
  const made = bench();
  const flood = (): void => {
    for (let i = 0; i < 50; i++) void made.judge.verify(claims(100, WRONG), at("same"), never);
  };
  flood();
  const own = at("same");
  assert.deepEqual(await made.judge.verify(claims(1, RIGHT, HONEST), own, never), [true]);
  assert.equal(firstOf(made, HONEST), 50);
  flood();
  const before = made.pieces.length;
  assert.deepEqual(
    await made.judge.verify(claims(70, RIGHT, HONEST), own, never),
    Array(70).fill(true),
    "it is known",
  );
  const since = made.pieces.slice(before).filter(([whose]) => whose === HONEST);
  assert.deepEqual(
    since.map(([, count]) => count),
    [32, 32, 6],
  );
  assert.ok(made.pieces.length - before <= 4, "at most one piece that was under way came before it");
});

test("who sends a wrong signature over a connection is judged one by one again", async () => {
  const made = bench();
  const own = at("a");
  await made.judge.verify(claims(1, RIGHT), own, never);
  const mixed = [...claims(3, RIGHT), ...claims(1, WRONG), ...claims(60, RIGHT)];
  assert.equal((await made.judge.verify(mixed, own, never)).filter((right) => right === false).length, 1);
  assert.deepEqual(
    made.pieces.map(([, count]) => count),
    [1, 32, 1, 31],
  );
});

test("wrong signatures cost so much time and no more, and known senders wait for none of it", async () => {
  const made = bench();
  const { clock, judge, pieces } = made;
  const own = at("same");
  await judge.verify(claims(1, RIGHT, HONEST), own, never);
  for (let i = 0; i < 10; i++) void judge.verify(claims(1_000, WRONG), at(`hostile ${i}`), never);
  await clock.run({ forMs: 1_000 });
  const wrong = pieces.filter(([owner]) => owner !== HONEST).length;
  assert.ok(wrong <= (1_000 + LIMITS.wrongAheadMs) / LIMITS.wrongEveryMs + 1, `${wrong} in a second`);
  assert.ok(wrong > 300, "they are judged all the same");
  // No time passes here.
  assert.deepEqual(await judge.verify(claims(40, RIGHT, HONEST), own, never), Array(40).fill(true));
});

test("a clock that is set back by an hour keeps nobody waiting for it to come round", async () => {
  let [now, wake] = [10_000_000, (): void => {}];
  const clock: Clock = {
    now: () => now,
    at(at, action) {
      wake = () => void (at <= now && action());
      return () => {};
    },
  };
  const verify = async (some: readonly Claim[]): Promise<readonly boolean[]> =>
    some.map(({ signature }) => signature[0] === RIGHT);
  const judge = new Judge({ clock, bls: { verify } });
  void judge.verify(claims(1_000, WRONG), at("hostile"), never);
  await settled();
  now -= 3_600_000;
  const honest = judge.verify(claims(1, RIGHT), at("honest"), never);
  for (let turn = 0; turn < 3; turn++) {
    now += LIMITS.wrongAheadMs;
    wake();
    await settled();
  }
  assert.deepEqual(await Promise.race([honest, settled()]), [true]);
});

test("a wrong signature that comes again is not judged again, and a right one of the same root is", async () => {
  const { judge, pieces } = bench();
  const wrong = claims(3, WRONG);
  assert.deepEqual(await judge.verify(wrong, at("a"), never), [false, false, false]);
  const before = pieces.length;
  assert.deepEqual(await judge.verify(wrong, at("b"), never), [false, false, false]);
  assert.equal(pieces.length, before);
  const right = wrong.map((claim) => ({ ...claim, signature: new Uint8Array(96).fill(RIGHT) }));
  assert.deepEqual(await judge.verify(right, at("a"), never), [true, true, true]);
});

test("of too many that wait those of the largest list go unjudged, and an honest one's are judged", async () => {
  const { judge, clock } = bench();
  const half = LIMITS.judgedWaitingMax / 2;
  const hostile = [0, 1].map(() => judge.verify(claims(half, WRONG), at("hostile"), never));
  const honest = judge.verify(claims(100, RIGHT), at("honest"), never);
  assert.ok((await Promise.race(hostile)).includes(undefined));
  await clock.run({ forMs: 2_000 });
  assert.deepEqual(await honest, Array(100).fill(true));
});

test("what a client that leaves has sent is judged no further, and is neither right nor wrong", async () => {
  const made = bench();
  const leaving = new AbortController();
  void made.judge.verify(claims(500, WRONG), at("b"), never);
  const answer = made.judge.verify(claims(1_000, WRONG), at("a"), leaving.signal);
  await settled();
  leaving.abort();
  const judged = (await answer).filter((right) => right !== undefined).length;
  assert.ok(judged > 0 && judged < 1_000, `${judged}`);
  await made.clock.run({ forMs: 5_000 });
  assert.equal(made.pieces.length, 500 + judged);
  assert.deepEqual(await made.judge.verify(claims(1, RIGHT), at("a"), AbortSignal.abort()), [undefined]);
});

test("a bug of ours while judging is heard by whose signature it was, and the others are judged", async () => {
  let calls = 0;
  const { judge } = bench(async (some) => {
    if (++calls === 1) throw new AssertionFailed("as if a key had no bytes");
    return some.map(() => true);
  });
  const first = assert.rejects(judge.verify(claims(2, RIGHT), at("a"), never), AssertionFailed);
  const second = judge.verify(claims(2, RIGHT), at("a"), never);
  await first;
  assert.deepEqual(await second, [true, true]);
});
