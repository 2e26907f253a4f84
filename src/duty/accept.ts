import { equalBytes } from "../base/index.ts";
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
 * Whether every validator of ours is in the value, with the duty that we know, and nobody else. A leader that leaves
 * some out would take their duties from them, so its value is no proposal.
 */
export function acceptableVotes(
  chain: ChainSpec,
  id: DutyId,
  duties: ReadonlyMap<GroupKey, AttesterDuty>,
  value: ConsensusValue,
): boolean {
  const set = decodeOrNothing("attester", value);
  if (set === undefined || set.size !== duties.size) return false;
  return [...set].every(([groupKey, vote]) => {
    const known = duties.get(groupKey);
    return known !== undefined && isSignableVote(chain, id.slot, vote) && sameDuty(known, vote.duty);
  });
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

/** Whether the value is one block for the slot by the right proposer, with the randao that the cluster made. */
export function acceptableBlock(
  chain: ChainSpec,
  id: DutyId,
  duties: ReadonlyMap<GroupKey, ProposerDuty>,
  randaoReveal: Uint8Array | undefined,
  value: ConsensusValue,
): boolean {
  const set = decodeOrNothing("proposer", value);
  if (set === undefined || set.size !== duties.size) return false;
  return [...set].every(([groupKey, proposal]) => {
    const { block } = proposal;
    return (
      isSignableBlock(chain, id.slot, proposal) &&
      block.proposerIndex === duties.get(groupKey)?.validatorIndex &&
      (randaoReveal === undefined || equalBytes(block.body.randaoReveal, randaoReveal))
    );
  });
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
