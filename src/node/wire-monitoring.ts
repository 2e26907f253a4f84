import { toHex } from "../base/index.ts";
import type { BeaconNodes } from "../beacon/index.ts";
import type { Cluster } from "../cluster/index.ts";
import { dashboardFiles } from "../dashboard/index.ts";
import type { DoppelgangerWatch, DutyRunner } from "../duty/index.ts";
import type { P2p } from "../p2p/index.ts";
import type { Clock, Logger, MemoryStanding } from "../ports/index.ts";
import { type ChainSpec, type OperatorIndex, slotAt, type UnixMs } from "../spec/index.ts";
import {
  type DutyDigest,
  type DutyTimelines,
  type EventLoopWatch,
  type ExposedMeter,
  type Monitoring,
  type NotReady,
  startMonitoring,
} from "../telemetry/index.ts";
import type { RunConfig } from "./config.ts";
import { type Facts, findings, findingsAtStart, isBeaconDown, whyNotReady } from "./findings.ts";
import { participation } from "./participation.ts";
import { readiness } from "./readiness.ts";
import { reportEpochs } from "./report-epochs.ts";
import { reportReadiness } from "./report-readiness.ts";
import { type NodeStatus, processStatus, type StartingStatus } from "./status.ts";
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

/** What is known of a node before it is built. */
export interface Beginning {
  readonly cluster: Cluster;
  readonly self: OperatorIndex;
  /** What it does just now; continues "it". */
  doing: string;
  beacon?: Pick<BeaconNodes, "status">;
}

/** The port on which a node tells how it is, from its start on. */
export interface NodeMonitoring extends Monitoring {
  /** From now on it shows the node that was built. */
  show(node: Watched): void;
}

/**
 * Serves health, status, duties, metrics and the dashboard of a node, and while it starts what it does (docs/adr/0222).
 *
 * @param beginning - May change until the node is shown.
 * @throws TelemetryError
 */
export async function serveMonitoring(
  { monitoringAddress, nickname }: RunConfig,
  beginning: Beginning,
  { clock, meter, log }: { readonly clock: Clock; readonly meter: ExposedMeter; readonly log: Logger },
): Promise<NodeMonitoring> {
  let node: Watched | undefined;
  const reports: (() => void)[] = [];
  const monitoring = await startMonitoring({
    address: monitoringAddress,
    meter,
    ready: () => (node === undefined ? readinessAtStart(beginning) : readiness(node)),
    status: () =>
      node === undefined ? statusAtStart(beginning, nickname, clock.now()) : statusOf(node, nickname),
    duties: (limit) => node?.timelines.recent(limit) ?? [],
    digests: (since) => node?.timelines.digests(since) ?? { token: "", whole: true, duties: [], causes: {} },
    pages: dashboardFiles(),
    log,
  });
  return {
    ...monitoring,
    show: (built) => {
      node = built;
      const readinessReport = reportReadiness({ clock, log }, () => {
        const reasons = readiness(built);
        if (reasons.length === 0) return [];
        const { facts } = factsOf(built, nickname);
        return reasons.map((reason) => ({ reason, ...whyNotReady(reason, facts) }));
      });
      const epochReport = reportEpochs({ clock, chain: built.chain, log }, () => {
        const { facts, lately } = factsOf(built, nickname);
        return {
          findings: findings(facts, lately),
          duties: built.timelines.digests().duties,
          connected: facts.peers.filter(({ connected }) => connected).length + 1,
          operators: facts.cluster.operators,
        };
      });
      reports.push(readinessReport, epochReport);
    },
    close: async () => {
      for (const end of reports) end();
      await monitoring.close();
    },
  };
}

function readinessAtStart({ beacon }: Beginning): NotReady[] {
  return [isBeaconDown(beacon?.status() ?? []) ? "beacon node down" : "starting"];
}

function statusAtStart(beginning: Beginning, nickname: string, at: UnixMs): StartingStatus {
  const { cluster, self, doing } = beginning;
  const beacon = beginning.beacon?.status() ?? [];
  return {
    at,
    version,
    operator: self,
    nickname,
    cluster: clusterStatus(cluster),
    ready: readinessAtStart(beginning),
    findings: findingsAtStart(doing, beacon),
    beacon,
    process: processStatus({ worstMs: 0, heldMs: 0 }),
    starting: doing,
  };
}

function clusterStatus(cluster: Cluster): NodeStatus["cluster"] {
  return {
    name: cluster.name,
    lockHash: toHex(cluster.lockHash),
    operators: cluster.operators.length,
    threshold: cluster.threshold,
    validators: cluster.validators.length,
  };
}

function statusOf(node: Watched, nickname: string): NodeStatus {
  const { facts, lately } = factsOf(node, nickname);
  return { ...facts, findings: findings(facts, lately) };
}

/** What the node knows of itself, and its duties of the last epoch. */
function factsOf(
  node: Watched,
  nickname: string,
): { readonly facts: Facts; readonly lately: readonly DutyDigest[] } {
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
    cluster: clusterStatus(cluster),
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
    ...(watch.double === undefined ? {} : { double: watch.double }),
    ...(validatorApi === undefined ? {} : { validatorClient: validatorApi.status() }),
    process: processStatus(loop.delays()),
  };
  return { facts, lately };
}
