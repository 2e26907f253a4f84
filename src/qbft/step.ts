import { assert } from "../base/index.ts";
import { isJustified } from "./justified.ts";
import { HELP_MAX, MESSAGES_PER_SOURCE_MAX } from "./limits.ts";
import {
  distinct,
  flatten,
  justifiedRoundChanges,
  laterRoundChanges,
  plainVotes,
  preparedByAll,
  presentable,
} from "./select.ts";
import {
  faulty,
  NO_VALUE,
  type QbftConfig,
  type QbftEffect,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  quorum,
  type Transition,
} from "./types.ts";

export function initialState(): QbftState {
  return {
    round: 1,
    input: NO_VALUE,
    owedPrePrepare: undefined,
    preparedRound: 0,
    preparedValue: NO_VALUE,
    preparedJustification: [],
    buffer: new Map(),
    fired: new Set(),
    decided: undefined,
    helped: new Map(),
  };
}

const stay = (state: QbftState): Transition => ({ state, effects: [] });

/**
 * One step of QBFT: what an event changes and what is to be done, in order. Pure. The rules are those of the paper with
 * Charon's two additions: f + 1 operators in later rounds pull us along, and a decided operator answers a ROUND-CHANGE
 * with its proof. Decided before it could vote, an operator votes all the same.
 *
 * @spec arXiv:2002.03613 Algorithms 1 to 4
 */
export function step(config: QbftConfig, state: QbftState, event: QbftEvent): Transition {
  switch (event.kind) {
    case "start":
      return onStart(config, state);
    case "input":
      return onInput(config, state, event.value);
    case "timeout":
      return event.round === state.round && state.decided === undefined
        ? changeRoundByTimeout(config, state, event.next)
        : stay(state);
    case "message":
      return onMessage(config, state, event.message, event.acceptable);
  }
}

/** Algorithm 1, line 11. */
function onStart(config: QbftConfig, state: QbftState): Transition {
  const timer: QbftEffect = { kind: "start-timer", round: state.round };
  if (config.leader(state.round) !== config.self) return { state, effects: [timer] };
  const proposed = propose(config, state, []);
  return { state: proposed.state, effects: [...proposed.effects, timer] };
}

/** Our proposal came; if our round waits for it, it goes out now. */
function onInput(config: QbftConfig, state: QbftState, value: string): Transition {
  assert(value !== NO_VALUE, "a proposal has a value");
  if (state.input !== NO_VALUE) return stay(state);
  const next = { ...state, input: value };
  return next.owedPrePrepare === undefined || next.decided !== undefined
    ? stay(next)
    : propose(config, next, next.owedPrePrepare);
}

/** Sends PRE-PREPARE with our own value, or remembers to as soon as it is known. */
function propose(config: QbftConfig, state: QbftState, justification: readonly QbftMessage[]): Transition {
  if (state.input === NO_VALUE) return stay({ ...state, owedPrePrepare: justification });
  return {
    state: { ...state, owedPrePrepare: undefined },
    effects: [broadcast(config, state, "pre-prepare", { value: state.input, justification })],
  };
}

function compose(
  config: QbftConfig,
  state: QbftState,
  kind: QbftMessage["kind"],
  more: Partial<QbftMessage>,
): QbftMessage {
  return {
    kind,
    source: config.self,
    round: state.round,
    value: NO_VALUE,
    preparedRound: 0,
    preparedValue: NO_VALUE,
    justification: [],
    ...more,
  };
}

function broadcast(...parts: Parameters<typeof compose>): QbftEffect {
  return { kind: "broadcast", message: compose(...parts) };
}

function broadcastRoundChange(config: QbftConfig, state: QbftState): QbftEffect {
  return broadcast(config, state, "round-change", {
    preparedRound: state.preparedRound,
    preparedValue: state.preparedValue,
    justification: state.preparedJustification,
  });
}

function inRound(state: QbftState, round: number): QbftState {
  return round === state.round ? state : { ...state, round, owedPrePrepare: undefined, fired: new Set() };
}

/**
 * Algorithm 3, lines 1-4. The paper goes on to the very next round; which one it is matters to liveness alone, as any
 * operator may time out of any round at any moment.
 */
function changeRoundByTimeout(config: QbftConfig, state: QbftState, to: number): Transition {
  assert(to > state.round, "a round is followed by a later one");
  const next = inRound(state, to);
  return {
    state: next,
    effects: [{ kind: "start-timer", round: next.round }, broadcastRoundChange(config, next)],
  };
}

function onMessage(
  config: QbftConfig,
  state: QbftState,
  message: QbftMessage,
  acceptable: boolean,
): Transition {
  if (state.decided !== undefined) return help(config, state, message);
  if (!isJustified(config, message)) return stay(state);
  // A proposal that we would not sign counts as not proposed: its round ends by time, and the next leader has a turn.
  if (message.kind === "pre-prepare" && !acceptable) return stay(state);
  const known = (state.buffer.get(message.source) ?? []).filter((one) => stillCounts(state, one));
  const buffer = new Map(state.buffer).set(
    message.source,
    [...known, message].slice(-MESSAGES_PER_SOURCE_MAX),
  );
  return applyRules(config, { ...state, buffer }, message);
}

/**
 * Calls for rounds that are over count for nothing any more, and proposals are judged when they come: without them, an
 * instance that cannot decide for an epoch stays as cheap as in its first round.
 */
function stillCounts(state: QbftState, { kind, round }: QbftMessage): boolean {
  return round >= state.round || (kind !== "round-change" && kind !== "pre-prepare");
}

/** The state with a rule marked as fired, or undefined when it fired before in this round. */
function firing(state: QbftState, rule: string, round: number): QbftState | undefined {
  const name = `${rule}/${round}`;
  return state.fired.has(name) ? undefined : { ...state, fired: new Set(state.fired).add(name) };
}

function applyRules(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  switch (message.kind) {
    case "pre-prepare":
      return onPrePrepare(config, state, message);
    case "prepare":
      return onPrepare(config, state, message);
    case "commit":
      return onCommit(config, state, message);
    case "round-change":
      return onRoundChange(config, state, message);
    case "decided":
      return decide(
        state,
        message,
        presentable(
          config,
          distinct(message.justification, { kind: "commit", round: message.round, value: message.value }),
        ),
      );
  }
}

/**
 * Whether a proposal would move us if we found it acceptable: it is justified, for our round or a later one, and we have not
 * voted in its round yet. What would not is not worth a judgement, which may cost far more than the proposal cost its author.
 */
export function awaitsVerdict(config: QbftConfig, state: QbftState, message: QbftMessage): boolean {
  return (
    state.decided === undefined &&
    message.round >= state.round &&
    firing(state, "pre-prepare", message.round) !== undefined &&
    isJustified(config, message)
  );
}

/** A justified proposal: follow it into its round and vote for it, once per round. Algorithm 2, lines 1-3. */
function onPrePrepare(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  if (message.round < state.round) return stay(state);
  const next = firing(inRound(state, message.round), "pre-prepare", message.round);
  if (next === undefined) return stay(state);
  return {
    state: next,
    effects: [
      { kind: "start-timer", round: next.round },
      broadcast(config, next, "prepare", { value: message.value }),
    ],
  };
}

/** A quorum voted for one value in this round: remember it as prepared and vote to commit. Algorithm 2, lines 4-7. */
function onPrepare(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  if (message.round !== state.round) return stay(state);
  const fired = firing(state, "quorum-prepares", message.round);
  if (fired === undefined) return stay(state);
  const prepares = plainVotes(flatten(state.buffer), message);
  if (prepares.length < quorum(config.operatorCount)) return stay(state);
  const next = {
    ...fired,
    preparedRound: message.round,
    preparedValue: message.value,
    preparedJustification: prepares,
  };
  return { state: next, effects: [broadcast(config, next, "commit", { value: message.value })] };
}

/**
 * A quorum of COMMITs decides, of whatever round: it is the very proof that a DECIDED message carries. So an operator
 * whose timer fired just before the last commit came need not wait for another round. Algorithm 2, lines 8-10.
 */
function onCommit(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  const commits = plainVotes(flatten(state.buffer), message);
  if (commits.length < quorum(config.operatorCount)) return stay(state);
  const { state: next, effects } = decide(state, message, commits);
  const voted =
    commits.some(({ source }) => source === config.self) ||
    (message.round === state.round && firing(state, "quorum-prepares", message.round) === undefined);
  // Others may lack our vote: a liar can keep its own from them, and their timers may outlast the duty. It adds to a value
  // that is decided already, so it can decide no other.
  return voted
    ? { state: next, effects }
    : { state: next, effects: [...effects, broadcast(config, next, "commit", { value: message.value })] };
}

/** What was collected on the way is dropped: from here on the commits say it all, and an instance may live for an epoch. */
function decide(state: QbftState, message: QbftMessage, commits: readonly QbftMessage[]): Transition {
  const decided = { value: message.value, round: message.round, commits };
  return {
    state: {
      ...inRound(state, message.round),
      decided,
      preparedJustification: [],
      owedPrePrepare: undefined,
      buffer: new Map(),
    },
    effects: [{ kind: "stop-timer" }, { kind: "decide", value: message.value, round: message.round }],
  };
}

/** Others have given up on a round. Algorithm 3, lines 5-16. */
function onRoundChange(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  if (message.round < state.round) return stay(state);
  return message.round > state.round ? catchUp(config, state) : lead(config, state);
}

/** Follows f + 1 operators into a later round: at least one of them is correct. Lines 5-10. */
function catchUp(config: QbftConfig, state: QbftState): Transition {
  const ahead = laterRoundChanges(flatten(state.buffer), state.round, faulty(config.operatorCount) + 1);
  if (ahead === undefined) return stay(state);
  const next = inRound(state, Math.min(...ahead.map((change) => change.round)));
  return {
    state: next,
    effects: [{ kind: "start-timer", round: next.round }, broadcastRoundChange(config, next)],
  };
}

/** Opens the round that we lead once a quorum asks for it, bound to what may have been decided before. Lines 11-16. */
function lead(config: QbftConfig, state: QbftState): Transition {
  if (config.leader(state.round) !== config.self) return stay(state);
  const fired = firing(state, "quorum-round-changes", state.round);
  if (fired === undefined) return stay(state);
  const justification = justifiedRoundChanges(config, flatten(state.buffer), state.round);
  if (justification === undefined) return stay(state);
  const prepared = preparedByAll(config, justification);
  if (prepared === undefined) return propose(config, fired, justification);
  return {
    state: fired,
    effects: [broadcast(config, fired, "pre-prepare", { value: prepared.value, justification })],
  };
}

/**
 * A decided operator answers ROUND-CHANGE with its proof, once per round of the asker and to the asker alone: a broadcast
 * would let one peer make everybody send the value to everybody. Algorithm 3, line 17.
 */
function help(config: QbftConfig, state: QbftState, message: QbftMessage): Transition {
  const { decided } = state;
  const asker = message.source;
  if (decided === undefined || message.kind !== "round-change" || asker === config.self) return stay(state);
  const before = state.helped.get(asker) ?? { round: 0, count: 0 };
  if (message.round <= before.round || before.count >= HELP_MAX) return stay(state);
  const answer = compose(config, state, "decided", {
    round: decided.round,
    value: decided.value,
    justification: decided.commits,
  });
  const helped = new Map(state.helped).set(asker, { round: message.round, count: before.count + 1 });
  return { state: { ...state, helped }, effects: [{ kind: "send", to: asker, message: answer }] };
}

/** Operators whose ROUND-CHANGE for our round we hold; fewer than a quorum means that too many are out of reach. */
export function roundChangesHeld(state: QbftState): number {
  return distinct(flatten(state.buffer), { kind: "round-change", round: state.round }).length;
}
