import { type Brand, concatBytes, equalBytes, proto, toHex } from "../base/index.ts";
import { hashBytesRoot, type NodeKey, verifySecp256k1 } from "../crypto/index.ts";
import type { MessageKind } from "../qbft/index.ts";
import { type DutyId, dutyWireNumber } from "../spec/index.ts";
import type { ConsensusValue } from "./types.ts";

export const QBFT_PROTOCOL = "/charon/consensus/qbft/2.0.0";

/** core.corepb.v1.Duty */
const Duty = proto.message({ slot: proto.uint64(1), type: proto.int32(2) });

/** core.corepb.v1.QBFTMsg: the part of a message that its author signs. */
export const SignedPart = proto.message({
  type: proto.int64(1),
  duty: proto.sub(2, Duty),
  peerIndex: proto.int64(3),
  round: proto.int64(4),
  preparedRound: proto.int64(6),
  signature: proto.bytes(8),
  valueHash: proto.bytes(11),
  preparedValueHash: proto.bytes(12),
});
export type SignedPart = proto.Infer<typeof SignedPart>;

/** core.corepb.v1.QBFTConsensusMsg: what travels. */
export const Envelope = proto.message({
  message: proto.sub(1, SignedPart),
  justification: proto.repeated(2, SignedPart),
  values: proto.repeated(3, proto.Any),
});
export type Envelope = proto.Infer<typeof Envelope>;

/** 32 zero bytes stand for "no value"; the bytes are written and signed. */
export const NO_HASH: Uint8Array = new Uint8Array(32);
export type ValueHash = Brand<string, "ValueHash">;

const KIND_NUMBERS: Readonly<Record<MessageKind, number>> = {
  "pre-prepare": 1,
  prepare: 2,
  commit: 3,
  "round-change": 4,
  decided: 5,
};
const kindsByNumber = new Map(
  Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind as MessageKind]),
);

export function kindOf(number: number): MessageKind | undefined {
  return kindsByNumber.get(number);
}

export function kindNumber(kind: MessageKind): number {
  return KIND_NUMBERS[kind];
}

/** What is signed: the root of the deterministic encoding without the signature. */
function digest(part: SignedPart): Uint8Array {
  return hashBytesRoot(SignedPart.encode({ ...part, signature: new Uint8Array(0) }));
}

export function signPart(part: Omit<SignedPart, "signature">, key: NodeKey): SignedPart {
  const unsigned = { ...part, signature: new Uint8Array(0) };
  return { ...unsigned, signature: key.sign(digest(unsigned)) };
}

/** Whether the operator whose public key (33 bytes) this is signed the part. */
export function verifyPart(part: SignedPart, publicKey: Uint8Array): boolean {
  return part.signature.length === 65 && verifySecp256k1(digest(part), publicKey, part.signature);
}

/** Names a signed part, signature included, for the memory of what was already verified. */
export function partName(part: SignedPart): string {
  return toHex(concatBytes(digest(part), part.signature));
}

/** The name of a value in messages: the root of its canonical encoding. */
export function hashValue(value: ConsensusValue): Uint8Array {
  return hashBytesRoot(value.bytes);
}

/** "" for a hash that names nothing: of another length than 32, or zero. */
export function valueName(hash: Uint8Array): string {
  return hash.length !== 32 || equalBytes(hash, NO_HASH) ? "" : Buffer.from(hash).toString("hex");
}

export function hashOfName(name: string): Uint8Array {
  return name === "" ? NO_HASH : new Uint8Array(Buffer.from(name, "hex"));
}

export function dutyToWire(duty: DutyId): { slot: number; type: number } {
  return { slot: duty.slot, type: dutyWireNumber(duty.kind) };
}
