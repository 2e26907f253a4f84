import type { Brand, Hex } from "../base/index.ts";

/** Slot since genesis, an integer >= 0. */
export type Slot = number;
/** Epoch since genesis, an integer >= 0. */
export type Epoch = number;
/** Index of a validator in the beacon state. */
export type ValidatorIndex = number;
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMs = number;
/** 32 bytes. */
export type Root = Uint8Array;
/** Group public key of a validator as text: 0x and 96 lower-case hexadecimal digits. Key of maps, name on the wire. */
export type GroupKey = Brand<Hex, "GroupKey">;
/** 0-based place of an operator in the cluster lock. */
export type OperatorIndex = Brand<number, "OperatorIndex">;
/** 1-based evaluation point of an operator's key share; operator index + 1, never 0. */
export type ShareIndex = Brand<number, "ShareIndex">;

/** The share index of an operator. */
export function shareIndexOf(operator: OperatorIndex): ShareIndex {
  return (operator + 1) as ShareIndex;
}

/** The operator that holds a share. */
export function operatorOf(share: ShareIndex): OperatorIndex {
  return (share - 1) as OperatorIndex;
}
