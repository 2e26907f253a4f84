import { beaconMetrics } from "../src/beacon/metrics.ts";
import { consensusMetrics } from "../src/consensus/metrics.ts";
import { declareDuties, exchangeMetrics, scheduleMetrics } from "../src/duty/metrics.ts";
import { nodeMetrics, relayMetrics } from "../src/node/metrics.ts";
import { p2pMetrics, peerinfoMetrics } from "../src/p2p/metrics.ts";
import { type Meter, unmetered } from "../src/ports/index.ts";
import { DROPPED, telemetryMetrics } from "../src/telemetry/metrics.ts";
import { createMetrics as validatorApiMetrics } from "../src/validator-api/metrics.ts";

/** What each room declares: everything in its metrics.ts. */
const rooms: Readonly<Record<string, readonly ((meter: Meter) => unknown)[]>> = {
  duty: [declareDuties, scheduleMetrics, exchangeMetrics],
  consensus: [consensusMetrics],
  beacon: [beaconMetrics],
  "validator-api": [validatorApiMetrics],
  p2p: [p2pMetrics, peerinfoMetrics],
  telemetry: [telemetryMetrics, (meter) => meter.counter(DROPPED.name, DROPPED.help, DROPPED.labelNames)],
  node: [nodeMetrics],
  "node (`trireme relay`)": [relayMetrics],
};

/** docs/metrics.md, made from what the rooms declare. */
export function metricsReference(): string {
  const sections = Object.entries(rooms).flatMap(([room, declarers]) => {
    const lines: string[] = [];
    for (const declare of declarers) declare(noting(lines));
    return [
      `## ${room}`,
      "",
      "| metric | kind | labels | meaning |",
      "|---|---|---|---|",
      ...lines.toSorted(),
      "",
    ];
  });
  return [
    "# Metrics",
    "",
    "Made from each room's `metrics.ts` by `npm run docs`; do not edit.",
    "",
    "Served at `/metrics` of `--monitoring-address`. Names that do not begin with `trireme_` are Charon's, with its labels, so its dashboards and alerts",
    "fit. Every series also has `cluster_hash`, `cluster_name`, `cluster_network`, `cluster_peer`, `nickname` and `charon_version`; what every Node",
    "program tells of its process (`process_…`, `nodejs_…`) comes on top. A histogram `x` is read as `x_bucket`, `x_sum` and `x_count`.",
    "",
    ...sections,
  ].join("\n");
}

/** A meter that measures nothing, and notes a line of the table for each metric. */
function noting(lines: string[]): Meter {
  const note = (kind: string, name: string, help: string, labels: readonly string[] = []): void => {
    lines.push(`| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`);
  };
  return {
    counter(name, help, labels) {
      note("counter", name, help, labels);
      return unmetered.counter(name, help, labels);
    },
    gauge(name, help, labels) {
      note("gauge", name, help, labels);
      return unmetered.gauge(name, help, labels);
    },
    histogram(name, help, labels, buckets) {
      note("histogram", name, help, labels);
      return unmetered.histogram(name, help, labels, buckets);
    },
  };
}
