import type { AttesterDuty, ProposerDuty, SyncDuty } from "../ports/index.ts";
import {
  domainAt,
  epochOf,
  type GroupKey,
  type Root,
  type Slot,
  SYNC_SUBCOMMITTEES,
  signingRoot,
  ssz,
  subcommitteesOf,
} from "../spec/index.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { encodeRandao, randaoSigningRoot } from "./codec/randao.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import type { ToSign } from "./guard.ts";
import type { Known } from "./known.ts";
import { partName } from "./known-by-slot.ts";
import type { ProofStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

// Signatures of what all operators know beforehand: there is nothing to fetch, to agree on, or to be slashed for.

interface Proof<D, T> {
  /** What each validator signs, one or more parts of it. */
  readonly items: (duty: SlotDuty<D>) => readonly ToSign<T>[];
  readonly encode: (item: ToSign<T>, signature: Uint8Array) => Uint8Array;
  readonly keep: (slot: Slot, groupKey: GroupKey, part: number, signature: Uint8Array) => void;
}

function createProofStages<D, T>(context: DutyContext, proof: Proof<D, T>): ProofStages<D> {
  return {
    offer: (duty, signal) => signAndOffer(context, duty, proof.items(duty), proof.encode, signal),
    collect(duty, signal) {
      const expected = proof.items(duty).map(({ groupKey }) => groupKey);
      return collect(context, duty, signal, expected);
    },
    reveal(duty, signed) {
      for (const { groupKey, part, signature } of signed) proof.keep(duty.id.slot, groupKey, part, signature);
      const groupKeys = signed.map(({ groupKey }) => groupKey);
      for (const groupKey of groupKeys) duty.record.finish(groupKey, "broadcast");
      duty.record.signed(groupKeys);
    },
  };
}

/** The proposer's share of the chain's randomness, made before its slot so that the block can be requested when it starts. */
export function createRandaoStages(context: DutyContext, known: Known): ProofStages<ProposerDuty> {
  return createProofStages(context, {
    items({ id, validators }) {
      const epoch = epochOf(context.chain, id.slot);
      const root = randaoSigningRoot(context.chain, epoch);
      return [...validators.keys()].map((groupKey) => ({ groupKey, root, value: epoch }));
    },
    encode: ({ value }, signature) => encodeRandao({ epoch: value, signature }),
    keep: (slot, groupKey, _part, signature) => known.randaos.set(slot, groupKey, signature),
  });
}

/** Whether a validator has to aggregate its committee's votes. @spec phase0/validator.md#aggregation-selection */
export function createSelectionStages(context: DutyContext, known: Known): ProofStages<AttesterDuty> {
  const { chain } = context;
  return createProofStages(context, {
    items({ id: { slot }, validators }) {
      const domain = domainAt(chain, "selectionProof", epochOf(chain, slot));
      const root: Root = signingRoot(ssz.Slot.hashTreeRoot(slot), domain);
      return [...validators].map(([groupKey, { validatorIndex }]) => ({
        groupKey,
        root,
        value: { validatorIndex, slot },
      }));
    },
    encode: ({ value }, selectionProof) =>
      signedCodecs["prepare-aggregator"].encode({ ...value, selectionProof }),
    keep: (slot, groupKey, _part, signature) => known.selections.set(slot, groupKey, signature),
  });
}

/**
 * The same for each sync subcommittee with a seat of the validator.
 *
 * @param more.several - Whether operators read several selections of a validator; undefined when that is not known yet. Charon
 *   before v1.11 keeps one: the last that its validator client names, whose order is that of the subcommittees. It refuses
 *   another one with an error, so a cluster with such Charons gets that one alone.
 * @spec altair/validator.md#aggregation-selection
 */
export function createSyncSelectionStages(
  context: DutyContext,
  known: Known,
  more: { readonly several: (slot: Slot) => boolean | undefined },
): ProofStages<SyncDuty> {
  const { chain } = context;
  return createProofStages(context, {
    items({ id: { slot }, validators }) {
      const domain = domainAt(chain, "syncSelectionProof", epochOf(chain, slot));
      // Hundreds of validators sign the same few.
      const roots = Array.from({ length: SYNC_SUBCOMMITTEES }, (_, subcommitteeIndex) =>
        signingRoot(ssz.altair.SyncAggregatorSelectionData.hashTreeRoot({ slot, subcommitteeIndex }), domain),
      );
      const from = more.several(slot) === false ? -1 : 0;
      return [...validators].flatMap(([groupKey, { validatorIndex, positions }]) =>
        subcommitteesOf(positions)
          .slice(from)
          .map((part) => ({
            groupKey,
            part,
            root: roots[part] as Root,
            value: { validatorIndex, slot, subcommitteeIndex: part },
          })),
      );
    },
    encode: ({ value }, selectionProof) =>
      signedCodecs["prepare-sync-contribution"].encode({ ...value, selectionProof }),
    keep: (slot, groupKey, part, signature) =>
      known.syncSelections.set(slot, partName(groupKey, part), signature),
  });
}
