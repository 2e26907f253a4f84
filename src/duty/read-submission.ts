import { equalBytes } from "../base/index.ts";
import type { PartiallySignedOf, Submission } from "../ports/index.ts";
import type { altair, ChainSpec, Root } from "../spec/index.ts";
import { attestationSigningRoot } from "./codec/attestation.ts";
import { type SignedCodec, signedCodecs } from "./codec/kinds.ts";
import { deskError } from "./desk-error.ts";

/** What a client's signature says, whatever its kind. */
export interface Read {
  readonly signature: Uint8Array;
  readonly root: Root;
  readonly part: number;
}

/** @throws DeskError `duty/not-what-was-decided` - it belongs to another slot, epoch or subcommittee. */
export function readSubmission(item: Submission, chain: ChainSpec): Read {
  const id = { slot: item.slot, kind: item.kind };
  // The beacon API carries a vote without its bits, and a registration without a version; neither is signed.
  if (item.kind === "attester") {
    const { data, signature } = item.signed.vote;
    if (data.slot !== item.slot) throw deskError("duty/not-what-was-decided", id);
    return { signature, root: attestationSigningRoot(chain, data), part: 0 };
  }
  const codec = signedCodecs[item.kind] as SignedCodec<unknown>;
  const value: unknown =
    item.kind === "builder-registration" ? { version: 0, registration: item.signed } : item.signed;
  const root = codec.signingRoot(value, chain);
  if (root === undefined || codec.fits?.(value, id, chain) === false)
    throw deskError("duty/not-what-was-decided", id);
  return { signature: codec.signature(value), root, part: codec.part?.(value) ?? 0 };
}

/** A sync message as the client signed it; its index is not covered by the signature and comes from what we know. */
export function sameButForTheHead(signed: PartiallySignedOf["sync-message"], own: unknown): Uint8Array {
  const { validatorIndex } = own as altair.SyncCommitteeMessage;
  return signedCodecs["sync-message"].encode({ ...signed, validatorIndex });
}

/** What a client that signed something else did wrong, where it can be told; empty otherwise. */
export function differenceOf(item: Submission, own: unknown): string {
  const [theirs, ours] = [selectionProofIn(item.kind, item.signed), selectionProofIn(item.kind, own)];
  if (theirs === undefined || ours === undefined || equalBytes(theirs, ours)) return "";
  return (
    "its selection proof is not the cluster's, which was not there yet when the client asked for it; " +
    "it gets it when it asks again, at the latest in the next epoch"
  );
}

function selectionProofIn(kind: Submission["kind"], signed: unknown): Uint8Array | undefined {
  if (kind === "aggregator") return (signed as PartiallySignedOf["aggregator"]).value.message.selectionProof;
  if (kind === "sync-contribution")
    return (signed as PartiallySignedOf["sync-contribution"]).message.selectionProof;
  return undefined;
}
