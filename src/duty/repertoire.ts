import type { AttesterDuty, ProposerDuty, SyncDuty } from "../ports/index.ts";
import type { DutyId, DutyKind, GroupKey, Slot } from "../spec/index.ts";
import { aggregatorsAmong, createAggregatorStages } from "./aggregator-stages.ts";
import { createAttesterStages } from "./attester-stages.ts";
import type { DutyContext } from "./context.ts";
import { type ContributorDuty, contributorsAmong, createContributionStages } from "./contribution-stages.ts";
import type { DutyTable } from "./duty-table.ts";
import type { Inclusion } from "./inclusion.ts";
import type { Known } from "./known.ts";
import { LIMITS } from "./limits.ts";
import { createRandaoStages, createSelectionStages, createSyncSelectionStages } from "./proof-stages.ts";
import { createProposerStages, type ProposerOptions } from "./proposer-stages.ts";
import type { Registrations } from "./registrations.ts";
import { performAgreedDuty, performProofDuty, performSyncMessageDuty } from "./scripts.ts";
import type { Script } from "./slot-duty.ts";
import { createSyncMessageStages } from "./sync-message-stages.ts";
import type { VoteTimes } from "./vote-times.ts";

/** One kind of duty: when it begins, for whom, and by which script. */
export interface Act {
  readonly kind: DutyKind;
  /**
   * Slots before its own, at whose start it begins; "due": at its due time; "ahead" (a slot) and "early" (as soon as its
   * duties are known): in the quiet middle of a slot, since nobody waits for it and proposals and votes must not.
   */
  readonly begins: number | "due" | "ahead" | "early";
  readonly start: (slot: Slot) => void;
  /** How many validators have it in a slot. */
  readonly size: (slot: Slot) => number;
}

export interface RepertoireOptions extends ProposerOptions {
  /** Whether enough operators read several sync contributions of one validator in a value; never when left out. */
  readonly severalContributions?: (slot: Slot) => boolean | undefined;
}

/** Every kind of duty that is done slot by slot. */
export function createRepertoire(
  context: DutyContext,
  more: {
    readonly known: Known;
    readonly inclusion: Inclusion;
    readonly voteTimes: VoteTimes;
    readonly duties: DutyTable;
    readonly registrations: Registrations;
    /** Begins a duty unless it has begun. */
    readonly begin: <D>(id: DutyId, validators: ReadonlyMap<GroupKey, D>, perform: Script<D>) => void;
    readonly options: RepertoireOptions;
  },
): readonly Act[] {
  const { known, inclusion, duties, registrations, options } = more;
  const voteTime = (slot: Slot, signal: AbortSignal) => more.voteTimes.wait(slot, signal);
  const several = (slot: Slot) => options.severalContributions?.(slot);
  const randaoLeadSlots = Math.max(1, Math.ceil(LIMITS.randaoLeadMs / context.chain.slotMs));

  function act<D>(
    kind: DutyKind,
    begins: Act["begins"],
    validators: (slot: Slot) => ReadonlyMap<GroupKey, D>,
    perform: Script<D>,
  ): Act {
    return {
      kind,
      begins,
      start: (slot) => more.begin({ slot, kind }, validators(slot), perform),
      size: (slot) => validators(slot).size,
    };
  }

  const attesters = (slot: Slot) => duties.attestersAt(slot);
  const proposers = (slot: Slot) => duties.proposersAt(slot);
  const members = (slot: Slot) => duties.syncMembersAt(slot);
  const aggregators = (slot: Slot) => aggregatorsAmong(known, slot, attesters(slot));
  const contributors = (slot: Slot) => contributorsAmong(known, slot, members(slot));

  const attester = createAttesterStages(context, { voteTime, inclusion, known, duties });
  const randao = createRandaoStages(context, known);
  const proposer = createProposerStages(context, { known, inclusion, registrations, options });
  const selection = createSelectionStages(context, known);
  const aggregator = createAggregatorStages(context, known);
  const syncMessage = createSyncMessageStages(context, known, { voteTime });
  const syncSelection = createSyncSelectionStages(context, known, { several });
  const contribution = createContributionStages(context, known, {
    several: (slot) => several(slot) === true,
  });

  return [
    act<AttesterDuty>("attester", 0, attesters, (duty, signal) => performAgreedDuty(duty, attester, signal)),
    act<ProposerDuty>("randao", randaoLeadSlots, proposers, (duty, signal) =>
      performProofDuty(duty, randao, signal),
    ),
    act<ProposerDuty>("proposer", 0, proposers, (duty, signal) => performAgreedDuty(duty, proposer, signal)),
    act<SyncDuty>("sync-message", 0, members, (duty, signal) =>
      performSyncMessageDuty(duty, syncMessage, signal),
    ),
    act<AttesterDuty>("prepare-aggregator", "early", attesters, (duty, signal) =>
      performProofDuty(duty, selection, signal),
    ),
    act<AttesterDuty>("aggregator", "due", aggregators, (duty, signal) =>
      performAgreedDuty(duty, aggregator, signal),
    ),
    act<SyncDuty>("prepare-sync-contribution", "ahead", members, (duty, signal) =>
      performProofDuty(duty, syncSelection, signal),
    ),
    act<ContributorDuty>("sync-contribution", "due", contributors, (duty, signal) =>
      performAgreedDuty(duty, contribution, signal),
    ),
  ];
}
