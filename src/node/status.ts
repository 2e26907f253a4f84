import type { BeaconNodeStatus } from "../beacon/index.ts";
import type { DutyRunnerStatus } from "../duty/index.ts";
import type { PeerStatus } from "../p2p/index.ts";
import type { ValidatorApiStatus } from "../validator-api/index.ts";

/** What a node says of itself under /status. */
export interface NodeStatus {
  readonly version: string;
  readonly operator: number;
  readonly cluster: {
    readonly name: string;
    readonly lockHash: string;
    readonly operators: number;
    readonly threshold: number;
    readonly validators: number;
  };
  readonly ready: readonly string[];
  readonly peers: readonly PeerStatus[];
  readonly beacon: readonly BeaconNodeStatus[];
  readonly duties: DutyRunnerStatus;
  /** Where a validator client signs. */
  readonly validatorClient?: ValidatorApiStatus;
  readonly process: {
    readonly pid: number;
    readonly uptimeSeconds: number;
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly eventLoopWorstMs: number;
  };
}

/** What the process costs, by its own account. */
export function processStatus(eventLoopWorstMs: number): NodeStatus["process"] {
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    eventLoopWorstMs,
  };
}
