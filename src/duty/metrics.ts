import type { Clock, DutyOutcome, Meter, Stage } from "../ports/index.ts";
import { type ChainSpec, type DutyId, dutyDue, dutyMetricName, slotStart } from "../spec/index.ts";

const SECONDS_INTO_SLOT = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 12];

/** Figures of duties: Charon's where it has the same one, and seconds into the slot for each stage. */
export interface DutyMetrics {
  scheduled(duty: DutyId): void;
  /** Measures that a stage was reached just now. */
  stage(
    duty: DutyId,
    stage: Extract<Stage, "fetched" | "decided" | "signed" | "aggregated" | "broadcast">,
  ): void;
  broadcast(duty: DutyId, validators: number): void;
  aggregation(duty: DutyId, seconds: number): void;
  /** A partial signature that is not one of its share. */
  badPartial(duty: DutyId, peer: number): void;
  /** Whether an operator's partial signature was there by the end. */
  participation(duty: DutyId, peer: string, took: boolean): void;
  proposal(blinded: boolean, feeRecipientOurs: boolean): void;
  refused(reason: string): void;
  skippedSlots(count: number): void;
  slot(slot: number, epoch: number): void;
  outcome(outcome: DutyOutcome): void;
  inclusionDelay(slots: number): void;
  notIncluded(duty: DutyId): void;
}

export function createMetrics(meter: Meter, clock: Clock, chain: ChainSpec): DutyMetrics {
  const figures = declareDuties(meter);
  let feeMismatches = 0;
  const labels = (duty: DutyId): { duty: string } => ({ duty: dutyMetricName(duty.kind) });

  return {
    scheduled: (duty) => figures.scheduled.add(1, labels(duty)),
    stage: (duty, stage) =>
      figures.stages[stage].observe((clock.now() - slotStart(chain, duty.slot)) / 1000, labels(duty)),
    broadcast(duty) {
      figures.broadcasts.add(1, labels(duty));
      figures.delay.observe((clock.now() - dutyDue(chain, duty)) / 1000, labels(duty));
    },
    aggregation: (duty, seconds) => figures.aggregation.observe(seconds, labels(duty)),
    badPartial: (duty, peer) => figures.bad.add(1, { ...labels(duty), peer: String(peer) }),
    participation(duty, peer, didTake) {
      const both = { ...labels(duty), peer };
      figures.awaited.add(1, both);
      figures.participation.set(didTake ? 1 : 0, both);
      if (!didTake) return figures.missed.add(1, both);
      figures.took.add(1, both);
      figures.tookToo.add(1, both);
    },
    proposal(isBlinded, feeRecipientOurs) {
      figures.blinded.set(isBlinded ? 1 : 2);
      if (!feeRecipientOurs) figures.feeMismatch.set(++feeMismatches);
    },
    refused: (reason) => figures.refused.add(1, { reason }),
    skippedSlots: (slots) => figures.skipped.add(slots),
    slot(slot, epoch) {
      figures.currentSlot.set(slot);
      figures.currentEpoch.set(epoch);
    },
    outcome({ duty, outcome, cause }) {
      figures.expected.add(1, labels(duty));
      figures.outcomes.add(1, { ...labels(duty), outcome, cause: cause ?? "" });
      if (outcome === "included" || outcome === "broadcast") return figures.succeeded.add(1, labels(duty));
      figures.failed.add(1, labels(duty));
      figures.reasons.add(1, { ...labels(duty), reason: cause ?? "unknown" });
    },
    inclusionDelay: (slots) => figures.inclusionDelay.set(slots),
    notIncluded: (duty) => figures.inclusionMissed.add(1, labels(duty)),
  };
}

/** The figures themselves. */
export function declareDuties(meter: Meter) {
  const count = (
    name: string,
    help: string,
    labels: readonly string[] = ["duty"],
  ): ReturnType<Meter["counter"]> => meter.counter(name, help, labels);
  const intoSlot = (name: string, help: string): ReturnType<Meter["histogram"]> =>
    meter.histogram(
      `trireme_duty_${name}_seconds`,
      `Seconds into the slot when ${help}`,
      ["duty"],
      SECONDS_INTO_SLOT,
    );
  const peerLabels = ["duty", "peer"] as const;
  return {
    scheduled: count("core_scheduler_duty_total", "Duties that were begun"),
    skipped: meter.counter("core_scheduler_skipped_slots_total", "Slots that this node slept through"),
    currentSlot: meter.gauge("core_scheduler_current_slot", "The current slot"),
    currentEpoch: meter.gauge("core_scheduler_current_epoch", "The current epoch"),
    broadcasts: count("core_bcast_broadcast_total", "Signed duties that a beacon node took"),
    delay: meter.histogram(
      "core_bcast_broadcast_delay_seconds",
      "Seconds from the due time to the moment a beacon node took the signed duty",
      ["duty"],
      SECONDS_INTO_SLOT,
    ),
    aggregation: meter.histogram(
      "core_sigagg_slot_aggregation_seconds",
      "Seconds to combine and verify the group signatures of a duty for all validators of its slot",
      ["duty"],
      [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    ),
    stages: {
      fetched: intoSlot("fetched", "the beacon node had given the data"),
      decided: intoSlot("decided", "consensus decided"),
      signed: intoSlot("signed", "our partial signatures were made"),
      aggregated: intoSlot("aggregated", "group signatures were combined and verified"),
      broadcast: intoSlot("broadcast", "the beacon node had taken the signed duty"),
    },
    bad: count("trireme_duty_bad_partials_total", "Partial signatures that were not of their share", [
      "duty",
      "peer",
    ]),
    refused: count("trireme_duty_refused_total", "Signatures that the slashing memory refused, by reason", [
      "reason",
    ]),
    outcomes: count("trireme_duty_outcomes_total", "Ends of duties per validator", [
      "duty",
      "outcome",
      "cause",
    ]),
    expected: count(
      "core_tracker_expect_duties_total",
      "Duties that were due, one per validator, however they ended",
    ),
    failed: count("core_tracker_failed_duties_total", "Duties that failed, one per validator"),
    reasons: count(
      "core_tracker_failed_duty_reasons_total",
      "Failed duties with their cause, see causes.md",
      ["duty", "reason"],
    ),
    succeeded: count("core_tracker_success_duties_total", "Duties that were done, one per validator"),
    took: count(
      "core_tracker_participation_total",
      "Duties for which a partial signature of this operator came",
      peerLabels,
    ),
    tookToo: count(
      "core_tracker_participation_success_total",
      "Duties for which a partial signature of this operator came",
      peerLabels,
    ),
    missed: count(
      "core_tracker_participation_missed_total",
      "Duties for which no partial signature of this operator came",
      peerLabels,
    ),
    awaited: count(
      "core_tracker_participation_expected_total",
      "Duties for which a partial signature of this operator was wanted",
      peerLabels,
    ),
    participation: meter.gauge(
      "core_tracker_participation",
      "1 when this operator signed the latest duty of the kind, else 0",
      peerLabels,
    ),
    inclusionDelay: meter.gauge(
      "core_tracker_inclusion_delay",
      "Slots between an attestation and the block that has it, on average over the validators",
    ),
    inclusionMissed: count(
      "core_tracker_inclusion_missed_total",
      "Duties that were sent and that no block has",
    ),
    blinded: meter.gauge(
      "core_fetcher_proposal_blinded",
      "1 when the latest block came from a builder, 2 when it is the beacon node's own",
    ),
    feeMismatch: meter.gauge(
      "core_fetcher_proposal_local_mismatch_fee_recipient",
      "Local blocks that pay somebody else than the lock's fee recipient",
    ),
  };
}

/** Figures of the schedule. */
export function scheduleMetrics(meter: Meter) {
  return {
    active: meter.gauge("core_scheduler_validators_active", "Number of active validators"),
    status: meter.gauge(
      "core_scheduler_validator_status",
      "1 at the status that a validator has on the chain, 0 at those it had before",
      ["pubkey_full", "pubkey", "status"],
    ),
  };
}

/** Figures of the exchange of partial signatures. */
export function exchangeMetrics(meter: Meter) {
  return {
    dropped: meter.counter(
      "trireme_duty_partials_dropped_total",
      "Partial signatures of peers that were not kept, by reason",
      ["peer", "reason"],
    ),
    stored: meter.histogram(
      "core_parsigdb_store",
      "Seconds from a duty's due time to the arrival of an operator's partial signatures",
      ["duty", "peer_idx"],
      [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12],
    ),
  };
}
