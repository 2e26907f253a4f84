import type { SlashableVote, Verdict } from "../slashing/index.ts";
import type { Epoch, GroupKey } from "../spec/index.ts";

/** What a slashing memory can say of how complete it is. */
export interface MemoryStanding {
  /**
   * "new": made empty. "imported": a file was added and the chain not watched since. "kept": this node has signed with it,
   * or watched the chain first.
   */
  readonly origin: "new" | "imported" | "kept";
  /** The latest epoch voted for, of all validators. */
  readonly newestTarget: Epoch | undefined;
  /** Whether it was last in use in this boot of this machine, so that it did not come back with a copy of the machine. */
  readonly sameBoot: boolean;
}

/**
 * The cluster's memory of what each validator has signed, keyed by group public key. Every path that releases a partial
 * signature asks here first. Implementations: storage/, sim/disk.ts; both pass test/conformance/slashing-store.ts.
 *
 * @spec EIP-3076 "Conditions"
 */
export interface SlashingStore {
  /**
   * Checks every vote and records those it admits, all in one durable transaction: an admitted vote is on disk before
   * the promise settles, so a crash can lose a signature but not the memory of it. Votes are judged in order, each
   * against those before it. The same signing root may be admitted again, which lets a restarted node sign again.
   *
   * @returns One verdict per vote, in order.
   * @throws StorageError `storage/unavailable` - nothing was recorded, so sign nothing.
   */
  admit(
    votes: readonly { readonly pubkey: GroupKey; readonly vote: SlashableVote }[],
    signal: AbortSignal,
  ): Promise<readonly Verdict[]>;
}
