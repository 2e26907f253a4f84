import { assert } from "../base/index.ts";
import { NO_VALUE, type QbftMessage, type ValueId } from "../qbft/index.ts";
import type { DutyId, OperatorIndex } from "../spec/index.ts";
import type { InstanceContext } from "./context.ts";
import type { ValueStore } from "./value-store.ts";
import {
  dutyToWire,
  Envelope,
  hashOfName,
  kindNumber,
  type SignedPart,
  signPart,
  valueName,
} from "./wire.ts";

/** What we say in one instance: signed, with what others signed as its proof, and with every value that is named. */
export class Voice {
  readonly #duty: DutyId;
  readonly #context: InstanceContext;
  readonly #values: ValueStore;
  /** The signed part behind each message that may become a justification. */
  readonly #parts = new WeakMap<QbftMessage, SignedPart>();
  /** What we signed here; anything else with our signature was signed by somebody else. */
  readonly #said = new Set<string>();

  constructor(duty: DutyId, context: InstanceContext, values: ValueStore) {
    this.#duty = duty;
    this.#context = context;
    this.#values = values;
  }

  /** Learns what stands behind a message of a peer, so that it can be repeated. */
  heard(message: QbftMessage, part: SignedPart): QbftMessage {
    this.#parts.set(message, part);
    return message;
  }

  hasSaid(part: SignedPart): boolean {
    return this.#said.has(wordsOf(part));
  }

  /** Says something to one operator, or to all when `to` is undefined. */
  say(message: QbftMessage, to: OperatorIndex | undefined): void {
    const part = this.#sign(message);
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
    const bytes = Envelope.encode({ message: part, justification, values });
    this.#context.send(this.#duty, message.kind, bytes, to);
  }

  #sign(message: QbftMessage): SignedPart {
    const { key, self, verified } = this.#context;
    const part = {
      type: kindNumber(message.kind),
      duty: dutyToWire(this.#duty),
      peerIndex: self,
      round: message.round,
      preparedRound: message.preparedRound,
      valueHash: hashOfName(message.value),
      preparedValueHash: hashOfName(message.preparedValue),
    };
    return signPart(part, key, verified);
  }
}

/** What a part says, without its signature: a liar can make another valid one out of ours. */
function wordsOf({ type, round, preparedRound, valueHash, preparedValueHash }: SignedPart): string {
  return [type, round, preparedRound, valueName(valueHash), valueName(preparedValueHash)].join("/");
}

/** The values that a message and its justification are about: what a ROUND-CHANGE claims, and what all others vote for. */
export function namesIn(message: QbftMessage): readonly ValueId[] {
  const parts = [message, ...message.justification];
  const names = new Set(parts.map((one) => (one.kind === "round-change" ? one.preparedValue : one.value)));
  names.delete(NO_VALUE);
  return [...names];
}
