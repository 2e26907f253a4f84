import { type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { quote } from "./errors.ts";
import { parseJson } from "./parse.ts";

const EVERY_MS = 6_000;
const TIMEOUT_MS = 3_000;

/** Asks a node how it is; never throws. */
export async function checkHealth(endpoint: Endpoint, clock: Clock, signal: AbortSignal): Promise<void> {
  const limit = new AbortController();
  const cancel = clock.at(clock.now() + TIMEOUT_MS, () => limit.abort(new Error("no answer in time")));
  const both = AbortSignal.any([signal, limit.signal]);
  try {
    const answer = await endpoint.ask(
      { method: "GET", path: "/eth/v1/node/syncing", headers: { accept: "application/json" } },
      both,
    );
    const data = parseJson(answer.body).object("data");
    endpoint.health = {
      reachable: true,
      syncDistance: data.quoted("sync_distance"),
      optimistic: data.flag("is_optimistic"),
      // Reported, not judged: devnet nodes say so of a healthy execution client.
      executionOffline: data.flag("el_offline"),
    };
    if (endpoint.version === "") {
      const version = await endpoint.ask(
        { method: "GET", path: "/eth/v1/node/version", headers: { accept: "application/json" } },
        both,
      );
      endpoint.version = quote(parseJson(version.body).object("data").text("version")).slice(0, 120);
    }
  } catch {
    if (!signal.aborted && !endpoint.health.reachable) return;
    if (!signal.aborted) endpoint.health = { ...endpoint.health, reachable: false };
  } finally {
    cancel();
  }
}

/** Watches all nodes until the signal fires and says when one changes. */
export async function watchHealth(
  endpoints: readonly Endpoint[],
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const endpoint of endpoints) {
      if (endpoint.foreign) continue;
      const before = endpoint.usable;
      await checkHealth(endpoint, clock, signal);
      if (before !== endpoint.usable && !signal.aborted) {
        const facts = {
          node: endpoint.name,
          syncDistance: endpoint.health.syncDistance,
          optimistic: endpoint.health.optimistic,
          why: endpoint.health.reachable ? "" : endpoint.lastError,
        };
        if (endpoint.usable) log.info("Beacon node is well again", facts);
        else log.warn("Beacon node cannot be used", facts);
      }
    }
    await sleepUntil(clock, clock.now() + EVERY_MS, signal).catch(() => {});
  }
}
