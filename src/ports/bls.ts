import type { GroupKey, Root, ShareIndex } from "../spec/index.ts";

/** A signature by one share. */
export interface PartialSignature {
  readonly share: ShareIndex;
  /** 96 bytes, compressed G2. */
  readonly signature: Uint8Array;
}

/** Partial signatures of one validator over one root, to be made into its group signature. */
export interface CombineJob {
  readonly groupKey: GroupKey;
  /** The signing root, 32 bytes. */
  readonly root: Root;
  readonly threshold: number;
  /** At least `threshold`, of distinct shares. More make it possible to recombine without a bad one. */
  readonly partials: readonly PartialSignature[];
  /** Public shares, 48 bytes each, in operator order: the share with index i is at place i - 1. */
  readonly publicShares: readonly Uint8Array[];
}

export interface CombineResult {
  /** The group signature, verified against the group key (S3); undefined when too few partials were good. */
  readonly signature: Uint8Array | undefined;
  /** Shares whose partial signature is not a signature of this root by their public share. */
  readonly guilty: readonly ShareIndex[];
}

/**
 * Heavy BLS work, off the event loop where it matters. Implementations: signer/bls-threads.ts, crypto/inline-bls-work.ts,
 * sim/toy-keys.ts.
 */
export interface BlsWork {
  /** Combines all jobs of a slot and verifies the results together. One result per job, in order. Never throws for bad input. */
  combine(jobs: readonly CombineJob[]): Promise<readonly CombineResult[]>;
  /** Whether each signature is right; checked in one batch, one by one only when the batch fails. */
  verify(
    sets: readonly { readonly publicKey: Uint8Array; readonly root: Root; readonly signature: Uint8Array }[],
  ): Promise<readonly boolean[]>;
}

/** One root to be signed with this node's share of a validator's key. The guard has admitted it. */
export interface SigningRequest {
  readonly groupKey: GroupKey;
  readonly root: Root;
}

/**
 * Holds this node's key shares and signs with them. It is asked only for what consensus decided and the slashing memory
 * admitted. Implementations: signer/ (keystores), sim/toy-keys.ts.
 */
export interface ShareSigner {
  /** Validators whose share is here. */
  readonly groupKeys: readonly GroupKey[];
  /** One signature (96 bytes) per request, in order; undefined where the share is not here. */
  sign(
    requests: readonly SigningRequest[],
    signal: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]>;
}
