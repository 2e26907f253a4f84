import { proto } from "../../base/index.ts";

const { bytes, bytesWithin, int32, map, message, sub, uint64 } = proto;

// The protobuf messages of Charon's core (core/corepb/v1/core.proto, parsigex.proto).

export type DutyMessage = { readonly slot: number; readonly type: number };
export const DutyMessage: proto.MessageType<DutyMessage> = message({ slot: uint64(1), type: int32(2) });

export type UnsignedDataSetMessage = { readonly set: ReadonlyMap<string, Uint8Array> };
/** Unsigned data per group key, each where it lies in the message. */
export const UnsignedDataSetMessage: proto.MessageType<UnsignedDataSetMessage> = message({
  set: map(1, bytesWithin),
});

export type ParSignedDataMessage = {
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly shareIdx: number;
};
/** What one share signed, with its signature inside `data` and once more beside it. */
export const ParSignedDataMessage: proto.MessageType<ParSignedDataMessage> = message({
  data: bytes(1),
  signature: bytes(2),
  shareIdx: int32(3),
});

export type ParSignedDataSetMessage = { readonly set: ReadonlyMap<string, ParSignedDataMessage | undefined> };
export const ParSignedDataSetMessage: proto.MessageType<ParSignedDataSetMessage> = message({
  set: map(1, (id) => sub(id, ParSignedDataMessage)),
});

export type ParSigExMessage = {
  readonly duty: DutyMessage | undefined;
  readonly dataSet: ParSignedDataSetMessage | undefined;
};
/** One operator's partial signatures for one duty: the message of /charon/parsigex/2.0.0. */
export const ParSigExMessage: proto.MessageType<ParSigExMessage> = message({
  duty: sub(1, DutyMessage),
  dataSet: sub(2, ParSignedDataSetMessage),
});

export const UNSIGNED_DATA_SET_URL = "type.googleapis.com/core.corepb.v1.UnsignedDataSet";
