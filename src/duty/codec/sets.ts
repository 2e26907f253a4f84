import type { ConsensusValue } from "../../consensus/index.ts";
import {
  type DutyId,
  dutyKindOfWire,
  dutyWireNumber,
  type GroupKey,
  type ShareIndex,
} from "../../spec/index.ts";
import { LIMITS } from "../limits.ts";
import { CodecError } from "./codec-error.ts";
import { type AgreedKind, type UnsignedDataOf, unsignedCodecs } from "./kinds.ts";
import { ParSigExMessage, UNSIGNED_DATA_SET_URL, UnsignedDataSetMessage } from "./wire.ts";

/** An entry of a set is a field with two. */
const FIELDS_PER_ENTRY = 3;
/** Fields that a later version may add. */
const FIELDS_TO_SPARE = 64;

/** The data of all our validators for one duty as the value that consensus carries. */
export function encodeUnsignedSet<K extends AgreedKind>(
  kind: K,
  set: ReadonlyMap<GroupKey, UnsignedDataOf[K]>,
): ConsensusValue {
  const entries = [...set].map(([key, data]) => [key, unsignedCodecs[kind].encode(data)] as const);
  return {
    typeUrl: UNSIGNED_DATA_SET_URL,
    bytes: UnsignedDataSetMessage.encode({ set: new Map(entries) }),
  };
}

/** @throws CodecError, ProtoError - for a value that no honest operator proposes. */
export function decodeUnsignedSet<K extends AgreedKind>(
  kind: K,
  value: ConsensusValue,
): ReadonlyMap<GroupKey, UnsignedDataOf[K]> {
  if (value.typeUrl !== UNSIGNED_DATA_SET_URL)
    throw new CodecError("duty/malformed", "decode agreed data of another type");
  const { set } = UnsignedDataSetMessage.decode(value.bytes);
  checkSize(set.size);
  return new Map([...set].map(([key, bytes]) => [groupKey(key), unsignedCodecs[kind].decode(bytes)]));
}

/**
 * The value as Charon hashes it: protobuf decoded and encoded again, which sorts map entries and fields, so that two encodings
 * of one value are one value.
 *
 * @param entriesMax - How many validators it can be about.
 * @returns Undefined for a type that nobody agrees on, for bytes that are not that type, and for more entries.
 */
export function canonicalise(
  { typeUrl, bytes }: ConsensusValue,
  entriesMax: number = LIMITS.validatorsPerSetMax,
): ConsensusValue | undefined {
  if (typeUrl !== UNSIGNED_DATA_SET_URL) return undefined;
  try {
    const set = UnsignedDataSetMessage.decode(bytes, {
      left: FIELDS_PER_ENTRY * entriesMax + FIELDS_TO_SPARE,
    });
    return { typeUrl, bytes: UnsignedDataSetMessage.encode(set) };
  } catch {
    return undefined;
  }
}

/** One validator's part of a message of partial signatures, still encoded. */
export interface EncodedPartial {
  readonly groupKey: GroupKey;
  readonly share: ShareIndex;
  readonly signature: Uint8Array;
  /** What was signed, with the signature inside. */
  readonly data: Uint8Array;
}

export function encodePartials(duty: DutyId, partials: readonly EncodedPartial[]): Uint8Array {
  return ParSigExMessage.encode({
    duty: { slot: duty.slot, type: dutyWireNumber(duty.kind) },
    dataSet: {
      set: new Map(
        partials.map(({ groupKey, share, signature, data }) => [
          groupKey,
          { data, signature, shareIdx: share },
        ]),
      ),
    },
  });
}

/** @throws CodecError, ProtoError */
export function decodePartials(bytes: Uint8Array): {
  readonly duty: DutyId;
  readonly partials: readonly EncodedPartial[];
} {
  const { duty, dataSet } = ParSigExMessage.decode(bytes);
  const kind = dutyKindOfWire(duty?.type ?? 0);
  if (duty === undefined || kind === undefined || dataSet === undefined)
    throw new CodecError("duty/malformed", "decode partial signatures without a known duty");
  checkSize(dataSet.set.size);
  const partials = [...dataSet.set].map(([key, partial]) => {
    if (partial === undefined) throw new CodecError("duty/malformed", "decode an absent partial signature");
    const { data, signature, shareIdx } = partial;
    return { groupKey: groupKey(key), share: shareIdx as ShareIndex, signature, data };
  });
  return { duty: { slot: duty.slot, kind }, partials };
}

function checkSize(entries: number): void {
  if (entries === 0 || entries > LIMITS.validatorsPerSetMax)
    throw new CodecError("duty/malformed", "decode a set of validators' data", { facts: { entries } });
}

function groupKey(text: string): GroupKey {
  if (!/^0x[0-9a-f]{96}$/.test(text)) throw new CodecError("duty/malformed", "decode a group public key");
  return text as GroupKey;
}
