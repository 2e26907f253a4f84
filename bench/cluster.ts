import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeStatus } from "../src/node/index.ts";
import type { DutyRecord } from "../src/ports/index.ts";
import { dutyDue } from "../src/spec/index.ts";
import { type LocalRun, startLocalRun } from "../test/e2e/local-run.ts";
import { writeTestCluster } from "../test/e2e/test-cluster.ts";

// A four-node cluster of separate processes on the simulated chain, everything on one machine: what it costs and how long
// it takes. Figures depend on the machine; compare them within one run.
/** The program as it is installed: TypeScript run from source takes some 40 MB more. */
const BUILT = join(import.meta.dirname, "../dist/src/main.js");
const SLOT_MS = 12_000;
/** Slots that are measured, after three to warm up. */
const SLOTS = Number(process.env["TRIREME_BENCH_SLOTS"] ?? 6);
const WARM_UP_SLOTS = 3;

interface Figures {
  readonly validators: number;
  readonly cpuMsPerAttestation: number;
  readonly cpuPercent: number;
  readonly consensusMs: number;
  readonly attestationAfterDueMs: number;
  readonly proposalAfterSlotMs: number;
  readonly eventLoopWorstMs: number;
  readonly residentMb: number;
  readonly onTime: string;
}

/** Measures one size of cluster. */
async function measureCluster(validators: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-bench-"));
  await writeTestCluster(folder, { name: "bench", validators: validators });
  const run = await startLocalRun({ clusterDir: folder, slotMs: SLOT_MS, toGenesisMs: 10_000, main: BUILT });
  try {
    await Promise.all(run.nodes.map((node) => node.ready()));
    await run.atSlot(WARM_UP_SLOTS);
    const before = await statuses(run);
    await run.atSlot(WARM_UP_SLOTS + SLOTS);
    const after = await statuses(run);
    return await figures(run, validators, before, after);
  } finally {
    await run.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function getJson<T>(port: number, path: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
}

function statuses(run: LocalRun): Promise<NodeStatus[]> {
  return Promise.all(run.nodes.map((node) => getJson<NodeStatus>(node.monitoringPort, "/status")));
}

async function figures(
  run: LocalRun,
  validators: number,
  before: readonly NodeStatus[],
  after: readonly NodeStatus[],
): Promise<Figures> {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const records = (
    await Promise.all(run.nodes.map((node) => getJson<DutyRecord[]>(node.monitoringPort, "/duties?limit=60")))
  ).flat();
  const measured = records.filter(
    ({ duty }) => duty.slot >= WARM_UP_SLOTS && duty.slot < WARM_UP_SLOTS + SLOTS,
  );
  const between = (kind: string, from: string, to: string): number[] =>
    measured.flatMap(({ duty, entries }) => {
      const [a, b] = [entries.find(({ stage }) => stage === from), entries.find(({ stage }) => stage === to)];
      return duty.kind === kind && a !== undefined && b !== undefined ? [b.at - a.at] : [];
    });
  const afterDue = (kind: string): number[] =>
    measured.flatMap(({ duty, entries }) => {
      const sent = entries.find(({ stage }) => stage === "broadcast");
      return duty.kind === kind && sent !== undefined ? [sent.at - dutyDue(run.chain.spec, duty)] : [];
    });
  const cpuSeconds = after.map(
    (status, i) => status.process.cpuSeconds - (before[i]?.process.cpuSeconds ?? 0),
  );
  const elapsed = (SLOTS * SLOT_MS) / 1000;
  const attestations = Math.max(1, (validators * SLOTS) / run.chain.spec.slotsPerEpoch);
  const totals = run.chain.report().totals;
  return {
    validators,
    cpuMsPerAttestation: (1000 * mean(cpuSeconds)) / attestations,
    cpuPercent: (100 * mean(cpuSeconds)) / elapsed,
    consensusMs: mean(between("attester", "fetched", "decided")),
    attestationAfterDueMs: mean(afterDue("attester")),
    proposalAfterSlotMs: mean(afterDue("proposer")),
    eventLoopWorstMs: Math.max(...after.map((status) => status.process.eventLoopWorstMs)),
    residentMb: mean(after.map((status) => status.process.residentBytes / 1e6)),
    onTime: `${totals.attester.onTime + totals.proposer.onTime} of ${totals.attester.onTime + totals.proposer.onTime + totals.attester.late + totals.proposer.late + totals.attester.missed + totals.proposer.missed}`,
  };
}

/** The table for one run over several sizes. */
export async function benchCluster(sizes: readonly number[]): Promise<string> {
  const rows: Figures[] = [];
  for (const size of sizes) rows.push(await measureCluster(size));
  const line = (name: string, pick: (row: Figures) => string): string =>
    `  ${name.padEnd(52)}${rows.map((row) => pick(row).padStart(14)).join("")}`;
  return [
    line("validators in a four-node cluster (per node)", (row) => String(row.validators)),
    line("CPU per attestation duty, everything included (ms)", (row) => row.cpuMsPerAttestation.toFixed(1)),
    line("CPU, share of one core (%)", (row) => row.cpuPercent.toFixed(1)),
    line("attester consensus, fetched to decided (ms)", (row) => row.consensusMs.toFixed(0)),
    line("attestations sent after they were due (ms)", (row) => row.attestationAfterDueMs.toFixed(0)),
    line("proposals sent after the slot began (ms)", (row) => row.proposalAfterSlotMs.toFixed(0)),
    line("longest delay of the event loop (ms)", (row) => row.eventLoopWorstMs.toFixed(0)),
    line("resident memory (MB)", (row) => row.residentMb.toFixed(0)),
    line("duties on time", (row) => row.onTime),
  ].join("\n");
}

if (import.meta.main)
  process.stdout.write(`${await benchCluster((process.argv[2] ?? "16,128,512").split(",").map(Number))}\n`);
