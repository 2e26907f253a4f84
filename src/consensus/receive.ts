import type { QbftMessage } from "../qbft/index.ts";
import { type DutyId, dutyKindOfWire, dutyName, type OperatorIndex } from "../spec/index.ts";
import type { ConsensusValue } from "./types.ts";
import { Envelope, hashValue, kindOf, partName, type SignedPart, valueName, verifyPart } from "./wire.ts";

/** Why a peer's message was dropped; a label of the metric that counts them. */
export type Refusal =
  | "not-protobuf"
  | "incomplete"
  | "impossible-duty"
  | "out-of-range"
  | "foreign-author"
  | "too-many-parts"
  | "bad-signature"
  | "mixed-duties"
  | "unknown-value"
  | "unreadable-value";

export interface ReceiveContext {
  /** 33 bytes each, by operator index. */
  readonly publicKeys: readonly Uint8Array[];
  readonly admit: (duty: DutyId) => boolean;
  /** The value with its inner message deterministically encoded; undefined when it cannot be read. */
  readonly canonicalise: (value: ConsensusValue) => ConsensusValue | undefined;
  /** Signed parts that were verified before; justifications repeat what was already received. */
  readonly verified: Set<string>;
  /** Canonical name of a value whose exact bytes were seen before in this duty. */
  readonly knownName: (duty: DutyId, value: ConsensusValue) => string | undefined;
}

export interface Received {
  readonly duty: DutyId;
  readonly message: QbftMessage;
  /** Values that the message brought, by name, canonical. */
  readonly values: ReadonlyMap<string, ConsensusValue>;
  /** The signed part behind the message and each of its justifications. */
  readonly parts: ReadonlyMap<QbftMessage, SignedPart>;
}

/** Rounds beyond this come from nobody's clock: an epoch of one-second rounds. */
const ROUND_MAX = 10_000;

/**
 * Turns bytes from a peer into a message whose author is proved and whose fields are in range. Cheap checks come first, so
 * that rubbish costs its sender more than us.
 */
export function receive(context: ReceiveContext, from: OperatorIndex, bytes: Uint8Array): Received | Refusal {
  let envelope: Envelope;
  try {
    envelope = Envelope.decode(bytes);
  } catch {
    return "not-protobuf";
  }
  const { message: part, justification } = envelope;
  if (part === undefined) return "incomplete";
  const duty = dutyOf(part);
  if (duty === undefined || !context.admit(duty)) return "impossible-duty";
  const operatorCount = context.publicKeys.length;
  if (justification.length > 2 * operatorCount || envelope.values.length > 2 * (justification.length + 1))
    return "too-many-parts";
  // Everybody speaks for themselves; what others said travels as justification, under their own signature.
  if (part.peerIndex !== from) return "foreign-author";
  for (const one of [part, ...justification]) {
    const refusal = checkPart(context, one, duty);
    if (refusal !== undefined) return refusal;
  }
  const values = readValues(context, duty, envelope.values);
  return typeof values === "string" ? values : assemble(duty, part, justification, values);
}

function dutyOf(part: SignedPart): DutyId | undefined {
  const kind = part.duty === undefined ? undefined : dutyKindOfWire(part.duty.type);
  return kind === undefined || part.duty === undefined ? undefined : { slot: part.duty.slot, kind };
}

function checkPart(context: ReceiveContext, part: SignedPart, duty: DutyId): Refusal | undefined {
  const own = dutyOf(part);
  if (own === undefined || dutyName(own) !== dutyName(duty)) return "mixed-duties";
  const inRange =
    kindOf(part.type) !== undefined &&
    part.round >= 1 &&
    part.round <= ROUND_MAX &&
    part.preparedRound >= 0 &&
    part.preparedRound <= ROUND_MAX;
  if (!inRange) return "out-of-range";
  const publicKey = context.publicKeys[part.peerIndex];
  if (publicKey === undefined) return "foreign-author";
  const name = partName(part);
  if (context.verified.has(name)) return undefined;
  if (!verifyPart(part, publicKey)) return "bad-signature";
  context.verified.add(name);
  return undefined;
}

function readValues(
  context: ReceiveContext,
  duty: DutyId,
  raw: Envelope["values"],
): Map<string, ConsensusValue> | Refusal {
  const values = new Map<string, ConsensusValue>();
  for (const { typeUrl, value: bytes } of raw as unknown as readonly {
    typeUrl: string;
    value: Uint8Array;
  }[]) {
    const known = context.knownName(duty, { typeUrl, bytes });
    if (known !== undefined) {
      values.set(known, { typeUrl, bytes });
      continue;
    }
    const canonical = context.canonicalise({ typeUrl, bytes });
    if (canonical === undefined) return "unreadable-value";
    values.set(valueName(hashValue(canonical)), canonical);
  }
  return values;
}

function assemble(
  duty: DutyId,
  part: SignedPart,
  justification: readonly SignedPart[],
  values: ReadonlyMap<string, ConsensusValue>,
): Received | Refusal {
  const parts = new Map<QbftMessage, SignedPart>();
  const toMessage = (one: SignedPart, inside: readonly QbftMessage[]): QbftMessage | undefined => {
    const kind = kindOf(one.type);
    const [value, preparedValue] = [valueName(one.valueHash), valueName(one.preparedValueHash)];
    const hasValues =
      (value === "" || values.has(value)) && (preparedValue === "" || values.has(preparedValue));
    if (kind === undefined || !hasValues) return undefined;
    const message = {
      kind,
      source: one.peerIndex,
      round: one.round,
      value,
      preparedRound: one.preparedRound,
      preparedValue,
      justification: inside,
    };
    parts.set(message, one);
    return message;
  };
  const inside = justification.map((one) => toMessage(one, []));
  if (inside.some((message) => message === undefined)) return "unknown-value";
  const message = toMessage(part, inside as QbftMessage[]);
  return message === undefined ? "unknown-value" : { duty, message, values, parts };
}
