import { join } from "node:path";
import { sumOf } from "../test/interop/metrics.ts";
import {
  FIRST_WATCHED_SLOT,
  type MixedCluster,
  type MixedNode,
  type Seat,
  startMixedCluster,
} from "../test/interop/mixed-cluster.ts";
import { peerProgram } from "../test/interop/peers.ts";
import { cpuSeconds, mean, residentMb, sum } from "./processes.ts";

// Four Charon nodes, each with Prysm's validator, and four Trireme nodes that sign by themselves: the same simulated chain,
// the same relay, one after the other. `CHARON_BIN=… PRYSM_VALIDATOR_BIN=… npm run bench:side-by-side`. Linux only.
const BUILT = join(import.meta.dirname, "../dist/src/main.js");
const SLOTS = Number(process.env["TRIREME_BENCH_SLOTS"] ?? 32);
const SIZES = [
  { validators: 16, others: 240, slotMs: 6_000 },
  { validators: 128, others: 384, slotMs: 12_000 },
] as const;
type Kind = "attester" | "proposer" | "aggregator" | "sync-message" | "sync-contribution";
const KINDS: readonly Kind[] = ["attester", "proposer", "aggregator", "sync-message", "sync-contribution"];

interface Figures {
  readonly cpuPercent: number;
  readonly residentMb: number;
  readonly consensusMs: number;
  /** Median milliseconds after the due time, and how many of all were on time. */
  readonly duties: ReadonlyMap<Kind, { medianMs: number | undefined; onTime: number; all: number }>;
}

async function measure(seat: Seat, size: (typeof SIZES)[number]): Promise<Figures> {
  const cluster = await startMixedCluster({
    charon: peerProgram("CHARON_BIN").path,
    clients: { prysm: peerProgram("PRYSM_VALIDATOR_BIN").path },
    seats: [seat, seat, seat, seat],
    relay: "charon",
    main: BUILT,
    ...size,
  });
  try {
    const [from, to] = [FIRST_WATCHED_SLOT, FIRST_WATCHED_SLOT + SLOTS];
    await cluster.atSlot(from);
    const before = cluster.nodes.map(nodeCpuSeconds);
    const consensusBefore = await Promise.all(cluster.nodes.map(consensus));
    await cluster.atSlot(to);
    const elapsed = (SLOTS * size.slotMs) / 1000;
    const consensusAfter = await Promise.all(cluster.nodes.map(consensus));
    return {
      cpuPercent: mean(
        cluster.nodes.map((node, i) => (100 * (nodeCpuSeconds(node) - (before[i] ?? 0))) / elapsed),
      ),
      residentMb: mean(cluster.nodes.map((node) => sum(pidsOf(node).map(residentMb)))),
      consensusMs: mean(
        consensusAfter.map(({ seconds, count }, i) => {
          const earlier = consensusBefore[i] ?? { seconds: 0, count: 0 };
          return (1000 * (seconds - earlier.seconds)) / (count - earlier.count);
        }),
      ),
      duties: new Map(KINDS.map((kind) => [kind, dutiesOf(cluster, kind, from, to - 1)])),
    };
  } finally {
    await cluster.stop();
  }
}

/** A node and its validator client together. */
const nodeCpuSeconds = (node: MixedNode): number => sum(pidsOf(node).map(cpuSeconds));

function pidsOf(node: MixedNode): readonly number[] {
  return [node.process.pid, node.client?.pid].filter((pid) => pid !== undefined);
}

async function consensus(node: MixedNode): Promise<{ seconds: number; count: number }> {
  const samples = await node.metrics();
  const name = "core_consensus_duration_seconds";
  return {
    seconds: sumOf(samples, `${name}_sum`, { duty: "attester" }),
    count: sumOf(samples, `${name}_count`, { duty: "attester" }),
  };
}

function dutiesOf(cluster: MixedCluster, kind: Kind, from: number, to: number) {
  const duties = cluster.chain
    .report()
    .slots.filter(({ slot }) => slot >= from && slot < to)
    .flatMap((slot) => slot.duties.filter((duty) => duty.kind === kind));
  const came = duties.flatMap(({ afterDueMs }) => (afterDueMs === undefined ? [] : [afterDueMs]));
  return {
    medianMs: came.toSorted((a, b) => a - b)[Math.floor(came.length / 2)],
    onTime: duties.filter(({ state }) => state === "on-time").length,
    all: duties.length,
  };
}

function table(charon: Figures, trireme: Figures): string {
  const row = (name: string, pick: (figures: Figures) => string) =>
    `  ${name.padEnd(50)}${pick(charon).padStart(24)}${pick(trireme).padStart(24)}`;
  return [
    row("", (figures) => (figures === charon ? "Charon + Prysm" : "Trireme")),
    row("CPU per node with its signer (% of a core)", ({ cpuPercent }) => cpuPercent.toFixed(1)),
    row("resident memory per node with its signer (MB)", (figures) => figures.residentMb.toFixed(0)),
    row("attester consensus, mean (ms)", ({ consensusMs }) => consensusMs.toFixed(0)),
    ...KINDS.map((kind) =>
      row(`${kind}: median ms after due, on time`, ({ duties }) => {
        const { medianMs, onTime, all } = duties.get(kind) ?? { medianMs: undefined, onTime: 0, all: 0 };
        return `${medianMs ?? "–"}, ${onTime} of ${all}`;
      }),
    ),
  ].join("\n");
}

for (const program of ["CHARON_BIN", "PRYSM_VALIDATOR_BIN"] as const) {
  const { skip } = peerProgram(program);
  if (skip === false) continue;
  process.stdout.write(`Not measured: ${skip}\n`);
  process.exit(0);
}
const sizes = SIZES.filter(
  ({ validators }) => process.argv.length < 3 || process.argv[2] === String(validators),
);
for (const size of sizes) {
  const { validators, others, slotMs } = size;
  process.stdout.write(
    `\n${validators} of ${validators + others} validators, slots of ${slotMs / 1000} s, ${SLOTS} slots:\n`,
  );
  process.stdout.write(`${table(await measure("charon+prysm", size), await measure("trireme", size))}\n`);
}
