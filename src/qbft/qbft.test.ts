import assert from "node:assert/strict";
import { test } from "node:test";
import {
  faulty,
  initialState,
  isJustified,
  type QbftConfig,
  type QbftMessage,
  type QbftState,
  quorum,
  step,
} from "./index.ts";
import { QbftCluster, type Step } from "./testing/qbft-cluster.ts";

const config: QbftConfig = { self: 0, operatorCount: 4, leader: (round) => round % 4 };
const message = (of: Partial<QbftMessage> & Pick<QbftMessage, "kind" | "source">): QbftMessage => ({
  round: 1,
  value: "",
  preparedRound: 0,
  preparedValue: "",
  justification: [],
  ...of,
});
const prepares = (value: string, round = 1): QbftMessage[] =>
  [1, 2, 3].map((source) => message({ kind: "prepare", source, round, value }));

function feed(state: QbftState, ...messages: readonly QbftMessage[]): { state: QbftState; sent: string[] } {
  let now = state;
  const sent: string[] = [];
  for (const one of messages) {
    const { state: next, effects } = step(config, now, { kind: "message", message: one, acceptable: true });
    now = next;
    for (const effect of effects)
      sent.push(effect.kind === "broadcast" ? `${effect.message.kind} ${effect.message.value}` : effect.kind);
  }
  return { state: now, sent };
}

test("quorums and faults are those of the paper", () => {
  assert.deepEqual([4, 5, 6, 7, 10].map(quorum), [3, 4, 4, 5, 7]);
  assert.deepEqual([3, 4, 6, 7, 10].map(faulty), [0, 1, 1, 2, 3]);
});

test("a leader that says two things in a round gets one vote", () => {
  const { sent } = feed(
    initialState(),
    message({ kind: "pre-prepare", source: 1, value: "a" }),
    message({ kind: "pre-prepare", source: 1, value: "b" }),
  );
  assert.deepEqual(
    sent.filter((one) => one.startsWith("prepare")),
    ["prepare a"],
  );
});

test("a proposal of nothing, or of somebody who does not lead, gets no vote", () => {
  assert.deepEqual(feed(initialState(), message({ kind: "pre-prepare", source: 1, value: "" })).sent, []);
  assert.deepEqual(feed(initialState(), message({ kind: "pre-prepare", source: 2, value: "a" })).sent, []);
});

test("a proposal that we would not sign gets no vote, and does not stretch the round", () => {
  const { effects } = step(config, initialState(), {
    kind: "message",
    message: message({ kind: "pre-prepare", source: 1, value: "a" }),
    acceptable: false,
  });
  assert.deepEqual(effects, []);
});

test("one operator voting twice is one vote", () => {
  const doubled = [1, 1, 1, 2].map((source) => message({ kind: "commit", source, value: "a" }));
  assert.deepEqual(feed(initialState(), ...doubled).sent, []);
  assert.deepEqual(
    feed(initialState(), ...doubled, message({ kind: "commit", source: 3, value: "a" })).sent,
    ["stop-timer", "decide"],
  );
});

test("a round change that claims a prepared value proves it", () => {
  const claim = { kind: "round-change", source: 1, round: 2, preparedRound: 1, preparedValue: "a" } as const;
  assert.equal(isJustified(config, message(claim)), false);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("a") })), true);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("b") })), false);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("a").slice(1) })), false);
  assert.equal(
    isJustified(
      config,
      message({ ...claim, justification: [...prepares("a").slice(0, 2), ...prepares("a").slice(0, 1)] }),
    ),
    false,
  );
});

test("a later leader is bound to the value that may have been decided", () => {
  const changes = [1, 2, 3].map((source) =>
    message({
      kind: "round-change",
      source,
      round: 2,
      ...(source === 1 ? { preparedRound: 1, preparedValue: "a" } : {}),
    }),
  );
  const justification = [...changes, ...prepares("a")];
  assert.equal(
    isJustified(config, message({ kind: "pre-prepare", source: 2, round: 2, value: "a", justification })),
    true,
  );
  assert.equal(
    isJustified(config, message({ kind: "pre-prepare", source: 2, round: 2, value: "b", justification })),
    false,
  );
  assert.equal(
    isJustified(
      config,
      message({ kind: "pre-prepare", source: 2, round: 2, value: "b", justification: changes }),
    ),
    false,
  );
});

test("a decided operator answers a round change once per round, with proof", () => {
  const decided = feed(
    initialState(),
    ...[1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" })),
  ).state;
  const ask = (round: number): QbftMessage => message({ kind: "round-change", source: 3, round });
  assert.deepEqual(feed(decided, ask(2), ask(2), ask(3)).sent, ["decided a", "decided a"]);
});

test("a flood of messages from one operator pushes out none of another's", () => {
  let { state } = feed(
    initialState(),
    message({ kind: "prepare", source: 2, value: "a" }),
    message({ kind: "prepare", source: 3, value: "a" }),
  );
  for (let i = 0; i < 500; i++)
    state = feed(state, message({ kind: "prepare", source: 1, round: 1, value: `junk ${i}` })).state;
  assert.ok((state.buffer.get(1)?.length ?? 0) <= 100);
  assert.deepEqual(feed(state, message({ kind: "prepare", source: 0, value: "a" })).sent, ["commit a"]);
});

// Goal: lost, late, doubled and lied messages never make two honest operators decide differently, and every honest one
// decides once the network is well again. Method: per seed, a chaotic phase, then a healed one.
const SEEDS = 900;

function violation(seed: number, broken?: Step): string | undefined {
  const operatorCount = 4 + (seed % 7);
  const liars = seed % 5 < 2 ? faulty(operatorCount) : 0;
  const cluster = new QbftCluster(seed, {
    operatorCount,
    liars,
    ...(broken === undefined ? {} : { step: broken }),
  });
  cluster.run({ forMs: 5_000 });
  if (cluster.decidedValues().size > 1) return `two values decided; replay with seed ${seed}`;
  cluster.heal();
  cluster.run({ forMs: 60_000 });
  if (cluster.decidedValues().size > 1)
    return `two values decided after the network healed; replay with seed ${seed}`;
  if (cluster.decisions.size < cluster.honest)
    return `${cluster.honest - cluster.decisions.size} operators never decided; replay with seed ${seed}`;
  return undefined;
}

test("operators agree through a lossy, parted network with liars in it, and all decide once it heals", () => {
  for (let seed = 1; seed <= SEEDS; seed++) assert.equal(violation(seed), undefined);
});

const canaries: Readonly<Record<string, Step>> = {
  "an operator that forgets what it prepared": (c, state, event) =>
    step(c, { ...state, preparedRound: 0, preparedValue: "", preparedJustification: [] }, event),
  "a quorum that is one vote too small": (c, state, event) =>
    step({ ...c, operatorCount: c.operatorCount - 2 }, state, event),
  "a decided operator that helps nobody": (c, state, event) =>
    state.decided === undefined ? step(c, state, event) : { state, effects: [] },
};
for (const [name, broken] of Object.entries(canaries)) {
  test(`the simulation catches ${name}`, () => {
    const caught = Array.from({ length: SEEDS }, (_, i) => i + 1).some(
      (seed) => violation(seed, broken) !== undefined,
    );
    assert.ok(caught, "no seed noticed");
  });
}
