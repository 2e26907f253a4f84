import {
  type MessageKind,
  NO_VALUE,
  type QbftConfig,
  type QbftMessage,
  quorum,
  type ValueId,
} from "./types.ts";

/** All messages of a buffer with those in their justifications. */
export function flatten(buffer: ReadonlyMap<number, readonly QbftMessage[]>): QbftMessage[] {
  return [...buffer.values()].flatMap((messages) =>
    messages.flatMap((message) => [message, ...message.justification]),
  );
}

/** Messages that match, the first of each author. */
export function distinct(
  messages: readonly QbftMessage[],
  wanted: {
    readonly kind: MessageKind;
    readonly round: number;
    readonly value?: ValueId;
    readonly preparedRound?: number;
    readonly preparedValue?: ValueId;
  },
): QbftMessage[] {
  const bySource = new Map<number, QbftMessage>();
  for (const message of messages) {
    const matches =
      message.kind === wanted.kind &&
      message.round === wanted.round &&
      (wanted.value === undefined || message.value === wanted.value) &&
      (wanted.preparedRound === undefined || message.preparedRound === wanted.preparedRound) &&
      (wanted.preparedValue === undefined || message.preparedValue === wanted.preparedValue);
    if (matches && !bySource.has(message.source)) bySource.set(message.source, message);
  }
  return [...bySource.values()];
}

const CLAIMS_NOTHING = { preparedRound: 0, preparedValue: NO_VALUE } as const;

/**
 * Votes like `vote`, one per author, that claim nothing besides. Only a ROUND-CHANGE has something to claim; a liar's vote
 * that does names a value which who repeats the vote would have to bring along.
 */
export function plainVotes(
  messages: readonly QbftMessage[],
  { kind, round, value }: QbftMessage,
): QbftMessage[] {
  return distinct(messages, { kind, round, value, ...CLAIMS_NOTHING });
}

/** The votes to repeat to others as a proof: the plain ones, if they are enough. A Charon may have proved something with the others. */
export function presentable(config: QbftConfig, votes: readonly QbftMessage[]): readonly QbftMessage[] {
  const plain = votes.flatMap((vote) => plainVotes([vote], vote));
  return plain.length >= quorum(config.operatorCount) ? plain : votes;
}

/** The latest ROUND-CHANGE of each of the `wanted` operators that are furthest ahead of `round`; undefined when there are fewer. */
export function laterRoundChanges(
  messages: readonly QbftMessage[],
  round: number,
  wanted: number,
): readonly QbftMessage[] | undefined {
  const latest = new Map<number, QbftMessage>();
  for (const message of messages) {
    if (message.kind !== "round-change" || message.round <= round) continue;
    const known = latest.get(message.source);
    if (known === undefined || message.round > known.round) latest.set(message.source, message);
  }
  // The ones furthest ahead say nothing about where a correct operator is; the (f+1)-th does.
  const ahead = [...latest.values()].toSorted((a, b) => b.round - a.round);
  return ahead.length >= wanted ? ahead.slice(0, wanted) : undefined;
}

/** Quorums of PREPAREs for one round and value, among messages and justifications. */
function prepareQuorums(
  config: QbftConfig,
  messages: readonly QbftMessage[],
): readonly (readonly QbftMessage[])[] {
  const sets = new Map<string, Map<number, QbftMessage>>();
  for (const message of messages) {
    if (message.kind !== "prepare") continue;
    const name = `${message.round}/${message.value}`;
    const set = sets.get(name) ?? new Map<number, QbftMessage>();
    sets.set(name, set.set(message.source, message));
  }
  return [...sets.values()]
    .filter((set) => set.size >= quorum(config.operatorCount))
    .map((set) => presentable(config, [...set.values()]));
}

/**
 * A quorum of ROUND-CHANGEs for `round` that justifies a proposal, with the PREPAREs that bind its value when something
 * was prepared before.
 *
 * @spec arXiv:2002.03613 Algorithm 4, lines 4-9 (J1: nobody prepared; J2: the highest prepared value)
 */
export function justifiedRoundChanges(
  config: QbftConfig,
  messages: readonly QbftMessage[],
  round: number,
): readonly QbftMessage[] | undefined {
  const nobody = distinct(messages, { kind: "round-change", round, ...CLAIMS_NOTHING });
  if (nobody.length >= quorum(config.operatorCount)) return nobody;
  const all = messages.filter((message) => message.kind === "round-change" && message.round === round);
  for (const prepares of prepareQuorums(config, messages)) {
    const [first] = prepares;
    if (first === undefined) continue;
    const changes = distinct(
      all.filter((change) => change.preparedRound <= first.round),
      { kind: "round-change", round },
    );
    const bound = changes.some(
      (change) => change.preparedRound === first.round && change.preparedValue === first.value,
    );
    if (bound && changes.length >= quorum(config.operatorCount)) return [...changes, ...prepares];
  }
  return undefined;
}

/** The round and value that all PREPAREs of a justification agree on, when they are a quorum of distinct authors. */
export function preparedByAll(
  config: QbftConfig,
  justification: readonly QbftMessage[],
): { readonly round: number; readonly value: ValueId } | undefined {
  const prepares = justification.filter((message) => message.kind === "prepare");
  const [first] = prepares;
  if (first === undefined || prepares.length < quorum(config.operatorCount)) return undefined;
  const alike = prepares.every((message) => message.round === first.round && message.value === first.value);
  const authors = new Set(prepares.map((message) => message.source));
  return alike && authors.size === prepares.length ? { round: first.round, value: first.value } : undefined;
}
