import type { Meter } from "../ports/index.ts";

/** A kind of request, by the name that Charon gives it in the label `endpoint`. */
export type RequestKind =
  | "active_validators"
  | "aggregate_attestation"
  | "attestation_data"
  | "attester_duties"
  | "beacon_block_root"
  | "liveness"
  | "proposal"
  | "proposer_duties"
  | "signed_beacon_block"
  | "submit_aggregate_attestations"
  | "submit_attestations"
  | "submit_beacon_committee_subscriptions"
  | "submit_blinded_proposal"
  | "submit_proposal"
  | "submit_proposal_preparations"
  | "submit_sync_committee_contributions"
  | "submit_sync_committee_messages"
  | "submit_sync_committee_subscriptions"
  | "submit_validator_registrations"
  | "submit_voluntary_exit"
  | "sync_committee_contribution"
  | "sync_committee_duties";

type Counter = ReturnType<Meter["counter"]>;
type Gauge = ReturnType<Meter["gauge"]>;
type Histogram = ReturnType<Meter["histogram"]>;

/** What this room measures. Names, labels and buckets are Charon's where it exports the same figure. */
export interface BeaconMetrics {
  readonly requests: Counter;
  readonly errors: Counter;
  readonly latency: Histogram;
  readonly peers: Gauge;
  readonly version: Gauge;
  readonly headSlot: Gauge;
  readonly headDelay: Histogram;
  readonly reorgDepth: Histogram;
  readonly usable: Gauge;
  readonly syncDistance: Gauge;
  readonly hedged: Counter;
}

const LATENCY_SECONDS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 5,
];

export function beaconMetrics(meter: Meter): BeaconMetrics {
  return {
    requests: meter.counter("app_eth2_requests_total", "Requests to beacon nodes", ["endpoint"]),
    errors: meter.counter("app_eth2_errors_total", "Requests to beacon nodes that failed", ["endpoint"]),
    latency: meter.histogram(
      "app_eth2_latency_seconds",
      "Seconds until a beacon node answered",
      ["endpoint"],
      LATENCY_SECONDS,
    ),
    peers: meter.gauge(
      "app_beacon_node_peers",
      "Gauge set to the peer count of the upstream beacon node (of several usable ones, the largest)",
    ),
    version: meter.gauge(
      "app_beacon_node_version",
      "Always 1; the labels name the version of each beacon node",
      ["version", "beacon_id"],
    ),
    headSlot: meter.gauge("app_beacon_node_sse_head_slot", "Slot of the latest head that an event told of", [
      "addr",
    ]),
    headDelay: meter.histogram(
      "app_beacon_node_sse_head_delay",
      "Seconds into the slot when the event of its head came",
      ["addr"],
      [1, 2, 4, 6, 8, 10, 12],
    ),
    reorgDepth: meter.histogram(
      "app_beacon_node_sse_chain_reorg_depth",
      "Blocks that a reorganisation took back",
      ["addr"],
      [1, 2, 4, 6, 8, 16],
    ),
    usable: meter.gauge(
      "trireme_beacon_usable",
      "Whether the beacon node is reachable, synced, verified and on the cluster's chain (1) or not (0)",
      ["addr"],
    ),
    syncDistance: meter.gauge(
      "trireme_beacon_sync_distance",
      "Slots that the beacon node is behind the head of the chain",
      ["addr"],
    ),
    hedged: meter.counter(
      "trireme_beacon_hedged_total",
      "Requests for which a further node was asked because the first was slow or failed",
      ["endpoint"],
    ),
  };
}
