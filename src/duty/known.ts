import type { phase0, Root, Slot } from "../spec/index.ts";
import { KnownBySlot } from "./known-by-slot.ts";

/** What duties of a slot find out for one another. */
export class Known {
  /** Group signatures of the epoch, by group key. */
  readonly randaos = new KnownBySlot<Uint8Array>();
  /** Group signatures of the slot, by group key: whether the validator aggregates the votes of its committee. */
  readonly selections = new KnownBySlot<Uint8Array>();
  /** The same for sync subcommittees, by `partName`. */
  readonly syncSelections = new KnownBySlot<Uint8Array>();
  /** The votes that were decided, by group key. */
  readonly votes = new KnownBySlot<phase0.AttestationData>();
  /** The block that a threshold of operators signed a sync message for, by group key. */
  readonly syncRoots = new KnownBySlot<Root>();

  forgetBefore(slot: Slot): void {
    for (const known of [this.randaos, this.selections, this.syncSelections, this.votes, this.syncRoots])
      known.forgetBefore(slot);
  }
}
