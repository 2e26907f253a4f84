import { assert } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import type { Clock } from "../ports/index.ts";
import {
  initialState,
  type QbftConfig,
  type QbftEffect,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  step,
} from "../qbft/index.ts";
import { type ChainSpec, type DutyId, dutyWireNumber } from "../spec/index.ts";
import { EARLY_MESSAGES_MAX, VALUE_BYTES_PER_PEER_MAX, VALUES_PER_PEER_MAX } from "./limits.ts";
import type { PeerRoom } from "./peer-room.ts";
import type { Received } from "./receive.ts";
import { roundEnd } from "./round-timer.ts";
import type { ConsensusValue, Decision } from "./types.ts";
import { dutyToWire, Envelope, hashOfName, kindNumber, type SignedPart, signPart } from "./wire.ts";

/** Who leads: everybody in turn, by slot, duty kind and round (Charon's rotation). */
export function leaderOf(duty: DutyId, round: number, operatorCount: number): number {
  return (duty.slot + dutyWireNumber(duty.kind) + round) % operatorCount;
}

export interface InstanceContext {
  readonly self: number;
  readonly operatorCount: number;
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly key: NodeKey;
  readonly room: PeerRoom;
  /** Sends to all peers; failures are the transport's to count. */
  readonly send: (duty: DutyId, kind: QbftMessage["kind"], bytes: Uint8Array) => void;
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
  #joined:
    | {
        readonly acceptable: (value: ConsensusValue) => boolean;
        readonly decide: (decision: Decision) => void;
      }
    | undefined;
  #early: Received[] = [];
  readonly #values = new Map<string, ConsensusValue>();
  /** What each peer made us keep. */
  readonly #kept = new Map<number, { readonly values: number; readonly bytes: number }>();
  /** The signed part behind each message that may become a justification. */
  readonly #parts = new WeakMap<QbftMessage, SignedPart>();
  #cancelTimer: (() => void) | undefined;
  #timerRound = 0;
  #closed = false;
  /** Events that wait until the one at work is done, so that steps never nest. */
  #queue: QbftEvent[] = [];
  #working = false;

  constructor(duty: DutyId, context: InstanceContext) {
    this.duty = duty;
    this.#context = context;
    this.#config = {
      self: context.self,
      operatorCount: context.operatorCount,
      leader: (round) => leaderOf(duty, round, context.operatorCount),
    };
  }

  get joined(): boolean {
    return this.#joined !== undefined;
  }

  get round(): number {
    return this.#state.round;
  }

  /** Takes part from now on, first with what peers have said already. */
  join(acceptable: (value: ConsensusValue) => boolean, decide: (decision: Decision) => void): void {
    assert(this.#joined === undefined, "an instance is joined once");
    this.#joined = { acceptable, decide };
    this.#handle({ kind: "start" });
    const early = this.#early;
    this.#early = [];
    for (const received of early) this.#process(received);
  }

  /** Our own proposal; used when we lead. */
  propose(name: string, value: ConsensusValue): void {
    if (this.#closed) return;
    this.#values.set(name, value);
    this.#handle({ kind: "input", value: name });
  }

  /** The name of a value of which we hold exactly these bytes. */
  nameOf(value: ConsensusValue): string | undefined {
    for (const [name, known] of this.#values) {
      if (
        known.typeUrl === value.typeUrl &&
        known.bytes.length === value.bytes.length &&
        Buffer.compare(known.bytes, value.bytes) === 0
      )
        return name;
    }
    return undefined;
  }

  /** @returns false when the peer has used up its room and the message was dropped. */
  receive(from: number, received: Received): boolean {
    if (this.#closed) return true;
    if (
      this.#joined === undefined &&
      this.#early.filter(({ message }) => message.source === from).length >= EARLY_MESSAGES_MAX
    )
      return false;
    const fresh = [...received.values].filter(([name]) => !this.#values.has(name));
    if (!this.#makeRoom(from, fresh.length, byteCount(fresh))) return false;
    for (const [name, value] of fresh) this.#values.set(name, value);
    for (const [message, part] of received.parts) this.#parts.set(message, part);
    if (this.#joined === undefined) this.#early.push(received);
    else this.#process(received);
    return true;
  }

  #makeRoom(from: number, values: number, bytes: number): boolean {
    const before = this.#kept.get(from) ?? { values: 0, bytes: 0 };
    const kept = { values: before.values + values, bytes: before.bytes + bytes };
    if (kept.values > VALUES_PER_PEER_MAX || kept.bytes > VALUE_BYTES_PER_PEER_MAX) return false;
    if (!this.#context.room.take(from, bytes)) return false;
    this.#kept.set(from, kept);
    return true;
  }

  #process({ message }: Received): void {
    const value = message.kind === "pre-prepare" ? this.#values.get(message.value) : undefined;
    const acceptable = value !== undefined && (this.#joined?.acceptable(value) ?? false);
    this.#handle({ kind: "message", message, acceptable });
  }

  /** Ends everything: no timer, no message from here on. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#queue = [];
    this.#early = [];
    this.#values.clear();
    for (const [peer, { bytes }] of this.#kept) this.#context.room.giveBack(peer, bytes);
    this.#kept.clear();
  }

  #handle(event: QbftEvent): void {
    this.#queue.push(event);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#closed; next = this.#queue.shift()) {
        const { state, effects } = step(this.#config, this.#state, next);
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#working = false;
    }
  }

  #perform(effect: QbftEffect): void {
    switch (effect.kind) {
      case "broadcast":
        return this.#broadcast(effect.message);
      case "start-timer":
        return this.#startTimer(effect.round);
      case "stop-timer":
        this.#cancelTimer?.();
        return;
      case "decide": {
        const value = this.#values.get(effect.value);
        assert(value !== undefined, "a decided value is known: every vote brings it");
        this.#joined?.decide({ value, round: effect.round });
      }
    }
  }

  #startTimer(round: number): void {
    this.#cancelTimer?.();
    const ends = roundEnd(this.#context.chain, this.duty, round);
    const at = this.#timerRound === round ? ends.extended : ends.first;
    this.#timerRound = round;
    this.#cancelTimer = this.#context.clock.at(at, () => this.#handle({ kind: "timeout", round }));
  }

  #broadcast(message: QbftMessage): void {
    const { key, self } = this.#context;
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
    );
    this.#parts.set(message, part);
    const justification = message.justification.map((one) => {
      const signed = this.#parts.get(one);
      assert(signed !== undefined, "a justification was received or sent before");
      return signed;
    });
    const names = new Set(
      [message, ...message.justification].flatMap((one) => [one.value, one.preparedValue]),
    );
    names.delete("");
    const values = [...names].map((name) => {
      const value = this.#values.get(name);
      assert(value !== undefined, "every value that is named is known");
      return { typeUrl: value.typeUrl, value: value.bytes };
    });
    this.#context.send(this.duty, message.kind, Envelope.encode({ message: part, justification, values }));
    // Our own vote counts like everybody's.
    this.#queue.push({ kind: "message", message, acceptable: true });
  }
}

function byteCount(values: readonly (readonly [string, ConsensusValue])[]): number {
  return values.reduce((sum, [, value]) => sum + value.bytes.length, 0);
}
