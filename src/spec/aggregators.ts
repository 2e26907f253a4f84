import { createHash } from "node:crypto";
import {
  EPOCHS_PER_SYNC_COMMITTEE_PERIOD,
  SYNC_COMMITTEE_SIZE,
  SYNC_COMMITTEE_SUBNET_COUNT,
  TARGET_AGGREGATORS_PER_COMMITTEE,
  TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE,
} from "@lodestar/params";

export { EPOCHS_PER_SYNC_COMMITTEE_PERIOD };
export const SYNC_SUBCOMMITTEES: number = SYNC_COMMITTEE_SUBNET_COUNT;
const SEATS_PER_SUBCOMMITTEE = SYNC_COMMITTEE_SIZE / SYNC_COMMITTEE_SUBNET_COUNT;

/**
 * Whether a member of a committee is to aggregate its votes. `selectionProof` is the validator's signature of the slot.
 *
 * @spec phase0/validator.md#aggregation-selection
 */
export function isAggregator(committeeLength: number, selectionProof: Uint8Array): boolean {
  return isSelected(Math.floor(committeeLength / TARGET_AGGREGATORS_PER_COMMITTEE), selectionProof);
}

/** @spec altair/validator.md#aggregation-selection */
export function isSyncAggregator(selectionProof: Uint8Array): boolean {
  const modulo = Math.floor(SEATS_PER_SUBCOMMITTEE / TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE);
  return isSelected(modulo, selectionProof);
}

function isSelected(oneIn: number, selectionProof: Uint8Array): boolean {
  const first8 = createHash("sha256").update(selectionProof).digest().readBigUInt64LE(0);
  return first8 % BigInt(Math.max(1, oneIn)) === 0n;
}

/** The subcommittees (0 to 3) in which seats of the sync committee (0 to 511) lie, each once, in order. */
export function subcommitteesOf(positions: readonly number[]): readonly number[] {
  const all = new Set(positions.map((position) => Math.floor(position / SEATS_PER_SUBCOMMITTEE)));
  return [...all].toSorted((a, b) => a - b);
}
