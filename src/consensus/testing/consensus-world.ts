import type { TestContext } from "node:test";
import { SimClock } from "../../../sim/clock.ts";
import { simChainSpec } from "../../../sim/duty-world.ts";
import { SimNetwork } from "../../../sim/network.ts";
import { type Facts, seededRandom } from "../../base/index.ts";
import { NodeKey, sha256 } from "../../crypto/index.ts";
import { type Clock, type Logger, type Meter, silent, unmetered } from "../../ports/index.ts";
import { type ChainSpec, type DutyId, type OperatorIndex, slotStart } from "../../spec/index.ts";
import { createConsensus, type RunningConsensus } from "../consensus.ts";
import { leaderOf } from "../instance.ts";
import type { ConsensusValue, Decision } from "../types.ts";
import {
  dutyToWire,
  Envelope,
  hashValue,
  kindNumber,
  kindOf,
  NO_HASH,
  QBFT_PROTOCOL,
  SignedPart,
  signPart,
} from "../wire.ts";

export const chain: ChainSpec = simChainSpec(32);
export const keys: readonly NodeKey[] = Array.from({ length: 4 }, (_, i) =>
  NodeKey.fromBytes(sha256(Buffer.from(`node key ${i}`))),
);
export const duty: DutyId = { slot: 5, kind: "attester" };
/** Where the timers of an attester duty count from. */
export const start: number = slotStart(chain, duty.slot) + chain.slotMs / 3;

export const valueOf = (text: string | Uint8Array): ConsensusValue => ({
  typeUrl: "test",
  bytes: typeof text === "string" ? new TextEncoder().encode(text) : text,
});
export const textOf = ({ value }: Decision): string => new TextDecoder().decode(value.bytes);

/** One operator's clock that knows which timers wait. */
export class WatchedClock implements Clock {
  readonly #world: SimClock;
  readonly waiting = new Set<object>();

  constructor(world: SimClock) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now();
  }

  at(at: number, action: () => void): () => void {
    const timer = {};
    this.waiting.add(timer);
    const cancel = this.#world.at(at, () => {
      this.waiting.delete(timer);
      action();
    });
    return () => {
      this.waiting.delete(timer);
      cancel();
    };
  }
}

/** Four operators on a simulated network; each agrees when the test says so. */
export class ConsensusWorld {
  readonly clock: SimClock = new SimClock(start);
  readonly network: SimNetwork;
  readonly clocks: WatchedClock[] = [];
  readonly operators: RunningConsensus[] = [];
  /** By operator, its log lines that are not for debugging. */
  readonly log: { readonly sentence: string; readonly facts: Facts | undefined }[][] = [];
  /** Consensus messages that were sent, with who sent and got them. */
  readonly sent: { readonly from: number; readonly to: number; readonly kind: string }[] = [];
  /** By operator, the reasons for which messages were dropped, with who sent them. */
  readonly dropped: string[][] = [];
  /** By operator, how doubles of it were noticed. */
  readonly doubles: string[][] = [];

  constructor(options: { readonly seed?: number; readonly meter?: Meter } = {}) {
    this.network = new SimNetwork(this.clock, seededRandom(options.seed ?? 1), { operatorCount: 4 });
    this.network.intercept(({ from, to, message }) => {
      this.sent.push({ from, to, kind: kindIn(message) });
      return undefined;
    });
    for (const i of keys.keys()) this.startOperator(i, options.meter);
  }

  /** Starts an operator that knows nothing of what was before. */
  startOperator(i: number, meter?: Meter): void {
    const clock = new WatchedClock(this.clock);
    const dropped: string[] = [];
    this.network.forget(i);
    this.clocks[i] = clock;
    this.dropped[i] = dropped;
    this.doubles[i] = [];
    this.log[i] = [];
    this.operators[i] = createConsensus({
      transport: this.network.transport(i as OperatorIndex),
      clock,
      chain,
      key: keys[i] as NodeKey,
      publicKeys: keys.map(({ publicKey }) => publicKey),
      admit: ({ slot }) => slot < 1000,
      canonicalise: (value, kind) =>
        value.typeUrl === (kind === "info-sync" ? "of info-sync" : "test") ? value : undefined,
      onDouble: ({ slot }, evidence) => this.doubles[i]?.push(`${slot} ${evidence}`),
      log: logTo(this.log[i]),
      meter: meter ?? droppedMeter(dropped),
    });
  }

  agree(
    operator: number,
    how: {
      readonly duty?: DutyId;
      readonly proposal?: Promise<ConsensusValue>;
      readonly acceptable?: (value: ConsensusValue, round: number) => boolean | Promise<boolean>;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<Decision> {
    return (this.operators[operator] as RunningConsensus).agree(
      how.duty ?? duty,
      {
        proposal: how.proposal ?? Promise.resolve(valueOf(`from ${operator}`)),
        acceptable: how.acceptable ?? (() => true),
      },
      how.signal ?? new AbortController().signal,
    );
  }

  /** Delivers bytes as if `from` had sent them to operator 0. */
  inject(from: number, message: Uint8Array): void {
    this.network.inject({
      from: from as OperatorIndex,
      to: 0 as OperatorIndex,
      protocol: QBFT_PROTOCOL,
      message,
    });
  }

  stop(): void {
    for (const operator of this.operators) operator.stop();
  }
}

/** The kind of an encoded message. */
export function kindIn(message: Uint8Array): string {
  try {
    return kindOf(Envelope.decode(message).message?.type ?? 0) ?? "none";
  } catch {
    return "rubbish";
  }
}

function logTo(lines: { readonly sentence: string; readonly facts: Facts | undefined }[]): Logger {
  const note = (sentence: string, facts?: Facts): void => void lines.push({ sentence, facts });
  const log: Logger = { ...silent, error: note, warn: note, info: note, room: () => log };
  return log;
}

function droppedMeter(into: string[]): Meter {
  return {
    ...unmetered,
    counter: (name) =>
      name === "trireme_consensus_dropped_total"
        ? { add: (_by, labels) => into.push(`${labels?.["reason"]} from ${labels?.["peer"]}`) }
        : unmetered.counter(name, ""),
  };
}

export function worldOf(
  t: TestContext,
  options: { readonly seed?: number; readonly meter?: Meter } = {},
): ConsensusWorld {
  const world = new ConsensusWorld(options);
  t.after(() => world.stop());
  return world;
}

/** What a promise has come to, without waiting for it. */
export function watch(promise: Promise<Decision>): { decision?: Decision; error?: unknown } {
  const seen: { decision?: Decision; error?: unknown } = {};
  promise.then(
    (decision) => {
      seen.decision = decision;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}

/** A PREPARE of round 1, or what is given instead, signed by `author`'s key. */
export function partOf(
  author: number,
  part: Partial<Omit<SignedPart, "signature" | "duty">> & { readonly duty?: DutyId } = {},
): SignedPart {
  return signPart(
    {
      type: kindNumber("prepare"),
      peerIndex: author,
      round: 1,
      preparedRound: 0,
      valueHash: NO_HASH,
      preparedValueHash: NO_HASH,
      ...part,
      duty: dutyToWire(part.duty ?? duty),
    },
    keys[author] as NodeKey,
  );
}

/** A message whose own part is signed by `author`'s key. */
export function messageOf(
  author: number,
  part: Partial<Omit<SignedPart, "signature" | "duty">> & { readonly duty?: DutyId },
  values: readonly ConsensusValue[] = [],
  justification: readonly SignedPart[] = [],
): Uint8Array {
  const [first] = values;
  const valueHash = first === undefined ? NO_HASH : hashValue(first);
  return Envelope.encode({
    message: partOf(author, { valueHash, ...part }),
    justification,
    values: values.map(({ typeUrl, bytes }) => ({ typeUrl, value: bytes })),
  });
}

export const leaderOfRound = (round: number): number => leaderOf(duty, round, 4);
