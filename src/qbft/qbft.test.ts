import assert from "node:assert/strict";
import { test } from "node:test";
import {
  faulty,
  initialState,
  isJustified,
  type QbftConfig,
  type QbftEffect,
  type QbftMessage,
  type QbftState,
  quorum,
  step,
} from "./index.ts";
import { justifiedRoundChanges } from "./select.ts";

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

function describe(effect: QbftEffect): string {
  if (effect.kind === "broadcast") return `${effect.message.kind} ${effect.message.value}`.trim();
  if (effect.kind === "send") return `${effect.message.kind} ${effect.message.value} to ${effect.to}`;
  return effect.kind;
}

function feed(state: QbftState, ...messages: readonly QbftMessage[]): { state: QbftState; sent: string[] } {
  let now = state;
  const sent: string[] = [];
  for (const one of messages) {
    const { state: next, effects } = step(config, now, { kind: "message", message: one, acceptable: true });
    now = next;
    for (const effect of effects) sent.push(describe(effect));
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
    ["stop-timer", "decide", "commit a"],
  );
});

test("a round change that claims a prepared value proves it", () => {
  const claim = { kind: "round-change", source: 1, round: 2, preparedRound: 1, preparedValue: "a" } as const;
  assert.equal(isJustified(config, message(claim)), false);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("a") })), true);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("b") })), false);
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("a").slice(1) })), false);
  const later = { ...claim, round: 4 };
  for (const [claimed, proved] of [
    [2, 1],
    [1, 2],
  ] as const)
    assert.equal(
      isJustified(
        config,
        message({ ...later, preparedRound: claimed, justification: prepares("a", proved) }),
      ),
      false,
      `round ${claimed} is claimed and round ${proved} proved`,
    );
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

test("a later leader's proof is the highest that its quorum claims: neither older than a claim nor newer than all", () => {
  const change = (source: number, preparedRound: number, preparedValue: string): QbftMessage =>
    message({ kind: "round-change", source, round: 4, preparedRound, preparedValue });
  const leader = 0;
  const proposed = (...justification: readonly QbftMessage[]): boolean =>
    isJustified(
      config,
      message({ kind: "pre-prepare", source: leader, round: 4, value: "a", justification }),
    );
  const none = [change(1, 0, ""), change(2, 0, "")];
  assert.equal(proposed(...none, change(3, 2, "a"), ...prepares("a", 2)), true);
  // Somebody prepared later: what may have been decided is something else.
  assert.equal(proposed(change(1, 3, "b"), change(2, 0, ""), change(3, 2, "a"), ...prepares("a", 2)), false);
  // Nobody of the quorum claims this, or claims it of another round or value.
  assert.equal(proposed(change(1, 1, "a"), change(2, 0, ""), change(3, 0, ""), ...prepares("a", 2)), false);
  assert.equal(proposed(...none, change(3, 2, "b"), ...prepares("a", 2)), false);
  // Two votes of one operator, and votes of two rounds, are no quorum.
  assert.equal(
    proposed(...none, change(3, 2, "a"), ...prepares("a", 2).slice(1), ...prepares("a", 2).slice(1)),
    false,
  );
  assert.equal(
    proposed(...none, change(3, 2, "a"), ...prepares("a", 2).slice(1), ...prepares("a", 3).slice(0, 1)),
    false,
  );
  // Round changes to another round, or fewer than a quorum.
  assert.equal(proposed(...none, { ...change(3, 2, "a"), round: 3 }, ...prepares("a", 2)), false);
  assert.equal(proposed(change(1, 0, ""), change(1, 0, ""), change(3, 2, "a"), ...prepares("a", 2)), false);
});

test("a round change claims a round that lies before it, and is justified by prepares alone", () => {
  const claim = { kind: "round-change", source: 1, round: 2, preparedRound: 2, preparedValue: "a" } as const;
  assert.equal(isJustified(config, message({ ...claim, justification: prepares("a", 2) })), false);
  assert.equal(isJustified(config, message({ ...claim, round: 3, justification: prepares("a", 2) })), true);
  const commit = message({ kind: "commit", source: 0, round: 2, value: "a" });
  assert.equal(
    isJustified(config, message({ ...claim, round: 3, justification: [...prepares("a", 2), commit] })),
    false,
  );
  const empty = { ...claim, round: 3, preparedValue: "" };
  assert.equal(isJustified(config, message({ ...empty, justification: prepares("", 2) })), false);
});

test("a leader takes a prepared value only from a claim, and never one that is older than a claim", () => {
  const change = (source: number, preparedRound: number, preparedValue: string): QbftMessage =>
    message({ kind: "round-change", source, round: 4, preparedRound, preparedValue });
  const chosen = (...messages: readonly QbftMessage[]): string[] | undefined =>
    justifiedRoundChanges(config, messages, 4)?.map((one) => `${one.kind} ${one.source}`);
  const old = prepares("a", 1);
  assert.equal(chosen(change(1, 0, ""), change(2, 0, ""), change(3, 1, "b"), ...old), undefined);
  assert.equal(chosen(change(1, 0, ""), change(2, 2, "b"), change(3, 1, "a"), ...old), undefined);
  assert.deepEqual(chosen(change(1, 0, ""), change(2, 0, ""), change(3, 1, "a"), ...old), [
    "round-change 1",
    "round-change 2",
    "round-change 3",
    "prepare 1",
    "prepare 2",
    "prepare 3",
  ]);
});

test("a decided operator answers who asks, once per round, with proof", () => {
  const decided = feed(
    initialState(),
    ...[1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" })),
  ).state;
  const ask = (round: number): QbftMessage => message({ kind: "round-change", source: 3, round });
  assert.deepEqual(feed(decided, ask(2), ask(2), ask(3)).sent, ["decided a to 3", "decided a to 3"]);
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

test("how often one operator is helped is bounded, and says nothing about the others", () => {
  const decided = feed(
    initialState(),
    ...[1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" })),
  ).state;
  const nagging = Array.from({ length: 200 }, (_, i) =>
    message({ kind: "round-change", source: 3, round: i + 2 }),
  );
  const { state, sent } = feed(decided, ...nagging);
  assert.equal(sent.length, 16);
  assert.deepEqual(feed(state, message({ kind: "round-change", source: 2, round: 2 })).sent, [
    "decided a to 2",
  ]);
  assert.equal(state.buffer.size, 0, "a decided operator keeps the proof and nothing else");
});

test("a quorum of commits for a round that we have left decides all the same", () => {
  const { state } = step(config, initialState(), { kind: "timeout", round: 1, next: 2 });
  assert.equal(state.round, 2);
  const commits = [1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" }));
  assert.deepEqual(feed(state, ...commits).sent, ["stop-timer", "decide", "commit a"]);
  // Of two rounds they are no quorum.
  assert.deepEqual(
    feed(state, ...commits.slice(1), message({ kind: "commit", source: 1, round: 2, value: "a" })).sent,
    [],
  );
});

test("who decides on others' votes votes too, once, unless it has", () => {
  const proposal = message({ kind: "pre-prepare", source: 1, value: "a" });
  const commits = [1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" }));
  const early = feed(initialState(), proposal, ...commits);
  assert.deepEqual(early.sent, ["start-timer", "prepare a", "stop-timer", "decide", "commit a"]);
  assert.deepEqual(feed(early.state, ...prepares("a")).sent, []);
  // Our own vote may still be on its way to us when the last of the others' comes.
  const usual = feed(initialState(), proposal, ...prepares("a"), ...commits);
  assert.deepEqual(usual.sent, ["start-timer", "prepare a", "commit a", "stop-timer", "decide"]);
});

test("a decision without a quorum of commits of its very round and value is not believed", () => {
  const commit = (source: number, more: Partial<QbftMessage> = {}): QbftMessage =>
    message({ kind: "commit", source, value: "a", ...more });
  const believed = (...justification: readonly QbftMessage[]): boolean =>
    isJustified(config, message({ kind: "decided", source: 1, value: "a", justification }));
  assert.equal(believed(commit(1), commit(2), commit(3)), true);
  assert.equal(believed(commit(1), commit(2)), false);
  assert.equal(believed(commit(1), commit(2), commit(2)), false);
  assert.equal(believed(commit(1), commit(2), commit(3, { value: "b" })), false);
  assert.equal(believed(commit(1), commit(2), commit(3, { round: 2 })), false);
  assert.equal(believed(commit(1), commit(2), commit(3, { kind: "prepare" })), false);
});

test("one later operator is not followed into its round; f + 1 are, to the lowest of their rounds", () => {
  const ask = (source: number, round: number): QbftMessage =>
    message({ kind: "round-change", source, round });
  const alone = feed(initialState(), ask(2, 900), ask(2, 901));
  assert.equal(alone.state.round, 1);
  const { state, sent } = feed(alone.state, ask(3, 4));
  assert.equal(state.round, 4);
  assert.deepEqual(sent, ["start-timer", "round-change"]);
});

test("a justified proposal of a later round is followed there; one of an earlier round is late", () => {
  const justification = [1, 2, 3].map((source) => message({ kind: "round-change", source, round: 3 }));
  const proposal = message({ kind: "pre-prepare", source: 3, round: 3, value: "c", justification });
  const { state, sent } = feed(initialState(), proposal);
  assert.equal(state.round, 3);
  assert.deepEqual(sent, ["start-timer", "prepare c"]);
  assert.deepEqual(feed(state, message({ kind: "pre-prepare", source: 1, value: "a" })).sent, []);
});

test("a leader whose proposal comes late sends it in the round that waits for it, and in no other", () => {
  const leading: QbftConfig = { ...config, self: 1 };
  const started = step(leading, initialState(), { kind: "start" });
  assert.deepEqual(started.effects.map(describe), ["start-timer"]);
  const inTime = step(leading, started.state, { kind: "input", value: "mine" });
  assert.deepEqual(inTime.effects.map(describe), ["pre-prepare mine"]);
  const { state } = step(leading, started.state, { kind: "timeout", round: 1, next: 2 });
  assert.deepEqual(step(leading, state, { kind: "input", value: "mine" }).effects, []);
});

test("a leader proposes what the quorum prepared, and its own value only when nobody prepared any", () => {
  const leading: QbftConfig = { ...config, self: 2 };
  const { state: ready } = step(leading, initialState(), { kind: "input", value: "mine" });
  const { state: round2 } = step(leading, ready, { kind: "timeout", round: 1, next: 2 });
  const run = (...messages: readonly QbftMessage[]): string[] => {
    let state = round2;
    const sent: string[] = [];
    for (const one of messages) {
      const next = step(leading, state, { kind: "message", message: one, acceptable: true });
      state = next.state;
      sent.push(...next.effects.map(describe));
    }
    return sent;
  };
  const ask = (source: number): QbftMessage => message({ kind: "round-change", source, round: 2 });
  const bound: QbftMessage = {
    ...ask(3),
    preparedRound: 1,
    preparedValue: "a",
    justification: prepares("a"),
  };
  assert.deepEqual(run(ask(0), ask(1)), []);
  assert.deepEqual(run(ask(0), ask(1), ask(2)), ["pre-prepare mine"]);
  assert.deepEqual(run(ask(0), ask(1), bound), ["pre-prepare a"]);
});

test("every step of an event that comes too late leaves the decision as it is", () => {
  const { state } = feed(
    initialState(),
    ...[1, 2, 3].map((source) => message({ kind: "commit", source, value: "a" })),
  );
  const others = [1, 2, 3].map((source) => message({ kind: "commit", source, value: "b" }));
  assert.deepEqual(feed(state, ...others).sent, []);
  assert.deepEqual(step(config, state, { kind: "timeout", round: 1, next: 2 }).effects, []);
  assert.deepEqual(step(config, state, { kind: "input", value: "b" }).effects, []);
  assert.equal(feed(state, ...others).state.decided?.value, "a");
});
