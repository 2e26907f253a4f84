import { equalBytes } from "../base/index.ts";
import type { Epoch, Root, Slot } from "../spec/index.ts";
import type { AttestationFloor, SignedAttestation, SignedBlock, SlashableVote, Verdict } from "./votes.ts";

/**
 * What the rule asks about one validator's past. Floors are the lowest listed vote or what pruning and imports left behind,
 * whichever is higher.
 */
export interface SigningHistory {
  /** Every attestation on record with this target. */
  attestationsFor(target: Epoch): readonly SignedAttestation[];
  /** Whether one on record has an earlier source and a later target. */
  hasAround(source: Epoch, target: Epoch): boolean;
  /** Whether one on record has a later source and an earlier target. */
  hasWithin(source: Epoch, target: Epoch): boolean;
  attestationFloor(): AttestationFloor | undefined;
  /** Every block on record for this slot. */
  blocksAt(slot: Slot): readonly SignedBlock[];
  blockFloor(): Slot | undefined;
}

const ADMITTED: Verdict = { admitted: true };

/**
 * Whether `vote` may be signed after `history`. Signing the very same thing again is always allowed, since it says nothing
 * new; where the earlier root is unknown it cannot be told to be the same.
 *
 * @spec EIP-3076 "Conditions"; phase0/beacon-chain.md#is_slashable_attestation_data
 */
export function judge(history: SigningHistory, vote: SlashableVote): Verdict {
  return vote.kind === "block"
    ? judgeBlock(history, vote.slot, vote.signingRoot)
    : judgeAttestation(history, vote.source, vote.target, vote.signingRoot);
}

function judgeBlock(history: SigningHistory, slot: Slot, root: Root): Verdict {
  const earlier = history.blocksAt(slot);
  if (earlier.length > 0) return earlier.every((block) => isRoot(block, root)) ? ADMITTED : no("double-vote");

  const floor = history.blockFloor();
  return floor !== undefined && slot <= floor ? no("too-old") : ADMITTED;
}

function judgeAttestation(history: SigningHistory, source: Epoch, target: Epoch, root: Root): Verdict {
  // Not slashable by itself, but it would void the reasoning behind floors; no honest client asks for it.
  if (source > target) return no("source-after-target");

  const earlier = history.attestationsFor(target);
  if (earlier.length > 0) {
    // An imported file may hold two different votes for one target; then neither may be signed again.
    const same = earlier.every((vote) => vote.source === source && isRoot(vote, root));
    return same ? ADMITTED : no("double-vote");
  }
  if (history.hasWithin(source, target)) return no("surrounds");
  if (history.hasAround(source, target)) return no("surrounded");

  const floor = history.attestationFloor();
  const low = floor !== undefined && (source < floor.source || target <= floor.target);
  return low ? no("too-old") : ADMITTED;
}

function isRoot(signed: { readonly signingRoot?: Root }, root: Root): boolean {
  return signed.signingRoot !== undefined && equalBytes(signed.signingRoot, root);
}

function no(reason: Extract<Verdict, { admitted: false }>["reason"]): Verdict {
  return { admitted: false, reason };
}
