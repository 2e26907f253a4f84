import { toHex } from "../base/index.ts";
import type { BeaconNodes } from "../beacon/index.ts";
import type { Cluster } from "../cluster/index.ts";
import { dashboardFiles } from "../dashboard/index.ts";
import type { DoppelgangerWatch, DutyRunner } from "../duty/index.ts";
import type { P2p } from "../p2p/index.ts";
import type { Clock, Logger, MemoryStanding } from "../ports/index.ts";
import { type ChainSpec, type OperatorIndex, slotAt } from "../spec/index.ts";
import {
  type DutyTimelines,
  type EventLoopWatch,
  type ExposedMeter,
  type Monitoring,
  startMonitoring,
} from "../telemetry/index.ts";
import type { RunConfig } from "./config.ts";
import { type Facts, findings } from "./findings.ts";
import { participation } from "./participation.ts";
import { readiness } from "./readiness.ts";
import { type NodeStatus, processStatus } from "./status.ts";
import { version } from "./version.ts";
import type { RunningValidatorApi } from "./wire-validator-api.ts";

/** The parts of a node that tell how it is. */
export interface Watched {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly network: string;
  readonly cluster: Cluster;
  readonly self: OperatorIndex;
  readonly p2p: P2p;
  readonly beacon: BeaconNodes;
  readonly duties: DutyRunner;
  readonly timelines: DutyTimelines;
  readonly watch: DoppelgangerWatch;
  /** As it was at the start. */
  readonly memory: MemoryStanding;
  readonly loop: EventLoopWatch;
  /** Key shares of the built-in signer; undefined where a validator client signs. */
  readonly shares: number | undefined;
  /** Undefined before it runs, and where the built-in signer signs. */
  readonly validatorApi: () => RunningValidatorApi | undefined;
  readonly stopping: AbortSignal;
}

/** Serves health, status, duties, metrics and the dashboard of a node. @throws TelemetryError */
export function serveMonitoring(
  { monitoringAddress, nickname }: RunConfig,
  node: Watched,
  { meter, log }: { readonly meter: ExposedMeter; readonly log: Logger },
): Promise<Monitoring> {
  return startMonitoring({
    address: monitoringAddress,
    meter,
    ready: () => readiness(node),
    status: () => statusOf(node, nickname),
    duties: (limit) => node.timelines.recent(limit),
    digests: (since) => node.timelines.digests(since),
    pages: dashboardFiles(),
    log,
  });
}

function statusOf(node: Watched, nickname: string): NodeStatus {
  const { clock, chain, network, cluster, self, p2p, beacon, watch, memory, loop } = node;
  const validatorApi = node.validatorApi();
  const at = clock.now();
  const now = slotAt(chain, at);
  const from = now - chain.slotsPerEpoch;
  const lately = node.timelines.digests().duties.filter(({ slot }) => slot >= from);
  const operators = cluster.operators.map(({ index }) => index);
  const duties = node.duties.status();
  const facts: Facts = {
    at,
    version,
    operator: self,
    nickname,
    cluster: {
      name: cluster.name,
      lockHash: toHex(cluster.lockHash),
      operators: cluster.operators.length,
      threshold: cluster.threshold,
      validators: cluster.validators.length,
    },
    chain: {
      network,
      genesisTime: chain.genesisTime,
      slotMs: chain.slotMs,
      slotsPerEpoch: chain.slotsPerEpoch,
    },
    ready: readiness(node),
    peers: p2p.peers(),
    relays: p2p.relays(),
    participation: participation(lately, operators, { from, now }),
    beacon: beacon.status(),
    duties,
    slashingMemory: { origin: memory.origin, signs: watch.over && duties.memory === "well" },
    ...(validatorApi === undefined ? {} : { validatorClient: validatorApi.status() }),
    process: processStatus(loop.delays()),
  };
  return { ...facts, findings: findings(facts, lately) };
}
