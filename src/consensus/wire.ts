import { concatBytes, equalBytes, proto, toHex } from "../base/index.ts";
import {
  hashBytesRoot,
  hashBytesRootInPieces,
  type NodeKey,
  recoverPublicKey,
  sha256,
} from "../crypto/index.ts";
import type { MessageKind, ValueId } from "../qbft/index.ts";
import { type DutyId, dutyWireNumber } from "../spec/index.ts";
import { ENVELOPE_FIELDS_MAX, FINGERPRINT_PIECE_BYTES, PART_BYTES_MAX } from "./limits.ts";
import type { Pieces } from "./pieces.ts";
import type { ConsensusValue } from "./types.ts";

export const QBFT_PROTOCOL = "/charon/consensus/qbft/2.0.0";

type Duty = { readonly slot: number; readonly type: number };
/** core.corepb.v1.Duty */
const Duty: proto.MessageType<Duty> = proto.message({ slot: proto.uint64(1), type: proto.int32(2) });

export interface SignedPart {
  readonly type: number;
  readonly duty: Duty | undefined;
  readonly peerIndex: number;
  readonly round: number;
  readonly preparedRound: number;
  /** 65 bytes R || S || V. */
  readonly signature: Uint8Array;
  /** 32 bytes; zeros for no value. */
  readonly valueHash: Uint8Array;
  readonly preparedValueHash: Uint8Array;
}
/** core.corepb.v1.QBFTMsg: the part of a message that its author signs. Fields that we do not know are kept and stay signed. */
export const SignedPart: proto.MessageType<SignedPart> = proto.message({
  type: proto.int64(1),
  duty: proto.sub(2, Duty),
  peerIndex: proto.int64(3),
  round: proto.int64(4),
  preparedRound: proto.int64(6),
  signature: proto.bytes(8),
  valueHash: proto.bytes(11),
  preparedValueHash: proto.bytes(12),
});

export interface Envelope {
  readonly message: SignedPart | undefined;
  readonly justification: readonly SignedPart[];
  readonly values: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}
/** google.protobuf.Any, of which most come again and again: the value is not copied before somebody needs it. */
const AnyWithin = proto.message({ typeUrl: proto.string(1), value: proto.bytesWithin(2) });
/** core.corepb.v1.QBFTConsensusMsg: what travels. Every value that a part names must be in `values`, or Charon drops it. */
export const Envelope: proto.MessageType<Envelope> = proto.message(
  {
    message: proto.sub(1, SignedPart),
    justification: proto.repeated(2, SignedPart),
    values: proto.repeated(3, AnyWithin),
  },
  () => ENVELOPE_FIELDS_MAX,
);

/** 32 zero bytes stand for "no value"; the bytes are written and signed. */
export const NO_HASH: Uint8Array = new Uint8Array(32);
const UNSIGNED: Uint8Array = new Uint8Array(0);

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

/** @param verified - Learns the name of the part: peers repeat it as justification, and what we signed is good. */
export function signPart(
  part: Omit<SignedPart, "signature">,
  key: NodeKey,
  verified: Set<string> = new Set(),
): SignedPart {
  const unsigned = { ...part, signature: UNSIGNED };
  const hash = hashBytesRoot(SignedPart.encode(unsigned));
  const signature = key.sign(hash);
  verified.add(nameOfPart(hash, signature));
  return { ...unsigned, signature };
}

/** Names a part with its signature. */
function nameOfPart(hash: Uint8Array, signature: Uint8Array): string {
  return toHex(concatBytes(hash, signature));
}

/**
 * Whether the operator whose public key (33 bytes) this is signed the part: the root of its deterministic encoding without
 * the signature. The key is recovered, as Charon does, and not only verified: a signature with a wrong recovery id
 * would pass here and make Charon refuse every message of ours that repeats it as justification.
 *
 * @param verified - Names of parts that were found good; justifications repeat what was already received.
 */
export function verifyPart(
  part: SignedPart,
  publicKey: Uint8Array,
  verified: Set<string> = new Set(),
): boolean {
  if (part.signature.length !== 65) return false;
  const encoded = SignedPart.encode({ ...part, signature: UNSIGNED });
  if (encoded.length > PART_BYTES_MAX) return false;
  const hash = hashBytesRoot(encoded);
  const name = nameOfPart(hash, part.signature);
  if (verified.has(name)) return true;
  const signer = recoverPublicKey(hash, part.signature);
  if (signer === undefined || !equalBytes(signer, publicKey)) return false;
  verified.add(name);
  return true;
}

/** The name of a value in messages: the root of its canonical encoding. */
export function hashValue(value: ConsensusValue): Uint8Array {
  return hashBytesRoot(value.bytes);
}

/** The same for values that may be long. */
export function hashValueInPieces(value: ConsensusValue): Pieces<Uint8Array> {
  return hashBytesRootInPieces(value.bytes);
}

/** Names exactly these bytes of a value; twenty times quicker to compute than its hash, and used within one process only. */
export function* fingerprint({ typeUrl, bytes }: ConsensusValue): Pieces<string> {
  const ofPieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += FINGERPRINT_PIECE_BYTES) {
    if (at > 0) yield;
    ofPieces.push(sha256(bytes.subarray(at, at + FINGERPRINT_PIECE_BYTES)));
  }
  return toHex(sha256(Buffer.from(`${typeUrl}\0`), ...ofPieces));
}

/** "" for a hash that names nothing: of another length than 32, or zero. */
export function valueName(hash: Uint8Array): ValueId {
  return hash.length !== 32 || equalBytes(hash, NO_HASH) ? "" : Buffer.from(hash).toString("hex");
}

export function hashOfName(name: ValueId): Uint8Array {
  return name === "" ? NO_HASH : new Uint8Array(Buffer.from(name, "hex"));
}

export function dutyToWire(duty: DutyId): Duty {
  return { slot: duty.slot, type: dutyWireNumber(duty.kind) };
}
