import { type MessageKind, NO_VALUE, type QbftMessage } from "../qbft/index.ts";
import { type DutyId, dutyKindOfWire, dutyName, type OperatorIndex } from "../spec/index.ts";
import { ROUND_MAX } from "./limits.ts";
import type { ConsensusValue } from "./types.ts";
import { Envelope, kindOf, type SignedPart, valueName } from "./wire.ts";

/** Why a peer's message was dropped; a label of the metric that counts them. */
export type Refusal =
  | "not-protobuf"
  | "incomplete"
  | "impossible-duty"
  | "out-of-range"
  | "foreign-author"
  | "stray-claim"
  | "too-many-parts"
  | "mixed-duties"
  | "too-many"
  | "expired"
  | "bad-signature"
  | "unknown-value"
  | "unreadable-value";

interface KnownPart {
  readonly kind: MessageKind;
  readonly part: SignedPart;
}

/** A message whose shape is right; whether it is true (signatures, values) is still open. */
export interface Unproved extends KnownPart {
  readonly duty: DutyId;
  /** What can justify a message of this kind, once per author; what else came was left out. */
  readonly justification: readonly KnownPart[];
  /** As they came: not canonical, not hashed. */
  readonly values: readonly ConsensusValue[];
}

/**
 * Reads bytes from a peer and checks everything that costs little, so that rubbish costs its sender more than us.
 *
 * @param options.admit - Whether a duty can exist.
 */
export function readMessage(
  from: OperatorIndex,
  bytes: Uint8Array,
  options: { readonly operatorCount: number; readonly admit: (duty: DutyId) => boolean },
): Unproved | Refusal {
  let envelope: Envelope;
  try {
    envelope = Envelope.decode(bytes);
  } catch {
    return "not-protobuf";
  }
  const { message: part, justification, values } = envelope;
  const { operatorCount } = options;
  if (part === undefined) return "incomplete";
  const duty = dutyOf(part);
  if (duty === undefined || !options.admit(duty)) return "impossible-duty";
  // Charon's bounds: a quorum of round changes and one of prepares; two values for each part.
  if (justification.length > 2 * operatorCount || values.length > 2 * (justification.length + 1))
    return "too-many-parts";
  // Everybody speaks for themselves; what others said travels as justification, under their own signature.
  if (part.peerIndex !== from) return "foreign-author";
  const kind = kindOf(part.type);
  if (kind === undefined) return "out-of-range";
  if (claimsBesides(kind, part)) return "stray-claim";
  const useful = justifying(kind, part, justification);
  for (const one of [{ part }, ...useful]) {
    const refusal = checkRanges(one.part, duty, operatorCount);
    if (refusal !== undefined) return refusal;
  }
  return {
    duty,
    kind,
    part,
    justification: useful,
    values: values.map(({ typeUrl, value }) => ({ typeUrl, bytes: value })),
  };
}

function dutyOf(part: SignedPart): DutyId | undefined {
  const kind = part.duty === undefined ? undefined : dutyKindOfWire(part.duty.type);
  return kind === undefined || part.duty === undefined ? undefined : { slot: part.duty.slot, kind };
}

/**
 * The parts of a justification that can prove something, the first of each author and kind. The others need no signature
 * check, and cannot be smuggled past the rules that apply to a message of their own.
 */
function justifying(
  kind: MessageKind,
  message: SignedPart,
  justification: readonly SignedPart[],
): readonly KnownPart[] {
  const useful = new Map<string, KnownPart>();
  for (const part of justification) {
    const own = kindOf(part.type);
    if (own === undefined || !canJustify(kind, message, own, part)) continue;
    const name = `${own} ${part.peerIndex}`;
    if (!useful.has(name)) useful.set(name, { kind: own, part });
  }
  return [...useful.values()];
}

function canJustify(kind: MessageKind, message: SignedPart, own: MessageKind, part: SignedPart): boolean {
  switch (kind) {
    case "pre-prepare":
      return own === "prepare" || (own === "round-change" && part.round === message.round);
    case "round-change":
      return own === "prepare";
    case "decided":
      return (
        own === "commit" &&
        part.round === message.round &&
        valueName(part.valueHash) === valueName(message.valueHash)
      );
    case "prepare":
    case "commit":
      return false;
  }
}

function checkRanges(part: SignedPart, duty: DutyId, operatorCount: number): Refusal | undefined {
  const own = dutyOf(part);
  if (own === undefined || dutyName(own) !== dutyName(duty)) return "mixed-duties";
  const inRange =
    part.round >= 1 &&
    part.round <= ROUND_MAX &&
    part.preparedRound >= 0 &&
    part.preparedRound <= ROUND_MAX &&
    part.peerIndex >= 0 &&
    part.peerIndex < operatorCount;
  return inRange ? undefined : "out-of-range";
}

/**
 * Whether a message names a value that its kind has no use for: a ROUND-CHANGE votes for none, and all others have prepared
 * none. Every value that is named must travel along wherever the part is repeated, so one such vote would bloat, or spoil,
 * what correct operators prove with it. In a justification it is overlooked: a Charon repeats what it was told.
 */
function claimsBesides(kind: MessageKind, part: SignedPart): boolean {
  if (kind === "round-change") return valueName(part.valueHash) !== NO_VALUE;
  return part.preparedRound !== 0 || valueName(part.preparedValueHash) !== NO_VALUE;
}

/** The message of the state machine that a signed part stands for. */
export function toQbft(
  part: SignedPart,
  kind: MessageKind,
  justification: readonly QbftMessage[],
): QbftMessage {
  return {
    kind,
    source: part.peerIndex,
    round: part.round,
    value: valueName(part.valueHash),
    preparedRound: part.preparedRound,
    preparedValue: valueName(part.preparedValueHash),
    justification,
  };
}
