import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../src/base/index.ts";
import { parseLock } from "../src/cluster/index.ts";
import { slotAt } from "../src/spec/index.ts";
import { sumOf } from "../test/interop/metrics.ts";
import { type MixedNode, type Seat, startMixedCluster } from "../test/interop/mixed-cluster.ts";
import { peerProgram } from "../test/interop/peers.ts";
import { cpuSeconds, residentMb } from "./processes.ts";
import { timeWaitingRoutes, type Waited } from "./waiting-routes.ts";

// The validator API of both programs in one cluster, asked what a validator client asks: how long each route takes, what it
// costs the beacon node, CPU and memory. `CHARON_BIN=… npm run bench:validator-api`; sizes as an argument: 1,200,3000.
const BUILT = join(import.meta.dirname, "../dist/src/main.js");
const SLOT_MS = 12_000;
/** A minute without a client, for what a node asks of itself. */
const IDLE_SLOTS = 4;
const CALLS = 15;
const SLOTS_PER_EPOCH = 32;

interface Route {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: (slot: number) => string;
  readonly body?: unknown;
}

interface Figures {
  readonly idleRequestsPerEpoch: number;
  readonly cpuPercent: number;
  readonly residentMb: number;
  /** By route: median and worst milliseconds, and requests to the beacon node in all calls together. */
  readonly routes: ReadonlyMap<string, { medianMs: number; worstMs: number; asked: number; failed: number }>;
}

function routesOf(publicShares: readonly string[]): readonly Route[] {
  const indices = publicShares.map((_, i) => String(i));
  const epoch = (slot: number): number => Math.floor(slot / SLOTS_PER_EPOCH);
  return [
    { name: "node version", method: "GET", path: () => "/eth/v1/node/version" },
    { name: "node syncing", method: "GET", path: () => "/eth/v1/node/syncing" },
    { name: "genesis", method: "GET", path: () => "/eth/v1/beacon/genesis" },
    { name: "spec", method: "GET", path: () => "/eth/v1/config/spec" },
    {
      name: "validators by public share",
      method: "POST",
      path: () => "/eth/v1/beacon/states/head/validators",
      body: { ids: publicShares },
    },
    {
      name: "attester duties",
      method: "POST",
      path: (slot) => `/eth/v1/validator/duties/attester/${epoch(slot)}`,
      body: indices,
    },
    {
      name: "proposer duties",
      method: "GET",
      path: (slot) => `/eth/v1/validator/duties/proposer/${epoch(slot)}`,
    },
    {
      name: "sync committee duties",
      method: "POST",
      path: (slot) => `/eth/v1/validator/duties/sync/${epoch(slot)}`,
      body: indices,
    },
    {
      name: "prepare proposers",
      method: "POST",
      path: () => "/eth/v1/validator/prepare_beacon_proposer",
      body: indices.map((validator_index) => ({ validator_index, fee_recipient: `0x${"00".repeat(19)}01` })),
    },
  ];
}

async function measure(validators: number, seats: readonly Seat[]): Promise<void> {
  const cluster = await startMixedCluster({
    charon: peerProgram("CHARON_BIN").path,
    seats,
    relay: seats.includes("charon+nobody") ? "charon" : "trireme",
    validators,
    slotMs: SLOT_MS,
    main: BUILT,
  });
  try {
    const found = new Map<string, Figures>();
    const start = slotAt(cluster.chain.spec, Date.now()) + 3;
    await cluster.atSlot(start);
    const measured = ["charon", "trireme"].flatMap((program) => {
      const node = cluster.nodes.find((one) => one.program === program);
      return node === undefined ? [] : [node];
    });
    const before = await Promise.all(measured.map(requests));
    const cpuBefore = measured.map(({ process }) => cpuSeconds(process.pid as number));
    await cluster.atSlot(start + IDLE_SLOTS);
    const after = await Promise.all(measured.map(requests));
    const cpuAfter = measured.map(({ process }) => cpuSeconds(process.pid as number));
    for (const [i, node] of measured.entries()) {
      const lock = parseLock(readFileSync(join(node.home, "cluster-lock.json"), "utf8"));
      const shares = lock.validators.map(({ publicShares }) => toHex(publicShares[node.index] as Uint8Array));
      const routes = new Map<string, Awaited<ReturnType<typeof time>>>();
      for (const route of routesOf(shares))
        routes.set(route.name, await time(node, route, () => slotAt(cluster.chain.spec, Date.now())));
      const seconds = (IDLE_SLOTS * SLOT_MS) / 1000;
      found.set(node.program, {
        idleRequestsPerEpoch: (((after[i] ?? 0) - (before[i] ?? 0)) * SLOTS_PER_EPOCH) / IDLE_SLOTS,
        cpuPercent: (100 * ((cpuAfter[i] ?? 0) - (cpuBefore[i] ?? 0))) / seconds,
        residentMb: residentMb(node.process.pid as number),
        routes,
      });
    }
    process.stdout.write(`${table(found)}\n`);
    const first = slotAt(cluster.chain.spec, Date.now()) + 2;
    process.stdout.write(`${waitedTable(await timeWaitingRoutes(cluster, validators, first))}\n`);
  } finally {
    await cluster.stop();
  }
}

/** How often a node has asked its beacon node anything; both programs count it under one name. */
async function requests(node: MixedNode): Promise<number> {
  return sumOf(await node.metrics(), "app_eth2_requests_total");
}

async function time(node: MixedNode, route: Route, slot: () => number) {
  const asked = await requests(node);
  const times: number[] = [];
  let failed = 0;
  for (let call = 0; call < CALLS; call++) {
    const started = performance.now();
    const answer = await fetch(`${node.validatorApi}${route.path(slot())}`, {
      method: route.method,
      ...(route.body === undefined
        ? {}
        : { body: JSON.stringify(route.body), headers: { "content-type": "application/json" } }),
    });
    await answer.arrayBuffer();
    times.push(performance.now() - started);
    if (!answer.ok) failed++;
  }
  const sorted = times.toSorted((a, b) => a - b);
  return {
    medianMs: sorted[sorted.length >>> 1] as number,
    worstMs: sorted.at(-1) as number,
    asked: (await requests(node)) - asked,
    failed,
  };
}

function table(figures: ReadonlyMap<string, Figures>): string {
  const programs = [...figures.keys()];
  const row = (name: string, pick: (figures: Figures) => string): string =>
    `  ${name.padEnd(46)}${programs.map((program) => pick(figures.get(program) as Figures).padStart(26)).join("")}`;
  const names = [...(figures.values().next().value?.routes.keys() ?? [])];
  return [
    `  ${"".padEnd(46)}${programs.map((program) => program.padStart(26)).join("")}`,
    row("requests to the beacon node per epoch, idle", ({ idleRequestsPerEpoch }) =>
      idleRequestsPerEpoch.toFixed(0),
    ),
    row("CPU, idle (% of a core)", ({ cpuPercent }) => cpuPercent.toFixed(1)),
    row("resident memory afterwards (MB)", (one) => one.residentMb.toFixed(0)),
    ...names.map((name) =>
      row(`${name}: median, worst ms; asked`, ({ routes }) => {
        const { medianMs, worstMs, asked, failed } = routes.get(name) as { medianMs: number } & Awaited<
          ReturnType<typeof time>
        >;
        const all = `${medianMs.toFixed(1)}, ${worstMs.toFixed(1)}; ${asked}`;
        return failed === 0 ? all : `${all} (${failed} failed)`;
      }),
    ),
  ].join("\n");
}

/** Of the routes that wait for the cluster; a vote's data is counted from the moment when it is due. */
function waitedTable(waited: Waited): string {
  return [...waited]
    .flatMap(([route, byProgram]) =>
      [...byProgram].map(([program, { ms, failed }]) => {
        const sorted = ms.toSorted((a, b) => a - b);
        const [median, worst] = [sorted[sorted.length >>> 1], sorted.at(-1)];
        return `  ${`${route}: median, worst ms; failed`.padEnd(46)}${program.padStart(10)}${`${median ?? "–"}, ${worst ?? "–"}; ${failed} of ${failed + ms.length}`.padStart(28)}`;
      }),
    )
    .join("\n");
}

const { skip } = peerProgram("CHARON_BIN");
if (skip !== false) process.stdout.write(`Charon is not measured: ${skip}\n`);
const seats: readonly Seat[] =
  skip === false
    ? ["charon+nobody", "trireme+nobody", "charon+nobody", "trireme+nobody"]
    : ["trireme+nobody", "trireme+nobody", "trireme+nobody", "trireme+nobody"];
for (const validators of (process.argv[2] ?? "1,200,3000").split(",").map(Number)) {
  process.stdout.write(
    `\n${validators} validators, ${CALLS} calls of each route, all of them in each request:\n`,
  );
  await measure(validators, seats);
}
