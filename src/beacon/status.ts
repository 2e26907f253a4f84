import type { Endpoint } from "./endpoint.ts";

/** What a node looks like to an operator. */
export interface BeaconNodeStatus {
  /** Host and path, without credentials. */
  readonly node: string;
  readonly version: string;
  readonly usable: boolean;
  readonly reachable: boolean;
  readonly chain: "unknown" | "ours" | "other";
  readonly syncDistance: number;
  readonly optimistic: boolean;
  readonly executionOffline: boolean;
  /** Undefined when the node does not say. */
  readonly peers: number | undefined;
  /** Median over the last requests of every kind; 0 while nothing was observed. */
  readonly latencyMs: number;
  /** Lower is better; decides who is asked first. */
  readonly score: number;
  readonly lastError: string;
}

/** Why a beacon node is not used; continues a sentence that begins with its name. */
export function whyUnusable({
  reachable,
  chain,
  syncDistance,
  optimistic,
  lastError,
}: Pick<BeaconNodeStatus, "reachable" | "chain" | "syncDistance" | "optimistic" | "lastError">): string {
  if (!reachable) return `does not answer${lastError === "" ? "" : ` (${lastError})`}`;
  if (chain === "other") return "serves another chain than the cluster's";
  if (chain === "unknown") return "has not said yet which chain it serves";
  if (optimistic) return "has not verified the chain yet (its execution client is behind)";
  return `is ${syncDistance} slots behind the chain`;
}

export function statusOf(endpoint: Endpoint): BeaconNodeStatus {
  return {
    node: endpoint.name,
    version: endpoint.version,
    usable: endpoint.usable,
    chain: endpoint.chain,
    ...endpoint.health,
    latencyMs: endpoint.record.latencyMs(0.5) ?? 0,
    score: endpoint.score(),
    lastError: endpoint.lastError,
  };
}
