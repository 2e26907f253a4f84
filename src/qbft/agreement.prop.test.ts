import assert from "node:assert/strict";
import { test } from "node:test";
import { type QbftMessage, quorum, step } from "./index.ts";
import { QbftCluster, type Step, UNACCEPTABLE } from "./testing/qbft-cluster.ts";

// Goal: lost, late, doubled and forged messages never make two honest operators decide differently, nor decide what no
// honest one would vote for, and every honest one decides once the network is well again. Method: per seed, a chaotic
// phase, then a healed one in which the liars go on lying. All of it is drawn from the seed: size, faults, weather.
const SEEDS = 900;

function violation(seed: number, broken?: Step): string | undefined {
  const cluster = new QbftCluster(seed, broken);
  cluster.run({ forMs: 5_000 });
  cluster.heal();
  cluster.run({ forMs: 120_000 });
  const values = [...cluster.decidedValues()];
  const replay = `replay with seed ${seed}`;
  if (values.length > 1 || cluster.contradicted) return `two values decided; ${replay}`;
  if (values.some((value) => value.startsWith(UNACCEPTABLE)))
    return `decided what nobody votes for; ${replay}`;
  if (cluster.liars === 0 && values.some((value) => !cluster.proposed.has(value)))
    return `decided what nobody proposed; ${replay}`;
  if (cluster.decisions.size < cluster.honest)
    return `${cluster.honest - cluster.decisions.size} operators never decided; ${replay}`;
  return undefined;
}

test("operators agree through a lossy, parted network with liars in it, and all decide once it heals", () => {
  for (let seed = 1; seed <= SEEDS; seed++) assert.equal(violation(seed), undefined);
});

test("the same seed gives the same world", () => {
  for (const seed of [3, 7, 20]) {
    const outcomes = [1, 2].map(() => {
      const cluster = new QbftCluster(seed);
      cluster.run({ forMs: 20_000 });
      return [...cluster.decisions];
    });
    assert.deepEqual(outcomes[0], outcomes[1]);
  }
});

/** A step that sees every message with something about it changed. */
const seeing =
  (change: (message: QbftMessage, needed: number, count: number) => QbftMessage): Step =>
  (config, state, event) =>
    step(
      config,
      state,
      event.kind === "message"
        ? {
            ...event,
            message: change(event.message, quorum(config.operatorCount), config.operatorCount),
          }
        : event,
    );
const quorumOf = (needed: number, like: QbftMessage): QbftMessage[] =>
  Array.from({ length: needed }, (_, source) => ({ ...like, source, justification: [] }));

const canaries: Readonly<Record<string, Step>> = {
  "an operator that forgets what it prepared": (c, state, event) =>
    step(c, { ...state, preparedRound: 0, preparedValue: "", preparedJustification: [] }, event),
  "a quorum that is one vote too small": (c, state, event) =>
    step({ ...c, operatorCount: c.operatorCount - 1 }, state, event),
  "a decided operator that helps nobody": (c, state, event) =>
    state.decided === undefined ? step(c, state, event) : { state, effects: [] },
  "one operator's second commit that counts as another's": (c, state, event) => {
    if (event.kind !== "message" || event.message.kind !== "commit") return step(c, state, event);
    const { message } = event;
    const counted = (state.buffer.get(message.source) ?? []).some(
      ({ kind, value }) => kind === "commit" && value === message.value,
    );
    const source = counted ? (message.source + 1) % c.operatorCount : message.source;
    return step(c, state, { ...event, message: { ...message, source } });
  },
  "an operator that votes twice in a round": (c, state, event) =>
    step(c, { ...state, fired: new Set() }, event),
  "an operator that votes for what it would not sign": (c, state, event) =>
    step(c, state, event.kind === "message" ? { ...event, acceptable: true } : event),
  "a decision that is believed without proof": seeing((message, needed) =>
    message.kind === "decided"
      ? { ...message, justification: quorumOf(needed, { ...message, kind: "commit" }) }
      : message,
  ),
  "a proposal of a later round that is believed without proof": seeing((message, needed) =>
    message.kind === "pre-prepare"
      ? { ...message, justification: quorumOf(needed, { ...message, kind: "round-change", value: "" }) }
      : message,
  ),
  "a round change whose claim is believed without proof": seeing((message, needed) =>
    message.kind === "round-change" && message.preparedRound > 0
      ? {
          ...message,
          justification: quorumOf(needed, {
            ...message,
            kind: "prepare",
            round: message.preparedRound,
            value: message.preparedValue,
          }),
        }
      : message,
  ),
};
for (const [name, broken] of Object.entries(canaries)) {
  test(`the simulation catches ${name}`, (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const found = violation(seed, broken);
      if (found !== undefined) return t.diagnostic(found);
    }
    assert.fail("no seed noticed");
  });
}
