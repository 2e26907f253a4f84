/** The five messages; `decided` tells a late operator what was decided, with a quorum of commits as proof. */
export type MessageKind = "pre-prepare" | "prepare" | "commit" | "round-change" | "decided";

/** "" stands for no value. Others are names of values, e.g. the hexadecimal text of their hash. */
export type ValueId = string;
export const NO_VALUE: ValueId = "";

/**
 * A message whose author was proved and whose fields are within range (the runner's work). Justifications hold no
 * justifications themselves.
 */
export interface QbftMessage {
  readonly kind: MessageKind;
  /** Operator index of the author. */
  readonly source: number;
  /** From 1. */
  readonly round: number;
  readonly value: ValueId;
  /** 0 when nothing was prepared. Of a ROUND-CHANGE; other messages claim nothing, unless their author lies. */
  readonly preparedRound: number;
  readonly preparedValue: ValueId;
  readonly justification: readonly QbftMessage[];
}

/** What never changes during one instance. */
export interface QbftConfig {
  readonly self: number;
  readonly operatorCount: number;
  /** Who leads a round; the same answer at every operator. */
  readonly leader: (round: number) => number;
}

/** Everything an instance remembers. A value: `step` makes a new one. */
export interface QbftState {
  readonly round: number;
  /** What we would propose; NO_VALUE until it is known. */
  readonly input: ValueId;
  /** We lead this round and wait for our input: the justification of the pre-prepare to come. */
  readonly owedPrePrepare: readonly QbftMessage[] | undefined;
  readonly preparedRound: number;
  readonly preparedValue: ValueId;
  readonly preparedJustification: readonly QbftMessage[];
  /** Messages received, by author, oldest first; bounded per author, so that nobody can push out another's. */
  readonly buffer: ReadonlyMap<number, readonly QbftMessage[]>;
  /** Rules that have fired since the round began, as "<rule>/<round>": each fires once. */
  readonly fired: ReadonlySet<string>;
  readonly decided:
    | { readonly value: ValueId; readonly round: number; readonly commits: readonly QbftMessage[] }
    | undefined;
  /** Who was already told the decision, and for which of its rounds. */
  readonly helped: ReadonlyMap<number, { readonly round: number; readonly count: number }>;
}

export type QbftEvent =
  | { readonly kind: "start" }
  /** Our own proposal is ready. */
  | { readonly kind: "input"; readonly value: ValueId }
  /** `acceptable`: whether we would vote for the value of a pre-prepare. */
  | { readonly kind: "message"; readonly message: QbftMessage; readonly acceptable: boolean }
  /** The timer of `round` fired; `next`, a later one, is the round to ask for. Rounds between them are left out. */
  | { readonly kind: "timeout"; readonly round: number; readonly next: number };

export type QbftEffect =
  /** Sign and send to everybody, and hand back to ourselves as a message event. */
  | { readonly kind: "broadcast"; readonly message: QbftMessage }
  /** Sign and send to one operator, never ourselves. */
  | { readonly kind: "send"; readonly to: number; readonly message: QbftMessage }
  /** Starts the round's timer, replacing any other; a second start in one round extends it. */
  | { readonly kind: "start-timer"; readonly round: number }
  | { readonly kind: "stop-timer" }
  | { readonly kind: "decide"; readonly value: ValueId; readonly round: number };

export interface Transition {
  readonly state: QbftState;
  readonly effects: readonly QbftEffect[];
}

/** Votes that move consensus: ceil(2n / 3). */
export function quorum(operatorCount: number): number {
  return Math.ceil((operatorCount * 2) / 3);
}

/** Operators that may be down or lie without harm: floor((n - 1) / 3). */
export function faulty(operatorCount: number): number {
  return Math.floor((operatorCount - 1) / 3);
}
