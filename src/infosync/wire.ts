import { equalBytes, proto } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import { hashBytesRoot, type NodeKey, recoverPublicKey } from "../crypto/index.ts";
import { type DutyId, dutyKindOfWire, dutyWireNumber } from "../spec/index.ts";
import { RESULT_FIELDS_MAX } from "./limits.ts";

const { Any, bytes, int32, int64, message, repeated, string, sub, uint64 } = proto;

/** The second is what Charon before v1.12 registered by mistake; both carry the same messages. */
export const PRIORITY_PROTOCOLS = ["/charon/priority/2.0.0", "charon/priority/2.0.0"] as const;

// The messages of core/corepb/v1/priority.proto.

export type AnyMessage = proto.Infer<typeof Any>;
const DutyMessage = message({ slot: uint64(1), type: int32(2) });
const TopicProposal = message({ topic: sub(1, Any), priorities: repeated(2, Any) });
export type TopicProposal = proto.Infer<typeof TopicProposal>;
export const PriorityMessage = message({
  duty: sub(1, DutyMessage),
  topics: repeated(2, TopicProposal),
  peerId: string(3),
  signature: bytes(4),
});
export type PriorityMessage = proto.Infer<typeof PriorityMessage>;
const ScoredResult = message({ priority: sub(1, Any), score: int64(2) });
const TopicResult = message({ topic: sub(1, Any), priorities: repeated(2, ScoredResult) });
export type TopicResult = proto.Infer<typeof TopicResult>;
export const PriorityResult = message(
  { messages: repeated(1, PriorityMessage), topics: repeated(2, TopicResult) },
  () => RESULT_FIELDS_MAX,
);
export type PriorityResult = proto.Infer<typeof PriorityResult>;

export const PRIORITY_RESULT_URL = "type.googleapis.com/core.corepb.v1.PriorityResult";

/** A result as Charon hashes it, decoded and encoded again; undefined for another type and for bytes that are none. */
export function canonicaliseResult(value: ConsensusValue): ConsensusValue | undefined {
  if (value.typeUrl !== PRIORITY_RESULT_URL) return undefined;
  try {
    return { typeUrl: value.typeUrl, bytes: PriorityResult.encode(PriorityResult.decode(value.bytes)) };
  } catch {
    return undefined;
  }
}

/** google.protobuf.Value, of which only strings occur. */
const TextValue = message({ text: string(3) });
const TEXT_URL = "type.googleapis.com/google.protobuf.Value";

export function textToAny(text: string): AnyMessage {
  return { typeUrl: TEXT_URL, value: TextValue.encode({ text }) };
}

/** Undefined for anything but a text: later versions may rank other things. */
export function textOfAny(any: AnyMessage | undefined): string | undefined {
  if (any?.typeUrl !== TEXT_URL) return undefined;
  try {
    return TextValue.decode(any.value).text;
  } catch {
    return undefined;
  }
}

export function dutyToMessage(duty: DutyId): proto.Infer<typeof DutyMessage> {
  return { slot: duty.slot, type: dutyWireNumber(duty.kind) };
}

export function dutyOfMessage({ duty }: PriorityMessage): DutyId | undefined {
  const kind = duty === undefined ? undefined : dutyKindOfWire(duty.type);
  return duty === undefined || kind === undefined ? undefined : { slot: duty.slot, kind };
}

const UNSIGNED: Uint8Array = new Uint8Array(0);

export function signMessage(unsigned: Omit<PriorityMessage, "signature">, key: NodeKey): PriorityMessage {
  return { ...unsigned, signature: key.sign(signingHash({ ...unsigned, signature: UNSIGNED })) };
}

/** Whether the operator whose public key (33 bytes) this is signed the message: 65 bytes R || S || V, key recovered as in Charon. */
export function isSignedBy(signed: PriorityMessage, publicKey: Uint8Array): boolean {
  const signer = recoverPublicKey(signingHash({ ...signed, signature: UNSIGNED }), signed.signature);
  return signer !== undefined && equalBytes(signer, publicKey);
}

function signingHash(unsigned: PriorityMessage): Uint8Array {
  return hashBytesRoot(PriorityMessage.encode(unsigned));
}
