import { AssertionFailed, assert, explain } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { type Clock, type Logger, logBug } from "../ports/index.ts";
import {
  awaitsVerdict,
  faulty,
  initialState,
  NO_VALUE,
  type QbftConfig,
  type QbftEffect,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  quorum,
  roundChangesHeld,
  step,
  type ValueId,
} from "../qbft/index.ts";
import {
  type ChainSpec,
  type DutyId,
  type DutyKind,
  dutyName,
  dutyWireNumber,
  type OperatorIndex,
} from "../spec/index.ts";
import type { ConsensusError } from "./errors.ts";
import { EARLY_MESSAGES_MAX } from "./limits.ts";
import type { PeerRoom } from "./peer-room.ts";
import { type Refusal, toQbft, type Unproved } from "./receive.ts";
import { nextRound, roundEnd } from "./round-timer.ts";
import type { ConsensusValue, Decision } from "./types.ts";
import { ValueStore } from "./value-store.ts";
import {
  dutyToWire,
  Envelope,
  hashOfName,
  kindNumber,
  type SignedPart,
  signPart,
  valueName,
  verifyPart,
} from "./wire.ts";

/** Who leads: everybody in turn, by slot, duty kind and round (Charon's rotation). */
export function leaderOf(duty: DutyId, round: number, operatorCount: number): number {
  return (duty.slot + dutyWireNumber(duty.kind) + round) % operatorCount;
}

export interface InstanceContext {
  readonly self: OperatorIndex;
  /** 33 bytes each, by operator index. */
  readonly publicKeys: readonly Uint8Array[];
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly key: NodeKey;
  readonly log: Logger;
  readonly canonicalise: (value: ConsensusValue, kind: DutyKind) => ConsensusValue | undefined;
  /** Told when somebody else spoke with our key: said what we did not say, or led where we said nothing. */
  readonly onDouble: (duty: DutyId, evidence: "signed" | "led") => void;
  /** Shared by all instances: parts that were verified, and what peers have made us keep. */
  readonly verified: Set<string>;
  readonly room: PeerRoom;
  /** Sends to one peer, or to all when `to` is undefined; failures are the transport's to count. */
  readonly send: (
    duty: DutyId,
    kind: QbftMessage["kind"],
    bytes: Uint8Array,
    to: OperatorIndex | undefined,
  ) => void;
}

/** Who waits for the decision. Exactly one of the last two is called, once. */
export interface Participant {
  readonly acceptable: (value: ConsensusValue, round: number) => boolean | Promise<boolean>;
  readonly decide: (decision: Decision) => void;
  readonly fail: (error: ConsensusError) => void;
}

/**
 * One duty's agreement: performs what the state machine asks for. Before we join it only keeps early messages; after
 * the decision it goes on helping late operators until it is closed.
 */
export class Instance {
  readonly duty: DutyId;
  readonly #context: InstanceContext;
  readonly #config: QbftConfig;
  #state: QbftState = initialState();
  #participant: Participant | undefined;
  #joined = false;
  #early: QbftMessage[] = [];
  readonly #values: ValueStore;
  /** The signed part behind each message that may become a justification. */
  readonly #parts = new WeakMap<QbftMessage, SignedPart>();
  #cancelTimer: (() => void) | undefined;
  #timerRound = 0;
  #closed = false;
  #lackedRoundChanges = false;
  /** What we signed here; anything else with our signature was signed by somebody else. */
  readonly #said = new Set<string>();
  /** Rounds whose proposal was judged, or is being judged. */
  readonly #judged = new Set<number>();
  /** Events that wait until the one at work is done, so that steps never nest. */
  #queue: QbftEvent[] = [];
  #working = false;

  constructor(duty: DutyId, context: InstanceContext) {
    this.duty = duty;
    this.#context = context;
    this.#values = new ValueStore(context.room, (value) => context.canonicalise(value, duty.kind));
    const operatorCount = context.publicKeys.length;
    this.#config = {
      self: context.self,
      operatorCount,
      leader: (round) => leaderOf(duty, round, operatorCount),
    };
  }

  /** Whether anybody here has asked for a decision, be it over or not. */
  get joined(): boolean {
    return this.#joined;
  }

  get round(): number {
    return this.#state.round;
  }

  get decidedRound(): number | undefined {
    return this.#state.decided?.round;
  }

  /** Whether a round ended in which fewer than a quorum had asked for it. */
  get lackedRoundChanges(): boolean {
    return this.#lackedRoundChanges;
  }

  /** Takes part from now on, first with what peers have said already. */
  join(participant: Participant): void {
    assert(!this.#joined, "an instance is joined once");
    this.#joined = true;
    this.#participant = participant;
    this.#handle({ kind: "start" });
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#process(message);
  }

  /** Our own proposal, used when we lead. @returns false when it cannot be read. */
  propose(value: ConsensusValue): boolean {
    if (this.#closed || this.#state.decided !== undefined) return true;
    const name = this.#values.keep(value);
    if (name === undefined) return false;
    this.#handle({ kind: "input", value: name });
    return true;
  }

  /** Takes a message of a peer. @returns why it was dropped, if it was. */
  receive(from: OperatorIndex, message: Unproved): Refusal | undefined {
    if (this.#closed) return undefined;
    const { kind, part } = message;
    if (this.#state.decided !== undefined) {
      // All that is left to do is to help who asks; what justifies the question does not matter.
      if (kind !== "round-change") return undefined;
      if (!this.#isGenuine(part)) return "bad-signature";
      this.#process(toQbft(part, kind, []));
      return undefined;
    }
    const parts = [part, ...message.justification.map((one) => one.part)];
    if (!parts.every((one) => this.#isGenuine(one))) return "bad-signature";
    const unkept = this.#values.keepFrom(from, message.values);
    if (unkept === "too-many") return unkept;
    // A value that cannot be read does no harm where nothing is about it: a Charon repeats what stray claims of a liar name.
    const received = this.#assemble(message);
    if (received === undefined) return unkept ?? "unknown-value";
    this.#listenForDouble(parts, received);
    if (!this.#joined) return this.#keepEarly(received);
    this.#process(received);
    return undefined;
  }

  /**
   * Our signature of what we did not say is proof that somebody else did. Where we have not spoken, so are more prepares than
   * f operators can forge in a round that is ours to lead, since an honest operator prepares only what the leader proposed.
   */
  #listenForDouble(parts: readonly SignedPart[], { kind, source, round }: QbftMessage): void {
    const { self, publicKeys, onDouble } = this.#context;
    if (parts.some((part) => part.peerIndex === self && !this.#said.has(wordsOf(part))))
      onDouble(this.duty, "signed");
    if (this.#joined || kind !== "prepare" || this.#config.leader(round) !== self) return;
    const followers = new Set(
      this.#early
        .filter((early) => early.kind === "prepare" && early.round === round)
        .map((early) => early.source),
    ).add(source);
    if (followers.size > faulty(publicKeys.length)) onDouble(this.duty, "led");
  }

  #isGenuine(part: SignedPart): boolean {
    const publicKey = this.#context.publicKeys[part.peerIndex];
    return publicKey !== undefined && verifyPart(part, publicKey, this.#context.verified);
  }

  /** Undefined when a part names a value that nobody has sent: we could not repeat it to others. */
  #assemble({ kind, part, justification }: Unproved): QbftMessage | undefined {
    const inside = justification.map((one) => this.#register(one.part, toQbft(one.part, one.kind, [])));
    const message = this.#register(part, toQbft(part, kind, inside));
    const known = namesIn(message).every((name) => this.#values.get(name) !== undefined);
    return known ? message : undefined;
  }

  #register(part: SignedPart, message: QbftMessage): QbftMessage {
    this.#parts.set(message, part);
    return message;
  }

  /** One author's messages push out only that author's; the latest say most about where it is. */
  #keepEarly(message: QbftMessage): "too-many" | undefined {
    this.#early.push(message);
    const own = this.#early.filter(({ source }) => source === message.source);
    if (own.length <= EARLY_MESSAGES_MAX) return undefined;
    this.#early.splice(this.#early.indexOf(own[0] as QbftMessage), 1);
    return "too-many";
  }

  #process(message: QbftMessage): void {
    const tell = (acceptable: boolean): void => this.#handle({ kind: "message", message, acceptable });
    if (message.kind !== "pre-prepare") return tell(false);
    if (!awaitsVerdict(this.#config, this.#state, message)) return;
    if (this.#isVouched(message)) return tell(true);
    // A leader proposes once: what it says afterwards in the same round is not looked at.
    if (this.#judged.has(message.round)) return;
    this.#judged.add(message.round);
    const verdict = this.#judge(message);
    if (typeof verdict === "boolean") return tell(verdict);
    void verdict
      .catch((error: unknown) => this.#unjudged(error))
      .then((acceptable) => {
        if (!this.#closed) tell(acceptable);
      })
      .catch((error: unknown) => logBug(this.#context.log, error, { duty: dutyName(this.duty) }));
  }

  /**
   * Whether a quorum has prepared the value before. Enough correct operators found it acceptable then; another opinion now
   * (a beacon node may change its mind) would only keep the cluster from a value that it can no longer leave.
   */
  #isVouched({ value, justification }: QbftMessage): boolean {
    const prepares = justification.filter((part) => part.kind === "prepare" && part.value === value);
    const authors = new Set(prepares.map((part) => part.source));
    return authors.size >= quorum(this.#config.operatorCount);
  }

  #judge({ value: name, round }: QbftMessage): boolean | Promise<boolean> {
    const value = this.#values.get(name);
    if (value === undefined) return false;
    try {
      return this.#participant?.acceptable(value, round) ?? false;
    } catch (error) {
      return this.#unjudged(error);
    }
  }

  /** A value that a judge stumbles over is not one to vote for, and must not end the duty. */
  #unjudged(error: unknown): false {
    if (error instanceof AssertionFailed) throw error;
    this.#context.log.warn("A proposed value could not be judged", {
      duty: dutyName(this.duty),
      why: explain(error),
    });
    return false;
  }

  /**
   * Ends everything: no timer, no message from here on. Who still waits is told `why`; without it nobody is told, since it
   * was the caller who left.
   */
  close(why?: ConsensusError): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#queue = [];
    this.#early = [];
    this.#values.close();
    const participant = this.#participant;
    this.#participant = undefined;
    if (why !== undefined) participant?.fail(why);
  }

  #handle(event: QbftEvent): void {
    this.#queue.push(event);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#closed; next = this.#queue.shift()) {
        this.#watch(next);
        const { state, effects } = step(this.#config, this.#state, next);
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#working = false;
    }
  }

  /** Notes when a round is about to end in which too few operators were heard. */
  #watch(event: QbftEvent): void {
    const ends = event.kind === "timeout" || (event.kind === "message" && event.message.kind === "decided");
    if (!ends || this.#state.decided !== undefined || this.#state.round === 1) return;
    if (roundChangesHeld(this.#state) < quorum(this.#config.operatorCount)) this.#lackedRoundChanges = true;
  }

  #perform(effect: QbftEffect): void {
    switch (effect.kind) {
      case "broadcast":
        this.#send(effect.message, undefined);
        // Our own vote counts like everybody's.
        this.#queue.push({ kind: "message", message: effect.message, acceptable: true });
        return;
      case "send":
        return this.#send(effect.message, effect.to as OperatorIndex);
      case "start-timer":
        return this.#startTimer(effect.round);
      case "stop-timer":
        this.#cancelTimer?.();
        return;
      case "decide":
        return this.#decide(effect.value, effect.round);
    }
  }

  #decide(name: ValueId, round: number): void {
    const value = this.#values.get(name);
    assert(value !== undefined, "a decided value is known: every vote brings it");
    this.#values.keepOnly(name);
    const participant = this.#participant;
    this.#participant = undefined;
    participant?.decide({ value, round });
  }

  #startTimer(round: number): void {
    this.#cancelTimer?.();
    const ends = roundEnd(this.#context.chain, this.duty, round);
    const at = this.#timerRound === round ? ends.extended : ends.first;
    this.#timerRound = round;
    const { chain, clock, publicKeys } = this.#context;
    this.#cancelTimer = clock.at(at, () => {
      const next = nextRound(chain, this.duty, {
        after: round,
        operatorCount: publicKeys.length,
        now: clock.now(),
      });
      this.#handle({ kind: "timeout", round, next });
    });
  }

  #send(message: QbftMessage, to: OperatorIndex | undefined): void {
    const { key, self, verified } = this.#context;
    const part = signPart(
      {
        type: kindNumber(message.kind),
        duty: dutyToWire(this.duty),
        peerIndex: self,
        round: message.round,
        preparedRound: message.preparedRound,
        valueHash: hashOfName(message.value),
        preparedValueHash: hashOfName(message.preparedValue),
      },
      key,
      verified,
    );
    this.#said.add(wordsOf(part));
    this.#parts.set(message, part);
    const justification = message.justification.map((one) => {
      const signed = this.#parts.get(one);
      assert(signed !== undefined, "a justification was received or sent before");
      return signed;
    });
    const values = namesIn(message).map((name) => {
      const value = this.#values.get(name);
      assert(value !== undefined, "every value that is named is known");
      return { typeUrl: value.typeUrl, value: value.bytes };
    });
    this.#context.send(
      this.duty,
      message.kind,
      Envelope.encode({ message: part, justification, values }),
      to,
    );
  }
}

/** What a part says, without its signature: a liar can make another valid one out of ours. */
function wordsOf({ type, round, preparedRound, valueHash, preparedValueHash }: SignedPart): string {
  return [type, round, preparedRound, valueName(valueHash), valueName(preparedValueHash)].join("/");
}

/** The values that a message and its justification are about: what a ROUND-CHANGE claims, and what all others vote for. */
function namesIn(message: QbftMessage): readonly ValueId[] {
  const parts = [message, ...message.justification];
  const names = new Set(parts.map((one) => (one.kind === "round-change" ? one.preparedValue : one.value)));
  names.delete(NO_VALUE);
  return [...names];
}
