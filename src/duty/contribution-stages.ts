import { equalBytes, toHex } from "../base/index.ts";
import type { SyncDuty } from "../ports/index.ts";
import {
  type altair,
  type GroupKey,
  isSyncAggregator,
  type Root,
  type Slot,
  SYNC_SUBCOMMITTEES,
  subcommitteesOf,
} from "../spec/index.ts";
import { acceptableAggregates, decodeOrNothing } from "./accept.ts";
import { agree, allHaveLed, type Opinion, refuse } from "./agree.ts";
import { broadcastAndFinish } from "./broadcast.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import type { ToSign } from "./guard.ts";
import type { Known } from "./known.ts";
import { partName } from "./known-by-slot.ts";
import type { AgreedStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

type Contribution = altair.SyncCommitteeContribution;

/** A validator with the subcommittees in which it contributes. */
export interface ContributorDuty {
  readonly validatorIndex: number;
  readonly subcommittees: readonly number[];
}
type ContributionSlot = SlotDuty<ContributorDuty>;
/** Whether a contribution is right for one of ours. */
type Fit = (groupKey: GroupKey, contribution: Contribution) => boolean;

/** Those of the sync committee's members whom their selection proofs make aggregators, as far as the proofs are there. */
export function contributorsAmong(
  known: Known,
  slot: Slot,
  members: ReadonlyMap<GroupKey, SyncDuty>,
): ReadonlyMap<GroupKey, ContributorDuty> {
  const contributors = [...members].map(([groupKey, { validatorIndex, positions }]) => {
    const subcommittees = subcommitteesOf(positions).filter((part) => {
      const proof = known.syncSelections.known(slot, partName(groupKey, part));
      return proof !== undefined && isSyncAggregator(proof);
    });
    return [groupKey, { validatorIndex, subcommittees }] as const;
  });
  return new Map(contributors.filter(([, { subcommittees }]) => subcommittees.length > 0));
}

/**
 * The messages of each subcommittee in which one of ours aggregates.
 *
 * @param more.several - Whether every operator reads more than one contribution of a validator in a value; Charon does
 *   from v1.11 on. Without, each validator contributes in its first subcommittee alone, as in Charon before.
 * @spec altair/validator.md#construct-sync-committee-contribution
 */
export function createContributionStages(
  context: DutyContext,
  known: Known,
  more: { readonly several: (slot: Slot) => boolean },
): AgreedStages<ContributorDuty, altair.ContributionAndProof> {
  const { beacon } = context;
  const codec = signedCodecs["sync-contribution"];
  /** How many contributions each validator makes, as far as we know. */
  const count = (slot: Slot): number => (more.several(slot) ? SYNC_SUBCOMMITTEES : 1);

  return {
    async fetch(duty, signal) {
      const ask = () => fetchContributions(context, known, duty, count(duty.id.slot), signal);
      const set = await fetching(context, duty, "Sync contribution", ask, signal);
      return encodeUnsignedSet("sync-contribution", set);
    },

    async agree(duty, proposal, signal) {
      const fit: Fit = (groupKey, contribution) => fits(known, duty, groupKey, contribution);
      const acceptable: Opinion = (value, round) => {
        const set = decodeOrNothing("sync-contribution", value);
        const complete = !allHaveLed(context, round);
        // How many contributions of a validator there are depends on what the leader takes for agreed; one is there at least.
        const good = (groupKey: GroupKey, contributions: readonly Contribution[]): boolean =>
          contributions.length > 0 &&
          contributions.every((one) => fit(groupKey, one)) &&
          oneEach(contributions).length === contributions.length;
        return (
          (set !== undefined && acceptableAggregates(duty.validators, set, good, { complete })) ||
          refuse(context, duty, "not the contributions of this slot")
        );
      };
      const decided = await agree(context, "sync-contribution", duty, { proposal, acceptable }, signal);
      return ours(context, known, duty, decided, fit);
    },

    guard: (_duty, decided) => Promise.resolve(decided), // Nothing in it can be slashed.

    offer: (duty, admitted, signal) =>
      signAndOffer(
        context,
        duty,
        admitted,
        ({ value }, signature) => codec.encode({ message: value, signature }),
        signal,
      ),

    collect(duty, signal) {
      const each = count(duty.id.slot);
      const expected = [...duty.validators].flatMap(([groupKey, { subcommittees }]) =>
        subcommittees.slice(0, each).map(() => groupKey),
      );
      return collect(context, duty, signal, expected);
    },

    async broadcast(duty, signed, signal) {
      const contributions = signed.filter(({ groupKey }) => duty.validators.has(groupKey));
      const groupKeys = contributions.map(({ groupKey }) => groupKey);
      const publish = (): Promise<void> =>
        beacon.publishContributions(
          contributions.map(({ data, signature }) => ({ ...codec.decode(data), signature })),
          signal,
        );
      await broadcastAndFinish(context, duty, groupKeys, publish, signal);
    },
  };
}

/** @param count - How many of each validator, from its first subcommittee on. */
async function fetchContributions(
  { beacon }: DutyContext,
  known: Known,
  { id: { slot }, validators }: ContributionSlot,
  count: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<GroupKey, readonly Contribution[]>> {
  const fetched = new Map<string, Promise<Contribution>>();
  const entries = [...validators].map(async ([groupKey, { subcommittees }]) => {
    const root = await known.syncRoots.wait(slot, groupKey, signal);
    const contributions = subcommittees.slice(0, count).map((subcommittee) => {
      const name = `${subcommittee}/${toHex(root)}`;
      const asked = fetched.get(name) ?? beacon.syncContribution(slot, subcommittee, root, signal);
      fetched.set(name, asked);
      return asked;
    });
    return [groupKey, await Promise.all(contributions)] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Whether it is of this slot, of a subcommittee in which the validator aggregates, and about the block it signed. */
function fits(
  known: Known,
  { id: { slot }, validators }: ContributionSlot,
  groupKey: GroupKey,
  contribution: Contribution,
): boolean {
  const root: Root | undefined = known.syncRoots.known(slot, groupKey);
  return (
    contribution.slot === slot &&
    validators.get(groupKey)?.subcommittees.includes(contribution.subcommitteeIndex) === true &&
    (root === undefined || equalBytes(root, contribution.beaconBlockRoot))
  );
}

/** The part of a decision that our share may sign, with the cluster's selection proofs. */
function ours(
  { chain }: DutyContext,
  known: Known,
  duty: ContributionSlot,
  decided: ReadonlyMap<GroupKey, readonly Contribution[]>,
  fit: Fit,
): readonly ToSign<altair.ContributionAndProof>[] {
  return [...duty.validators].flatMap(([groupKey, { validatorIndex }]) => {
    const contributions = oneEach((decided.get(groupKey) ?? []).filter((one) => fit(groupKey, one)));
    if (contributions.length === 0) duty.record.blame("left-out", [groupKey]);
    return contributions.flatMap((contribution) => {
      const part = contribution.subcommitteeIndex;
      const selectionProof = known.syncSelections.known(duty.id.slot, partName(groupKey, part));
      if (selectionProof === undefined) return [];
      const message = { aggregatorIndex: validatorIndex, contribution, selectionProof };
      const signed = { message, signature: NO_SIGNATURE };
      const root = signedCodecs["sync-contribution"].signingRoot(signed, chain) as Root;
      return [{ groupKey, part, root, value: message }];
    });
  });
}

const NO_SIGNATURE = new Uint8Array(96);

/** The first of each subcommittee: a share signs one contribution of each, and all have to take the same one. */
function oneEach(contributions: readonly Contribution[]): readonly Contribution[] {
  const found = new Map<number, Contribution>();
  for (const one of contributions)
    if (!found.has(one.subcommitteeIndex)) found.set(one.subcommitteeIndex, one);
  return [...found.values()];
}
