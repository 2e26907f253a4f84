import { assert } from "../base/index.ts";
import { logBug } from "../ports/index.ts";
import {
  awaitsVerdict,
  faulty,
  initialState,
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
import { type DutyId, dutyName, dutyWireNumber, type OperatorIndex } from "../spec/index.ts";
import type { InstanceContext } from "./context.ts";
import { EarlyMessages } from "./early-messages.ts";
import type { ConsensusError } from "./errors.ts";
import { InstanceTimer } from "./instance-timer.ts";
import { type Acceptable, isVouched, Judge } from "./judge.ts";
import { READ_AT_ONCE_BYTES_MAX } from "./limits.ts";
import { atOnce, inTurns, type Pieces } from "./pieces.ts";
import { type Refusal, toQbft, type Unproved } from "./receive.ts";
import type { ConsensusValue, Decision } from "./types.ts";
import { ValueStore } from "./value-store.ts";
import { namesIn, Voice } from "./voice.ts";
import { type SignedPart, verifyPart } from "./wire.ts";

/** Who leads: everybody in turn, by slot, duty kind and round (Charon's rotation). */
export function leaderOf(duty: DutyId, round: number, operatorCount: number): number {
  return (duty.slot + dutyWireNumber(duty.kind) + round) % operatorCount;
}

/** Who waits for the decision. Exactly one of the last two is called, once. */
export interface Participant {
  readonly acceptable: Acceptable;
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
  readonly #early = new EarlyMessages();
  readonly #values: ValueStore;
  readonly #voice: Voice;
  readonly #judge: Judge;
  readonly #timer: InstanceTimer;
  #closed = false;
  #lackedRoundChanges = false;
  /** Events that wait until the one at work is done, so that steps never nest. */
  #queue: QbftEvent[] = [];
  #working = false;

  constructor(duty: DutyId, context: InstanceContext) {
    this.duty = duty;
    this.#context = context;
    this.#values = new ValueStore(context.room, (value) => context.canonicalise(value, duty.kind));
    this.#voice = new Voice(duty, context, this.#values);
    this.#judge = new Judge(duty, context.log);
    this.#timer = new InstanceTimer(duty, context, (round, next) =>
      this.#handle({ kind: "timeout", round, next }),
    );
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
    for (const message of this.#early.takeAll()) this.#process(message);
  }

  /** Our own proposal, used when we lead. @returns false when it cannot be read. */
  propose(value: ConsensusValue): boolean | Promise<boolean> {
    if (this.#isOver) return true;
    return this.#readInTime(this.#context.self, [value], this.#values.keep(value), (name) => {
      if (this.#isOver) return true;
      if (name === undefined) return false;
      this.#handle({ kind: "input", value: name });
      return true;
    });
  }

  get #isOver(): boolean {
    return this.#closed || this.#state.decided !== undefined;
  }

  /** Takes a message of a peer. @returns why it was dropped, if it was; later, when there is much to read. */
  receive(from: OperatorIndex, unproved: Unproved): Refusal | undefined | Promise<Refusal | undefined> {
    if (this.#closed) return undefined;
    const { kind, part, justification, values } = unproved;
    if (this.#state.decided !== undefined) {
      // All that is left to do is to help who asks; what justifies the question does not matter.
      if (kind !== "round-change") return undefined;
      if (!this.#isGenuine(part)) return "bad-signature";
      this.#process(toQbft(part, kind, []));
      return undefined;
    }
    const parts = [part, ...justification.map((one) => one.part)];
    if (!parts.every((one) => this.#isGenuine(one))) return "bad-signature";
    const message = this.#assemble(unproved);
    this.#listenForDouble(parts, message);
    // Most values are known: every vote repeats its own. They are not even looked at.
    const wanted = namesIn(message);
    if (this.#values.knowsAll(wanted)) return this.#take(message);
    return this.#readInTime(from, values, this.#values.keepFrom(from, values, wanted), (unkept) => {
      if (this.#isOver || this.#values.knowsAll(wanted)) return this.#take(message);
      return unkept ?? "unknown-value"; // We could not repeat it to others.
    });
  }

  /** Reads values, at once when they are short, else in turns of `who`; then goes on with what came of it. */
  #readInTime<T, R>(
    who: OperatorIndex,
    values: readonly ConsensusValue[],
    work: Pieces<T>,
    then: (result: T) => R,
  ): R | Promise<R> {
    const bytes = values.reduce((sum, value) => sum + value.bytes.length, 0);
    if (bytes <= READ_AT_ONCE_BYTES_MAX) return then(atOnce(work));
    return inTurns(work, () => this.#context.turns.next(who)).then(then);
  }

  #take(message: QbftMessage): Refusal | undefined {
    if (this.#closed) return undefined;
    if (!this.#joined) return this.#early.keep(message);
    this.#process(message);
    return undefined;
  }

  /**
   * Our signature of what we did not say is proof that somebody else did. Where we have not spoken, so are more prepares than
   * f operators can forge in a round that is ours to lead, since an honest operator prepares only what the leader proposed.
   */
  #listenForDouble(parts: readonly SignedPart[], { kind, source, round }: QbftMessage): void {
    const { self, publicKeys, onDouble } = this.#context;
    if (parts.some((part) => part.peerIndex === self && !this.#voice.hasSaid(part)))
      onDouble(this.duty, "signed");
    if (this.#joined || kind !== "prepare" || this.#config.leader(round) !== self) return;
    const followers = this.#early.preparersOf(round).add(source);
    if (followers.size > faulty(publicKeys.length)) onDouble(this.duty, "led");
  }

  #isGenuine(part: SignedPart): boolean {
    const publicKey = this.#context.publicKeys[part.peerIndex];
    return publicKey !== undefined && verifyPart(part, publicKey, this.#context.verified);
  }

  #assemble({ kind, part, justification }: Unproved): QbftMessage {
    const inside = justification.map((one) => this.#voice.heard(toQbft(one.part, one.kind, []), one.part));
    return this.#voice.heard(toQbft(part, kind, inside), part);
  }

  #process(message: QbftMessage): void {
    const tell = (acceptable: boolean): void => this.#handle({ kind: "message", message, acceptable });
    if (message.kind !== "pre-prepare") return tell(false);
    if (!awaitsVerdict(this.#config, this.#state, message)) return;
    if (isVouched(message, this.#config.operatorCount)) return tell(true);
    const value = this.#values.get(message.value);
    if (value === undefined || this.#participant === undefined) return tell(false);
    const verdict = this.#judge.verdict(message.round, value, this.#participant.acceptable);
    if (verdict === undefined) return;
    if (typeof verdict === "boolean") return tell(verdict);
    void verdict
      .then((acceptable) => {
        if (!this.#closed) tell(acceptable);
      })
      .catch((error: unknown) => logBug(this.#context.log, error, { duty: dutyName(this.duty) }));
  }

  /**
   * Ends everything: no timer, no message from here on. Who still waits is told `why`; without it nobody is told, since it
   * was the caller who left.
   */
  close(why?: ConsensusError): void {
    this.#closed = true;
    this.#timer.stop();
    this.#queue = [];
    this.#early.takeAll();
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
        this.#voice.say(effect.message, undefined);
        // Our own vote counts like everybody's.
        this.#queue.push({ kind: "message", message: effect.message, acceptable: true });
        return;
      case "send":
        return this.#voice.say(effect.message, effect.to as OperatorIndex);
      case "start-timer":
        return this.#timer.start(effect.round);
      case "stop-timer":
        return this.#timer.stop();
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
}
