import { type Logger, sleepUntil } from "../ports/index.ts";
import { askChain } from "./chain-identity.ts";
import { judge } from "./connect.ts";
import type { Endpoint } from "./endpoint.ts";
import { quote, reasonOf } from "./errors.ts";
import { compareSchedules, type ScheduleWatch } from "./fork-schedule.ts";
import type { BeaconMetrics } from "./metrics.ts";
import { parseJson } from "./parse.ts";
import { statusOf, whyUnusable } from "./status.ts";
import { timeLimit } from "./time-limit.ts";

const EVERY_MS = 6_000;
const TIMEOUT_MS = 3_000;
/** A node on another chain is looked at again in every so many rounds. */
const OTHER_CHAIN_ROUNDS = 10;

export interface HealthOptions extends ScheduleWatch {
  readonly metrics: BeaconMetrics;
}

/** Asks a node how it is, and which chain it serves when that is not known or was `planDue` to be asked again; never throws. */
async function check(
  endpoint: Endpoint,
  options: HealthOptions,
  planDue: boolean,
  signal: AbortSignal,
): Promise<void> {
  const limit = timeLimit(options.clock, TIMEOUT_MS, [signal]);
  const get = async (path: string) =>
    parseJson((await endpoint.ask({ method: "GET", path }, limit.signal)).body).object("data");
  try {
    const syncing = await get("/eth/v1/node/syncing");
    const wasReachable = endpoint.health.reachable;
    // Behind one address there may be another node than before: it says again what it is.
    const name = async (): Promise<void> =>
      judge(endpoint, await askChain(endpoint, limit.signal), options.chain, options.log);
    const named = endpoint.chain === "ours" && wasReachable;
    if (!named) await name();
    if (endpoint.version === "" || !wasReachable)
      endpoint.version = quote((await get("/eth/v1/node/version")).text("version")).slice(0, 120);
    endpoint.health = {
      reachable: true,
      syncDistance: syncing.quoted("sync_distance"),
      optimistic: syncing.flag("is_optimistic"),
      executionOffline: syncing.flag("el_offline"),
      peers: await get("/eth/v1/node/peer_count").then(
        (data) => data.quoted("connected"),
        () => undefined, // Nice to know; some nodes do not say.
      ),
    };
    if (named && planDue) await name().catch(() => {}); // It is none the worse for that; it is asked again in an epoch.
  } catch (error) {
    if (signal.aborted) return;
    endpoint.lastError = reasonOf(error);
    endpoint.health = { ...endpoint.health, reachable: false };
  } finally {
    limit.end();
  }
}

/** Looks at all nodes once, at the same time, and says which ones changed. */
export async function checkAll(options: HealthOptions, round: number, signal: AbortSignal): Promise<void> {
  const { endpoints, metrics, chain } = options;
  const roundsPerEpoch = Math.ceil((chain.slotsPerEpoch * chain.slotMs) / EVERY_MS);
  const planDue = round > 0 && round % roundsPerEpoch === 0;
  const due = endpoints.filter(
    (endpoint) => endpoint.chain !== "other" || round % OTHER_CHAIN_ROUNDS === OTHER_CHAIN_ROUNDS - 1,
  );
  await Promise.all(
    due.map(async (endpoint) => {
      const before = endpoint.usable;
      await check(endpoint, options, planDue, signal);
      if (!signal.aborted && (before !== endpoint.usable || (round === 0 && !endpoint.usable)))
        sayChange(endpoint, options.log);
    }),
  );
  if (!signal.aborted) compareSchedules(options);
  for (const endpoint of endpoints) {
    const addr = { addr: endpoint.name };
    metrics.usable.set(endpoint.usable ? 1 : 0, addr);
    metrics.syncDistance.set(endpoint.health.syncDistance, addr);
    if (endpoint.version !== "")
      metrics.version.set(1, { version: endpoint.version, beacon_id: endpoint.name });
  }
  const peers = endpoints.filter((endpoint) => endpoint.usable).map(({ health }) => health.peers ?? 0);
  metrics.peers.set(Math.max(0, ...peers));
}

function sayChange(endpoint: Endpoint, log: Logger): void {
  const { name: node, version } = endpoint;
  if (endpoint.usable) log.info("Beacon node is well again", { node, version });
  else
    log.warn("Beacon node cannot be used", { node, version, why: `it ${whyUnusable(statusOf(endpoint))}` });
}

/** Looks at all nodes again and again until the signal fires; never rejects. */
export async function watchHealth(options: HealthOptions, signal: AbortSignal): Promise<void> {
  for (let round = 1; !signal.aborted; round++) {
    await sleepUntil(options.clock, options.clock.now() + EVERY_MS, signal).catch(() => {});
    if (!signal.aborted) await checkAll(options, round, signal);
  }
}
