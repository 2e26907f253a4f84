import type { Epoch, Root, Slot } from "../spec/index.ts";

/** What a signature would say that could be slashed for. */
export type SlashableVote =
  | {
      readonly kind: "attestation";
      readonly source: Epoch;
      readonly target: Epoch;
      readonly signingRoot: Root;
    }
  | { readonly kind: "block"; readonly slot: Slot; readonly signingRoot: Root };

/** "No" is an ordinary answer here, so it is a value and not an exception. */
export type Verdict =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly reason: "double-vote" | "surrounds" | "surrounded" | "too-old" | "source-after-target";
    };

/** A block that was signed; without a root where an imported file did not tell. */
export interface SignedBlock {
  readonly slot: Slot;
  readonly signingRoot?: Root;
}

/** An attestation that was signed; without a root where an imported file did not tell. */
export interface SignedAttestation {
  readonly source: Epoch;
  readonly target: Epoch;
  readonly signingRoot?: Root;
}

/** A new attestation needs a source at or above, and a target strictly above. */
export interface AttestationFloor {
  readonly source: Epoch;
  readonly target: Epoch;
}

/** What remains of votes that are no longer listed one by one. A new block needs a slot strictly above `slot`. */
export interface Floors {
  readonly slot?: Slot;
  readonly attestation?: AttestationFloor;
}

/** The floors that satisfy both: floors only ever rise. */
export function raisedFloors(a: Floors, b: Floors): Floors {
  const slot = highest(a.slot, b.slot);
  const attestation = effectiveFloor(a.attestation, b.attestation);
  return {
    ...(slot === undefined ? {} : { slot }),
    ...(attestation === undefined ? {} : { attestation }),
  };
}

/** The stricter of two attestation floors, field by field. */
export function effectiveFloor(
  a: AttestationFloor | undefined,
  b: AttestationFloor | undefined,
): AttestationFloor | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { source: Math.max(a.source, b.source), target: Math.max(a.target, b.target) };
}

function highest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
