import type { BeaconNodeStatus } from "../beacon/index.ts";
import type { DoubleHeard, DutyRunnerStatus } from "../duty/index.ts";
import type { PeerStatus } from "../p2p/index.ts";
import type { MemoryStanding } from "../ports/index.ts";
import type { UnixMs } from "../spec/index.ts";
import type { LoopDelays, NotReady } from "../telemetry/index.ts";
import type { ValidatorApiStatus } from "../validator-api/index.ts";
import type { Finding } from "./findings.ts";
import type { Participation } from "./participation.ts";

/** What a node says of itself under /status. Its size depends on the number of operators, and not on that of validators. */
export interface NodeStatus {
  /** The node's clock. */
  readonly at: UnixMs;
  readonly version: string;
  readonly operator: number;
  readonly nickname: string;
  readonly cluster: {
    readonly name: string;
    readonly lockHash: string;
    readonly operators: number;
    readonly threshold: number;
    readonly validators: number;
  };
  readonly chain: {
    readonly network: string;
    readonly genesisTime: UnixMs;
    readonly slotMs: number;
    readonly slotsPerEpoch: number;
  };
  readonly ready: readonly NotReady[];
  /** What an operator should know or do, the gravest first; empty when all is well. */
  readonly findings: readonly Finding[];
  readonly peers: readonly PeerStatus[];
  readonly relays: readonly { readonly name: string; readonly ready: boolean }[];
  /** Every operator's, ours included. */
  readonly participation: readonly Participation[];
  readonly beacon: readonly BeaconNodeStatus[];
  readonly duties: DutyRunnerStatus;
  readonly slashingMemory: {
    /** How complete the memory was when the node started. */
    readonly origin: MemoryStanding["origin"];
    /** Whether this node signs; `duties.watching` and `duties.memory` say why not. */
    readonly signs: boolean;
  };
  /** Another program that runs as this operator, as long as it is heard. */
  readonly double?: DoubleHeard;
  /** Where a validator client signs. */
  readonly validatorClient?: ValidatorApiStatus;
  readonly process: {
    readonly pid: number;
    readonly uptimeSeconds: number;
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    /** How late the event loop came round at worst in ten seconds, and how much of such a delay was our own work. */
    readonly eventLoopWorstMs: number;
    readonly eventLoopHeldMs: number;
  };
}

/** What a node says while it starts: nothing is known of the chain yet. */
export interface StartingStatus
  extends Pick<
    NodeStatus,
    "at" | "version" | "operator" | "nickname" | "cluster" | "ready" | "findings" | "beacon" | "process"
  > {
  /** What it does just now, e.g. "opens 500 key shares". */
  readonly starting: string;
}

/** What the process costs, by its own account. */
export function processStatus({ worstMs, heldMs }: LoopDelays): NodeStatus["process"] {
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    eventLoopWorstMs: worstMs,
    eventLoopHeldMs: heldMs,
  };
}
