import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainReport } from "../src/chain/index.ts";
import { loadNodeKey } from "../src/cluster/index.ts";
import { freePorts } from "../src/demo/free-ports.ts";
import type { NodeStatus } from "../src/node/index.ts";
import { peerIdOf } from "../src/p2p/index.ts";
import { RunningNode } from "../test/e2e/local-run.ts";
import { writeTestCluster } from "../test/e2e/test-cluster.ts";
import { readMetrics } from "../test/interop/metrics.ts";
import { cpuSeconds, mean, residentMb, sum, waitedSeconds } from "./processes.ts";

// Thousands of validators in a four-node cluster, everything on one machine: the chain that judges in a process of its own,
// and four nodes with their signers. `npm run bench:scale`; Linux only. TRIREME_BENCH_VALIDATORS, TRIREME_BENCH_SLOTS.
const BUILT = join(import.meta.dirname, "../dist/src/main.js");
const SLOT_MS = 12_000;
const NODES = 4;
const VALIDATORS = Number(process.env["TRIREME_BENCH_VALIDATORS"] ?? 3_000);
/** Slots that are measured, after three to warm up: by default one whole epoch and the turn to the next. */
const SLOTS = Number(process.env["TRIREME_BENCH_SLOTS"] ?? 34);
const WARM_UP_SLOTS = 3;
/** From the start of the nodes to the first slot: reading thousands of keystores, four times on two cores. */
const TO_GENESIS_MS = Number(process.env["TRIREME_BENCH_START_MS"] ?? 60_000);
/** Metrics name the delays of the last whole window of ten seconds. */
const WINDOW_MS = 10_000;

/** What one process was seen to need. */
interface Needs {
  readonly cpuPercent: number;
  /** At the begin, and after each window of ten seconds. */
  readonly residentMb: readonly number[];
  /** Share of the time in which the main thread could have run and had no core. */
  readonly waitedPercent: number;
  /** Of each window of ten seconds: by the clock, and what of it the node computed. */
  readonly late: Delays;
  readonly held: Delays;
}

/** How late the event loop was in each window, in milliseconds. */
interface Delays {
  readonly p99: number[];
  readonly worst: number[];
}

const log = (line: string): void => void process.stdout.write(`${line}\n`);

async function clusterFolder(): Promise<{ folder: string; remove: () => void }> {
  const kept = process.env["TRIREME_BENCH_CLUSTER"];
  if (kept !== undefined && existsSync(join(kept, "node0"))) return { folder: kept, remove: () => {} };
  const folder = kept ?? mkdtempSync(join(tmpdir(), "trireme-scale-"));
  await writeTestCluster(folder, { name: "scale", validators: VALIDATORS });
  return {
    folder,
    remove: () => (kept === undefined ? rmSync(folder, { recursive: true, force: true }) : undefined),
  };
}

/** The chain as its own process; its report comes when it is asked to stop. */
function startChain(folder: string, port: number, genesisTime: number) {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      BUILT,
      "chain",
      "--address",
      `127.0.0.1:${port}`,
      "--lock-file",
      join(folder, "node0/cluster-lock.json"),
      "--slot-ms",
      String(SLOT_MS),
      "--genesis-timestamp",
      String(genesisTime / 1000),
      "--json",
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    pid: child.pid as number,
    end: () => void child.kill("SIGTERM"),
    async report(): Promise<ChainReport> {
      child.kill("SIGTERM");
      await closed;
      return JSON.parse(Buffer.concat(chunks).toString("utf8")) as ChainReport;
    },
  };
}

/** TRIREME_BENCH_PROFILE=folder writes a CPU profile of the first node there; the others show what it costs. */
function profiling(node: number): readonly string[] {
  const folder = process.env["TRIREME_BENCH_PROFILE"];
  return folder === undefined || node > 0 ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
}

const until = (at: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())));

async function measure(folder: string): Promise<void> {
  const ports = await freePorts(2 * NODES + 1);
  const genesisTime = Math.ceil((Date.now() + TO_GENESIS_MS) / 1000) * 1000;
  const chain = startChain(folder, ports[2 * NODES] as number, genesisTime);
  const homes = Array.from({ length: NODES }, (_, i) => join(folder, `node${i}`));
  const addresses = homes.map(
    (home, i) =>
      `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peerIdOf(loadNodeKey(join(home, "charon-enr-private-key")).publicKey).toString()}`,
  );
  const nodes = homes.map((home, i) => {
    rmSync(join(home, "trireme"), { recursive: true, force: true });
    return new RunningNode(home, ports[NODES + i] as number, [
      ...profiling(i),
      BUILT,
      "run",
      "--data-dir",
      home,
      "--beacon-node-endpoints",
      `http://127.0.0.1:${ports[2 * NODES]}`,
      "--p2p-tcp-address",
      `127.0.0.1:${ports[i]}`,
      "--p2p-peers",
      addresses.filter((_, j) => j !== i).join(","),
      "--monitoring-address",
      `127.0.0.1:${ports[NODES + i]}`,
      "--fresh-keys",
    ]);
  });
  const started = Date.now();
  for (const node of nodes) node.start();
  try {
    await Promise.all(nodes.map((node) => node.ready(TO_GENESIS_MS + 60_000)));
    log(`ready ${((Date.now() - started) / 1000).toFixed(1)} s after the start`);
    const pids = [
      ...(await Promise.all(nodes.map(async (node) => (await status(node)).process.pid))),
      chain.pid,
    ];
    await until(genesisTime + WARM_UP_SLOTS * SLOT_MS);
    const seen = await watch(nodes, pids, genesisTime + (WARM_UP_SLOTS + SLOTS) * SLOT_MS);
    await Promise.all(nodes.map((node) => node.end("SIGTERM")));
    const report = await chain.report();
    log(processTable(seen));
    log(dutyTable(report));
    for (const [i, node] of nodes.entries()) {
      const warnings = node.output.split("\n").filter((line) => /\b(WARN|ERRO|ERROR)\b/i.test(line));
      if (warnings.length > 0)
        log(`node${i}: ${warnings.length} warnings, the last:\n${warnings.slice(-8).join("\n")}`);
    }
  } finally {
    await Promise.all(nodes.map((node) => node.end("SIGTERM")));
    chain.end();
  }
}

async function status(node: RunningNode): Promise<NodeStatus> {
  return (await (await fetch(`http://127.0.0.1:${node.monitoringPort}/status`)).json()) as NodeStatus;
}

/** Watches all processes until `end`. */
async function watch(
  nodes: readonly RunningNode[],
  pids: readonly number[],
  end: number,
): Promise<readonly Needs[]> {
  const before = pids.map(cpuSeconds);
  const from = Date.now();
  const waitedBefore = pids.map(waitedSeconds);
  const none = (): Delays => ({ p99: [], worst: [] });
  const loops = pids.map((pid) => ({ late: none(), held: none(), residentMb: [residentMb(pid)] }));
  while (Date.now() < end) {
    await until(Math.min(end, Date.now() + WINDOW_MS));
    for (const [i, pid] of pids.entries()) {
      const loop = loops[i] as (typeof loops)[number];
      loop.residentMb.push(residentMb(pid));
      const node = nodes[i];
      if (node === undefined) continue;
      const metrics = await readMetrics(`127.0.0.1:${node.monitoringPort}`);
      for (const what of ["late", "held"] as const) {
        const name = `trireme_node_event_loop_${what === "late" ? "delay" : "held"}_seconds`;
        const of = (quantile: string): number =>
          1000 *
          (metrics.find((one) => one.name === name && one.labels["quantile"] === quantile)?.value ??
            Number.NaN);
        loop[what].p99.push(of("0.99"));
        loop[what].worst.push(of("1"));
      }
    }
  }
  const elapsed = (Date.now() - from) / 1000;
  return pids.map((pid, i) => ({
    cpuPercent: (100 * (cpuSeconds(pid) - (before[i] as number))) / elapsed,
    residentMb: loops[i]?.residentMb ?? [],
    waitedPercent: (100 * (waitedSeconds(pid) - (waitedBefore[i] as number))) / elapsed,
    late: loops[i]?.late ?? none(),
    held: loops[i]?.held ?? none(),
  }));
}

function processTable(seen: readonly Needs[]): string {
  const row = (name: string, pick: (needs: Needs) => string): string =>
    `  ${name.padEnd(52)}${seen.map((needs) => pick(needs).padStart(9)).join("")}`;
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >>> 1] ?? Number.NaN;
  const shown = (value: number): string => (Number.isFinite(value) ? value.toFixed(0) : "–");
  return [
    `  ${"".padEnd(52)}${seen.map((_, i) => (i < NODES ? `node${i}` : "chain").padStart(9)).join("")}`,
    row("CPU (% of a core)", ({ cpuPercent }) => cpuPercent.toFixed(1)),
    ...[0, 1, 2, 3].map((quarter) =>
      row(`resident, mean of quarter ${quarter + 1} of the time (MB)`, ({ residentMb: seenMb }) => {
        const at = (part: number): number => Math.round((part / 4) * seenMb.length);
        return mean(seenMb.slice(at(quarter), at(quarter + 1))).toFixed(0);
      }),
    ),
    row("resident at the begin (MB)", (needs) => shown(needs.residentMb[0] ?? Number.NaN)),
    row("resident at the end (MB)", (needs) => shown(needs.residentMb.at(-1) ?? Number.NaN)),
    row("resident, most seen (MB)", (needs) => shown(Math.max(...needs.residentMb))),
    row("main thread waited for a core (% of the time)", ({ waitedPercent }) => waitedPercent.toFixed(1)),
    ...(["late", "held"] as const).flatMap((what) => [
      row(`event loop ${what}, p99 of 10 s windows: median (ms)`, (n) => shown(median(n[what].p99))),
      row(`event loop ${what}, p99 of 10 s windows: worst (ms)`, (n) => shown(Math.max(...n[what].p99))),
      row(`event loop ${what}, longest: median (ms)`, (n) => shown(median(n[what].worst))),
      row(`event loop ${what}, longest: worst (ms)`, (n) => shown(Math.max(...n[what].worst))),
    ]),
    "  late: by the clock; held: what of that the main thread computed itself",
    `  all processes together: ${sum(seen.map(({ cpuPercent }) => cpuPercent)).toFixed(0)}% of a core`,
  ].join("\n");
}

/** Of the slots that were measured. */
function dutyTable(report: ChainReport): string {
  const duties = report.slots
    .filter(({ slot }) => slot >= WARM_UP_SLOTS && slot < WARM_UP_SLOTS + SLOTS)
    .flatMap((slot) => slot.duties);
  const kinds = [...new Set(duties.map(({ kind }) => kind))];
  const lines = kinds.map((kind) => {
    const own = duties.filter((duty) => duty.kind === kind);
    const after = own.flatMap(({ afterDueMs }) => (afterDueMs === undefined ? [] : [afterDueMs]));
    const sorted = after.toSorted((a, b) => a - b);
    const at = (share: number): string => String(sorted[Math.floor(share * (sorted.length - 1))] ?? "–");
    const count = (state: string): string => String(own.filter((duty) => duty.state === state).length);
    return `  ${kind.padEnd(28)}${[String(own.length), count("on-time"), count("late"), count("missed"), at(0.5), at(0.95), at(1)].map((text) => text.padStart(10)).join("")}`;
  });
  return [
    `  ${"duty".padEnd(28)}${["assigned", "on time", "late", "missed", "median ms", "95 % ms", "worst ms"].map((text) => text.padStart(10)).join("")}`,
    ...lines,
    `  slashable: ${report.slashings.count}; refused: ${report.refusals.count}${report.refusals.count > 0 ? ` ${JSON.stringify(report.refusals.byReason)}` : ""}`,
  ].join("\n");
}

log(`${VALIDATORS} validators, ${NODES} nodes, slots of ${SLOT_MS / 1000} s, ${SLOTS} slots:`);
const { folder, remove } = await clusterFolder();
try {
  await measure(folder);
} finally {
  remove();
}
