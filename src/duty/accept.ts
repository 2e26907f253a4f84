import { equalBytes, type Hex, toHex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import type { AttesterDuty, Proposal, ProposerDuty } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  epochOf,
  type ForkName,
  forkAt,
  type GroupKey,
  isForkPostElectra,
  isForkPostGloas,
  type Slot,
} from "../spec/index.ts";
import { MAX_COMMITTEES_PER_SLOT, type UnsignedAttestation } from "./codec/attestation.ts";
import type { AgreedKind } from "./codec/kinds.ts";
import { decodeUnsignedSet } from "./codec/sets.ts";

/** @spec phase0 MAX_VALIDATORS_PER_COMMITTEE */
const MAX_COMMITTEE_LENGTH = 2_048;

// Two questions about a value. Before we vote for it: is it what this duty needs, as far as we can tell (`acceptable`)?
// After a quorum decided it, perhaps without our vote: may our share sign this part of it (`signable`)?

/** Whether a vote can be one for `slot`. Whose duty it is does not matter here. */
export function isSignableVote(chain: ChainSpec, slot: Slot, { data, duty }: UnsignedAttestation): boolean {
  const epoch = epochOf(chain, slot);
  const sourceFits = data.source.epoch < data.target.epoch || (epoch === 0 && data.source.epoch === 0);
  return (
    data.slot === slot &&
    duty.slot === slot &&
    data.target.epoch === epoch &&
    sourceFits &&
    duty.committeeIndex < MAX_COMMITTEES_PER_SLOT &&
    duty.committeeLength <= MAX_COMMITTEE_LENGTH &&
    duty.validatorCommitteeIndex < duty.committeeLength &&
    fitsIndex(forkAt(chain, slot), data.index, duty)
  );
}

/**
 * What a vote's index says depends on the fork: the committee; nothing since Electra, where the committee is outside of
 * what is signed (EIP-7549); from Gloas on whether the block's payload was there, which the operators agree on with the
 * rest of the vote (EIP-7732).
 */
function fitsIndex(fork: ForkName, index: number, { committeeIndex }: AttesterDuty): boolean {
  if (isForkPostGloas(fork)) return index <= 1;
  return index === (isForkPostElectra(fork) ? 0 : committeeIndex);
}

/**
 * The votes of a value that is a proposal: every validator of ours is in it, with the duty that we know, and nobody else,
 * since a leader that leaves some out would take their duties from them. Those whose duty has moved away since the slot's
 * duty began, with a reorganisation, are left out by everybody who knows of it. Undefined for anything else.
 *
 * @param how.complete - Left out when every operator has led in vain: then beacon nodes know different duties, and the
 *   votes on which all can agree are better than none. Who has which duty is not part of what is signed.
 * @param how.elsewhere - Whether a validator is known to vote in another slot of the epoch. Such a one is in no value at any
 *   time: once it was named here, the slashing memory would refuse its real vote.
 */
export function acceptableVotes(
  chain: ChainSpec,
  id: DutyId,
  duties: ReadonlyMap<GroupKey, AttesterDuty>,
  value: ConsensusValue,
  how: { readonly complete: boolean; readonly elsewhere: (groupKey: GroupKey) => boolean },
): readonly UnsignedAttestation[] | undefined {
  const set = decodeOrNothing("attester", value);
  if (set === undefined || ![...set.values()].every((vote) => isSignableVote(chain, id.slot, vote)))
    return undefined;
  if ([...set.keys()].some(how.elsewhere)) return undefined;
  const known = [...set].filter(([groupKey, { duty }]) => {
    const own = duties.get(groupKey);
    return own !== undefined && (!how.complete || sameDuty(own, duty));
  });
  const ours = [...duties.keys()].filter((groupKey) => !how.elsewhere(groupKey)).length;
  return isWhole({ known: known.length, named: set.size, ours }, how) ? [...set.values()] : undefined;
}

/** Whether a value about `named` validators, `known` of which are such as we know them, is about the right ones. */
function isWhole(
  { known, named, ours }: { readonly known: number; readonly named: number; readonly ours: number },
  { complete }: { readonly complete: boolean },
): boolean {
  return known > 0 && (!complete || (known === named && named === ours));
}

/**
 * Whether a value that is a proposal has something right for every validator of ours that is known to aggregate here, and
 * for nobody else.
 *
 * @param fits - Whether it is right for one of ours.
 * @param how.complete - Left out when every operator has led in vain: then selection proofs have reached some operators and
 *   not others, and whoever knows fewer aggregators signs for these.
 */
export function acceptableAggregates<T>(
  aggregators: ReadonlyMap<GroupKey, unknown>,
  set: ReadonlyMap<GroupKey, T>,
  fits: (groupKey: GroupKey, one: T) => boolean,
  how: { readonly complete: boolean },
): boolean {
  const known = [...set].filter(([groupKey]) => aggregators.has(groupKey));
  return (
    isWhole({ known: known.length, named: set.size, ours: aggregators.size }, how) &&
    known.every(([groupKey, one]) => fits(groupKey, one))
  );
}

function sameDuty(a: AttesterDuty, b: AttesterDuty): boolean {
  return (
    a.pubkey === b.pubkey &&
    a.validatorIndex === b.validatorIndex &&
    a.committeeIndex === b.committeeIndex &&
    a.committeeLength === b.committeeLength &&
    a.committeesAtSlot === b.committeesAtSlot &&
    a.validatorCommitteeIndex === b.validatorCommitteeIndex
  );
}

/** Whether a block can be the one of `slot`. */
export function isSignableBlock(chain: ChainSpec, slot: Slot, proposal: Proposal): boolean {
  return proposal.block.slot === slot && proposal.fork === forkAt(chain, slot);
}

/** What a block has to be like beside being one of the slot by the right proposer. */
export interface BlockTerms {
  /** The randao that the cluster made; undefined while that is not known here. */
  readonly randaoReveal: Uint8Array | undefined;
  /** Who may be paid; anybody where nothing is known. "0x…", lower case. */
  readonly feeRecipients: readonly Hex[];
  /** Whether the block may be blinded, so that nobody can tell whom it pays. */
  readonly builders: boolean;
}

/**
 * The blocks of a value that is a proposal: one for each validator with the duty, for the slot, by the right proposer, on
 * the terms of its validator. Undefined for anything else.
 */
export function acceptableBlocks(
  chain: ChainSpec,
  id: DutyId,
  duties: ReadonlyMap<GroupKey, ProposerDuty>,
  terms: (groupKey: GroupKey) => BlockTerms,
  value: ConsensusValue,
): readonly Proposal[] | undefined {
  const set = decodeOrNothing("proposer", value);
  if (set === undefined || set.size !== duties.size) return undefined;
  const fits = ([groupKey, proposal]: readonly [GroupKey, Proposal]): boolean => {
    const { block, blinded } = proposal;
    const { randaoReveal, feeRecipients, builders } = terms(groupKey);
    const paid = feeRecipientOf(proposal);
    return (
      isSignableBlock(chain, id.slot, proposal) &&
      // A block and its blinded form have one root: a leader could make a block that pays itself, and show the header alone.
      (builders || !blinded) &&
      block.proposerIndex === duties.get(groupKey)?.validatorIndex &&
      (randaoReveal === undefined || equalBytes(block.body.randaoReveal, randaoReveal)) &&
      (paid === undefined || feeRecipients.length === 0 || feeRecipients.includes(paid))
    );
  };
  return [...set].every(fits) ? [...set.values()] : undefined;
}

/** Whom a block pays. Undefined for a builder's: a builder pays in its own way, which the header does not show. */
export function feeRecipientOf({ blinded, block }: Proposal): Hex | undefined {
  const { executionPayload } = block.body as {
    readonly executionPayload?: { readonly feeRecipient: Uint8Array };
  };
  return blinded || executionPayload === undefined ? undefined : toHex(executionPayload.feeRecipient);
}

/** What a value holds; undefined for one that no honest operator proposes. */
export function decodeOrNothing<K extends AgreedKind>(
  kind: K,
  value: ConsensusValue,
): ReturnType<typeof decodeUnsignedSet<K>> | undefined {
  try {
    return decodeUnsignedSet(kind, value);
  } catch {
    return undefined;
  }
}
