import type { Cluster } from "../cluster/index.ts";
import type { Consensus } from "../consensus/index.ts";
import type {
  BeaconNode,
  BlsWork,
  Clock,
  DutyOutcome,
  Logger,
  Meter,
  NoteStore,
  SlashingStore,
  TimelineSink,
  Transport,
} from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  type ShareIndex,
  shareIndexOf,
} from "../spec/index.ts";
import type { DoppelgangerWatch } from "./doppelganger.ts";
import { DutyRecord } from "./duty-record.ts";
import { Exchange, type ExchangeContext } from "./exchange.ts";
import { dutyGate } from "./gate.ts";
import { Judge } from "./judge.ts";
import { MemoryHealth } from "./memory-health.ts";
import { createMetrics, type DutyMetrics } from "./metrics.ts";
import { Offers } from "./offers.ts";
import { PartialStore } from "./partial-store.ts";
import type { Signing } from "./signing.ts";

/** What a node does its duties with. */
export interface DutyPorts {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly cluster: Cluster;
  readonly self: OperatorIndex;
  readonly beacon: BeaconNode;
  readonly consensus: Consensus;
  readonly transport: Transport;
  readonly slashing: SlashingStore;
  readonly signing: Signing;
  /** Where exits lie until enough operators have signed them. */
  readonly notes: NoteStore;
  readonly bls: BlsWork;
  readonly log: Logger;
  readonly meter: Meter;
  readonly timeline: TimelineSink;
  /** Keeps this node from signing while its keys may sign elsewhere; left out, it signs at once. */
  readonly watch?: DoppelgangerWatch;
}

/** What all of this room works with. */
export interface DutyContext extends DutyPorts {
  readonly share: ShareIndex;
  readonly publicShares: ReadonlyMap<GroupKey, readonly Uint8Array[]>;
  readonly memory: MemoryHealth;
  /** For signatures that anybody may have sent. */
  readonly judge: Judge;
  readonly offers: Offers;
  readonly store: PartialStore;
  readonly exchange: Exchange;
  readonly metrics: DutyMetrics;
  /** Begins the record of a duty; its outcomes are counted and told. */
  readonly recordOf: (id: DutyId, groupKeys: Iterable<GroupKey>) => DutyRecord;
}

/** Registers the exchange of partial signatures at the transport, and begins nothing. */
export function createContext(
  ports: DutyPorts,
  listener: Pick<ExchangeContext, "onReceived" | "onForget" | "onStanding">,
): DutyContext {
  const { clock, chain, cluster, watch, timeline, meter } = ports;
  const log = ports.log.room("duty");
  const memory = new MemoryHealth();
  const metrics = createMetrics(meter, clock, chain);
  const publicShares = new Map(cluster.validators.map((v) => [v.groupKey, v.publicShares]));
  const store = new PartialStore(publicShares.keys());
  const gate = dutyGate(chain, clock);
  const maySign: ExchangeContext["maySign"] = (duty) =>
    memory.state !== "doubted" && (watch?.maySign(duty) ?? true);
  const onFinish = (outcome: DutyOutcome): void => {
    metrics.outcome(outcome);
    // The duty's own line, for all its validators together, is written from its timeline.
    log.debug(isMissed(outcome) ? "Duty missed" : "Duty done", {
      duty: dutyName(outcome.duty),
      validator: outcome.groupKey,
      outcome: outcome.outcome,
      cause: outcome.cause ?? "",
    });
  };
  return {
    ...ports,
    log,
    share: shareIndexOf(ports.self),
    publicShares,
    memory,
    judge: new Judge(ports),
    offers: new Offers(),
    store,
    exchange: new Exchange({ ...ports, log, store, gate, maySign, ...listener }),
    metrics,
    recordOf: (id, groupKeys) => new DutyRecord(id, groupKeys, { clock, timeline, onFinish }),
  };
}

function isMissed({ outcome }: DutyOutcome): boolean {
  return outcome === "failed" || outcome === "not-included";
}
