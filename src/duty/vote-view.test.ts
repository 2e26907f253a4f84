import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/chain-spec.ts";
import { SimClock } from "../../sim/clock.ts";
import type { BeaconNode } from "../ports/index.ts";
import { dutyDue, type phase0, slotStart } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { VoteView } from "./vote-view.ts";

const chain = simChainSpec(32);
const SLOT = 200;
const root = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const vote = (source = 5, more: Partial<phase0.AttestationData> = {}): phase0.AttestationData => ({
  slot: SLOT,
  index: 0,
  beaconBlockRoot: root(1),
  source: { epoch: source, root: root(source) },
  target: { epoch: 6, root: root(6) },
  ...more,
});

/** A view at the start of a slot, with a beacon node that gives these answers one after the other, then none. */
function view(...answers: readonly phase0.AttestationData[]) {
  const clock = new SimClock(slotStart(chain, SLOT));
  const left = [...answers];
  let asked = 0;
  const attestationData: BeaconNode["attestationData"] = async () => {
    asked++;
    const next = left.shift();
    if (next === undefined) throw new Error("no answer");
    return next;
  };
  const votes = new VoteView({ clock, chain, beacon: { attestationData } as BeaconNode });
  const bears = async (...proposed: readonly phase0.AttestationData[]): Promise<boolean> => {
    const answer = votes.bears(SLOT, 0, proposed, new AbortController().signal);
    await clock.run({ forMs: chain.slotMs });
    return answer;
  };
  return { votes, bears, clock, asked: () => asked };
}

test("what our beacon node said already needs no question, whatever the head", async () => {
  const { votes, bears, asked } = view();
  votes.saw(vote());
  assert.equal(await bears(vote(), vote(5, { beaconBlockRoot: root(9) })), true);
  assert.equal(asked(), 0);
});

test("every vote of a proposal must bear comparison, not only one of them", async () => {
  for (const other of [
    vote(4),
    vote(5, { source: { epoch: 5, root: root(0xbb) } }),
    vote(5, { target: { epoch: 7, root: root(6) } }),
    vote(5, { target: { epoch: 6, root: root(0xbb) } }),
  ]) {
    const { votes, bears, asked } = view(vote(), vote());
    votes.saw(vote());
    assert.equal(await bears(vote(), other), false);
    assert.ok(asked() > 0, "it may have changed its mind");
  }
});

test("a beacon node that changes its mind in time is believed, and one that contradicted once is not forgotten", async () => {
  assert.equal(await view(vote(4), vote()).bears(vote()), true);
  // After its contradiction it says nothing more.
  assert.equal(await view(vote(4)).bears(vote()), false);
});

test("a silent beacon node contradicts nobody, but no source earlier than the latest that was signed is taken", async () => {
  assert.equal(await view().bears(vote()), true);
  const { votes, bears } = view();
  votes.signed(vote(5));
  votes.signed(vote(3)); // A late duty of an earlier epoch.
  assert.equal(await bears(vote(4)), false);
  assert.equal(await bears(vote(5), vote(4)), false);
  assert.equal(await bears(vote(5)), true);
});

test("the answer comes a moment after the vote is due at the latest", async () => {
  const { votes, clock } = view();
  let answer: boolean | undefined;
  void Promise.resolve(votes.bears(SLOT, 0, [vote()], new AbortController().signal)).then((bears) => {
    answer = bears;
  });
  const due = dutyDue(chain, { slot: SLOT, kind: "attester" });
  const pauseMs = Math.ceil(LIMITS.viewWait * chain.slotMs);
  await clock.run({ until: due + pauseMs - 1 });
  assert.equal(answer, undefined);
  await clock.run({ until: due + pauseMs });
  assert.equal(answer, true);
});

test("the same question is asked once at a time, however many proposals raise it", async () => {
  const { bears, asked } = view();
  const alone = view();
  await alone.bears(vote(4));
  const answers = await Promise.all([bears(vote(4)), bears(vote(4)), bears(vote(4))]);
  assert.deepEqual(answers, [true, true, true]);
  assert.equal(asked(), alone.asked());
  await bears(vote(4));
  assert.ok(asked() > alone.asked(), "it is asked again later");
});
