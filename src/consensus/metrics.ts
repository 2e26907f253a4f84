import type { Meter } from "../ports/index.ts";
import { type DutyId, dutyMetricName, type OperatorIndex } from "../spec/index.ts";
import type { Refusal } from "./receive.ts";
import { QBFT_PROTOCOL } from "./wire.ts";

/** Charon's name for the round timers that we use. */
const TIMER = "eager_dlinear";

export interface ConsensusMetrics {
  decided(duty: DutyId, more: { readonly round: number; readonly leader: number }): void;
  /** From our own proposal to the decision; 0 when the decision came first. */
  duration(duty: DutyId, ms: number): void;
  /** `agree` ended without a decision. */
  timeout(duty: DutyId): void;
  /** A round ended in which fewer than a quorum of operators had asked for it. */
  insufficientRoundChanges(duty: DutyId, outcome: "decided" | "timeout"): void;
  dropped(from: OperatorIndex, reason: Refusal): void;
}

/** Charon's names and labels, so that its dashboards and alerts fit; only the last one is ours. */
export function consensusMetrics(meter: Meter): ConsensusMetrics {
  const byTimer = ["protocol", "duty", "timer"];
  const rounds = meter.gauge(
    "core_consensus_decided_rounds",
    "Round in which the latest instance of this kind of duty decided",
    byTimer,
  );
  const leaders = meter.gauge(
    "core_consensus_decided_leader_index",
    "Operator who led the round that decided last",
    ["protocol", "duty"],
  );
  const durations = meter.histogram(
    "core_consensus_duration_seconds",
    "Seconds from our own proposal to the decision; 0 when the decision came first",
    byTimer,
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 5],
  );
  const timeouts = meter.counter(
    "core_consensus_timeout_total",
    "Instances that ended without a decision",
    byTimer,
  );
  const insufficient = meter.counter(
    "core_consensus_insufficient_round_changes_total",
    "Instances with a round that fewer than a quorum of operators asked for; outcome says how they ended",
    [...byTimer, "outcome"],
  );
  const dropped = meter.counter(
    "trireme_consensus_dropped_total",
    "Messages of peers that were dropped, by reason",
    ["peer", "reason"],
  );
  const labels = (duty: DutyId): { protocol: string; duty: string; timer: string } => ({
    protocol: QBFT_PROTOCOL,
    duty: dutyMetricName(duty.kind),
    timer: TIMER,
  });
  return {
    decided(duty, { round, leader }) {
      rounds.set(round, labels(duty));
      leaders.set(leader, { protocol: QBFT_PROTOCOL, duty: dutyMetricName(duty.kind) });
    },
    duration: (duty, ms) => durations.observe(ms / 1_000, labels(duty)),
    timeout: (duty) => timeouts.add(1, labels(duty)),
    insufficientRoundChanges: (duty, outcome) => insufficient.add(1, { ...labels(duty), outcome }),
    dropped: (from, reason) => dropped.add(1, { peer: String(from), reason }),
  };
}
