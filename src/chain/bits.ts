import { ssz } from "../spec/index.ts";
import { SEATS_PER_SUBCOMMITTEE, SYNC_COMMITTEE_SIZE } from "./roster.ts";

type Bits = ReturnType<typeof ssz.altair.SyncCommitteeBits.defaultValue>;
const COMMITTEES_MAX = 64;

/** A list of `length` bits, of which those at `places` are set. */
export function bitlist(length: number, places: readonly number[]): Bits {
  const bytes = packed(length + 1, [...places, length]); // The last one says where the list ends.
  return ssz.fulu.Attestation.fields.aggregationBits.deserialize(bytes);
}

/** Which committees an aggregate spans: bits of a vector of 64. */
export function committeeBits(committees: readonly number[]): Bits {
  return ssz.fulu.Attestation.fields.committeeBits.deserialize(packed(COMMITTEES_MAX, committees));
}

export function syncCommitteeBits(seats: readonly number[]): Bits {
  return ssz.altair.SyncCommitteeBits.deserialize(packed(SYNC_COMMITTEE_SIZE, seats));
}

export function subcommitteeBits(seats: readonly number[]): Bits {
  return ssz.altair.SyncCommitteeContribution.fields.aggregationBits.deserialize(
    packed(SEATS_PER_SUBCOMMITTEE, seats),
  );
}

function packed(length: number, places: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 8));
  for (const place of places) bytes[place >>> 3] = (bytes[place >>> 3] ?? 0) | (1 << (place & 7));
  return bytes;
}
