import type { ShareSigner } from "../ports/index.ts";
import type { DutyKind } from "../spec/index.ts";

/** Who signs with our share: the built-in signer, a validator client, or both, each its kinds of duties. */
export interface Signing {
  /** Undefined for a kind that is left to the validator client. */
  readonly signerOf: (kind: DutyKind) => ShareSigner | undefined;
  /** Whether what is to be signed lies on the desk for a validator client, whoever signs it. */
  readonly hasClient: boolean;
}

const AGGREGATION: ReadonlySet<DutyKind> = new Set<DutyKind>([
  "prepare-aggregator",
  "aggregator",
  "prepare-sync-contribution",
  "sync-contribution",
]);

/** The built-in signer signs everything. */
export const bySigner = (signer: ShareSigner): Signing => ({ signerOf: () => signer, hasClient: false });

/** A validator client signs everything. */
export const byClient: Signing = { signerOf: () => undefined, hasClient: true };

/**
 * A validator client signs what it can, and the built-in signer what a client cannot that asks nobody for the cluster's
 * selection proofs (docs/adr/0224). Nothing of that can be slashed.
 */
export const byClientButAggregation = (signer: ShareSigner): Signing => ({
  signerOf: (kind) => (AGGREGATION.has(kind) ? signer : undefined),
  hasClient: true,
});
