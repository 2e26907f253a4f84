import { equalBytes, toHex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import type { SyncDuty } from "../ports/index.ts";
import {
  type altair,
  dutyName,
  type GroupKey,
  isSyncAggregator,
  type Root,
  type Slot,
  subcommitteesOf,
} from "../spec/index.ts";
import { acceptableAggregates, decodeOrNothing } from "./accept.ts";
import { broadcastAndFinish } from "./broadcast.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
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
  const { chain, cluster, consensus, beacon, log, metrics } = context;
  const codec = signedCodecs["sync-contribution"];

  async function fetchContributions(
    { id: { slot }, validators }: ContributionSlot,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<GroupKey, readonly Contribution[]>> {
    const fetched = new Map<string, Promise<Contribution>>();
    const several = more.several(slot);
    const entries = [...validators].map(async ([groupKey, { subcommittees }]) => {
      const root = await known.syncRoots.wait(slot, groupKey, signal);
      const contributions = subcommittees.slice(0, several ? undefined : 1).map((subcommittee) => {
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
  function fits(duty: ContributionSlot, groupKey: GroupKey, contribution: Contribution): boolean {
    const root: Root | undefined = known.syncRoots.known(duty.id.slot, groupKey);
    return (
      contribution.slot === duty.id.slot &&
      duty.validators.get(groupKey)?.subcommittees.includes(contribution.subcommitteeIndex) === true &&
      (root === undefined || equalBytes(root, contribution.beaconBlockRoot))
    );
  }

  return {
    async fetch(duty, signal) {
      const ask = () => fetchContributions(duty, signal);
      const set = await fetching(context, duty, "Sync contribution", ask, signal);
      return encodeUnsignedSet("sync-contribution", set);
    },

    async agree(duty, proposal, signal) {
      const acceptable = (value: ConsensusValue, round: number): boolean => {
        const set = decodeOrNothing("sync-contribution", value);
        const complete = round <= cluster.operators.length;
        // How many contributions of a validator there are depends on what the leader takes for agreed; one is there at least.
        const fit = (key: GroupKey, contributions: readonly Contribution[]): boolean =>
          contributions.length > 0 &&
          contributions.every((one) => fits(duty, key, one)) &&
          oneEach(contributions).length === contributions.length;
        const good = set !== undefined && acceptableAggregates(duty.validators, set, fit, { complete });
        if (!good) log.warn("A proposed value is not acceptable", { duty: dutyName(duty.id) });
        return good;
      };
      const { value, round } = await consensus.agree(duty.id, { proposal, acceptable }, signal);
      metrics.stage(duty.id, "decided");
      duty.record.note("decided", { round });
      const decided = decodeUnsignedSet("sync-contribution", value);
      return [...duty.validators].flatMap(([groupKey, { validatorIndex }]) => {
        const fitting = (decided.get(groupKey) ?? []).filter((one) => fits(duty, groupKey, one));
        const contributions = oneEach(fitting);
        if (contributions.length === 0) duty.record.blame("left-out", [groupKey]);
        return contributions.flatMap((contribution) => {
          const part = contribution.subcommitteeIndex;
          const selectionProof = known.syncSelections.known(duty.id.slot, partName(groupKey, part));
          if (selectionProof === undefined) return [];
          const message = { aggregatorIndex: validatorIndex, contribution, selectionProof };
          const root = codec.signingRoot({ message, signature: NO_SIGNATURE }, chain) as Root;
          return [{ groupKey, part, root, value: message }];
        });
      });
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

    collect: (duty, signal) =>
      collect(
        context,
        duty,
        signal,
        [...duty.validators.values()].reduce(
          (sum, { subcommittees }) => sum + (more.several(duty.id.slot) ? subcommittees.length : 1),
          0,
        ),
      ),

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

const NO_SIGNATURE = new Uint8Array(96);

/** The first of each subcommittee: a share signs one contribution of each, and all have to take the same one. */
function oneEach(contributions: readonly Contribution[]): readonly Contribution[] {
  const found = new Map<number, Contribution>();
  for (const one of contributions)
    if (!found.has(one.subcommitteeIndex)) found.set(one.subcommitteeIndex, one);
  return [...found.values()];
}
