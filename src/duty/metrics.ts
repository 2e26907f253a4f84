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
  const scheduled = count("core_scheduler_duty_total", "Duties that were begun");
  const skipped = meter.counter("core_scheduler_skipped_slots_total", "Slots that this node slept through");
  const currentSlot = meter.gauge("core_scheduler_current_slot", "The current slot");
  const currentEpoch = meter.gauge("core_scheduler_current_epoch", "The current epoch");
  const broadcasts = count("core_bcast_broadcast_total", "Signed duties that a beacon node took");
  const delay = meter.histogram(
    "core_bcast_broadcast_delay_seconds",
    "Seconds from the due time to the moment a beacon node took the signed duty",
    ["duty"],
    SECONDS_INTO_SLOT,
  );
  const aggregation = meter.histogram(
    "core_sigagg_slot_aggregation_seconds",
    "Seconds to combine and verify the group signatures of a duty for all validators of its slot",
    ["duty"],
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  );
  const stages = {
    fetched: intoSlot("fetched", "the beacon node had given the data"),
    decided: intoSlot("decided", "consensus decided"),
    signed: intoSlot("signed", "our partial signatures were made"),
    aggregated: intoSlot("aggregated", "group signatures were combined and verified"),
    broadcast: intoSlot("broadcast", "the beacon node had taken the signed duty"),
  };
  const bad = count("trireme_duty_bad_partials_total", "Partial signatures that were not of their share", [
    "duty",
    "peer",
  ]);
  const refused = count(
    "trireme_duty_refused_total",
    "Signatures that the slashing memory refused, by reason",
    ["reason"],
  );
  const outcomes = count("trireme_duty_outcomes_total", "Ends of duties per validator", [
    "duty",
    "outcome",
    "cause",
  ]);
  const expected = count(
    "core_tracker_expect_duties_total",
    "Duties that were due, one per validator, however they ended",
  );
  const failed = count("core_tracker_failed_duties_total", "Duties that failed, one per validator");
  const reasons = count(
    "core_tracker_failed_duty_reasons_total",
    "Failed duties with their cause, see causes.md",
    ["duty", "reason"],
  );
  const succeeded = count("core_tracker_success_duties_total", "Duties that were done, one per validator");
  const peerLabels = ["duty", "peer"] as const;
  const took = count(
    "core_tracker_participation_total",
    "Duties for which a partial signature of this operator came",
    peerLabels,
  );
  const tookToo = count(
    "core_tracker_participation_success_total",
    "Duties for which a partial signature of this operator came",
    peerLabels,
  );
  const missed = count(
    "core_tracker_participation_missed_total",
    "Duties for which no partial signature of this operator came",
    peerLabels,
  );
  const awaited = count(
    "core_tracker_participation_expected_total",
    "Duties for which a partial signature of this operator was wanted",
    peerLabels,
  );
  const participation = meter.gauge(
    "core_tracker_participation",
    "1 when this operator signed the latest duty of the kind, else 0",
    peerLabels,
  );
  const inclusionDelay = meter.gauge(
    "core_tracker_inclusion_delay",
    "Slots between an attestation and the block that has it, on average over the validators",
  );
  const inclusionMissed = count(
    "core_tracker_inclusion_missed_total",
    "Duties that were sent and that no block has",
  );
  const blinded = meter.gauge(
    "core_fetcher_proposal_blinded",
    "1 when the latest block came from a builder, 2 when it is the beacon node's own",
  );
  const feeMismatch = meter.gauge(
    "core_fetcher_proposal_local_mismatch_fee_recipient",
    "Local blocks that pay somebody else than the lock's fee recipient",
  );
  let feeMismatches = 0;
  const labels = (duty: DutyId): { duty: string } => ({ duty: dutyMetricName(duty.kind) });

  return {
    scheduled: (duty) => scheduled.add(1, labels(duty)),
    stage: (duty, stage) =>
      stages[stage].observe((clock.now() - slotStart(chain, duty.slot)) / 1000, labels(duty)),
    broadcast(duty) {
      broadcasts.add(1, labels(duty));
      delay.observe((clock.now() - dutyDue(chain, duty)) / 1000, labels(duty));
    },
    aggregation: (duty, seconds) => aggregation.observe(seconds, labels(duty)),
    badPartial: (duty, peer) => bad.add(1, { ...labels(duty), peer: String(peer) }),
    participation(duty, peer, didTake) {
      const both = { ...labels(duty), peer };
      awaited.add(1, both);
      participation.set(didTake ? 1 : 0, both);
      if (!didTake) return missed.add(1, both);
      took.add(1, both);
      tookToo.add(1, both);
    },
    proposal(isBlinded, feeRecipientOurs) {
      blinded.set(isBlinded ? 1 : 2);
      if (!feeRecipientOurs) feeMismatch.set(++feeMismatches);
    },
    refused: (reason) => refused.add(1, { reason }),
    skippedSlots: (slots) => skipped.add(slots),
    slot(slot, epoch) {
      currentSlot.set(slot);
      currentEpoch.set(epoch);
    },
    outcome({ duty, outcome, cause }) {
      expected.add(1, labels(duty));
      outcomes.add(1, { ...labels(duty), outcome, cause: cause ?? "" });
      if (outcome === "included" || outcome === "broadcast") return succeeded.add(1, labels(duty));
      failed.add(1, labels(duty));
      reasons.add(1, { ...labels(duty), reason: cause ?? "unknown" });
    },
    inclusionDelay: (slots) => inclusionDelay.set(slots),
    notIncluded: (duty) => inclusionMissed.add(1, labels(duty)),
  };
}
