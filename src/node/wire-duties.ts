import { type Consensus, createConsensus, QBFT_PROTOCOL, type RunningConsensus } from "../consensus/index.ts";
import {
  canonicalise,
  createDutyRunner,
  type DoppelgangerWatch,
  type DutyRunner,
  dutyGate,
  PARSIGEX_PROTOCOL,
  type Signing,
} from "../duty/index.ts";
import { canonicaliseResult, InfoSync, type Offer, PRIORITY_PROTOCOLS } from "../infosync/index.ts";
import { NEWEST_CHARON_MINOR, type P2p, PEERINFO_PROTOCOL, peerIdOf } from "../p2p/index.ts";
import type { BeaconNode, BlsWork, Clock, Logger, Meter, TimelineSink } from "../ports/index.ts";
import type { ChainSpec } from "../spec/index.ts";
import type { NodeStore } from "../storage/index.ts";
import type { RunConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import { nodeMetrics } from "./metrics.ts";

/** What a node's duties are done with. */
export interface DutyTools extends Identity {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly p2p: P2p;
  readonly beacon: BeaconNode;
  readonly store: NodeStore;
  readonly signing: Signing;
  readonly bls: BlsWork;
  readonly timeline: TimelineSink;
  readonly watch: DoppelgangerWatch;
  /** Ends this life of the node, and begins another one in its place. */
  readonly beginAnew: (why: string) => void;
  readonly log: Logger;
  readonly meter: Meter;
}

/** Agreement, what all operators can do, and the duties themselves. Their protocols are registered; nothing is started. */
export function makeDuties(
  config: RunConfig,
  tools: DutyTools,
): { readonly consensus: RunningConsensus; readonly infosync: InfoSync; readonly duties: DutyRunner } {
  const consensus = makeConsensus(tools);
  const infosync = makeInfoSync(config, consensus, tools);
  return { consensus, infosync, duties: makeRunner(config, { consensus, infosync }, tools) };
}

function makeConsensus(tools: DutyTools): RunningConsensus {
  const { clock, chain, cluster, key, p2p, watch, log, meter } = tools;
  const { doubles } = nodeMetrics(meter);
  return createConsensus({
    transport: p2p.transport,
    clock,
    chain,
    key,
    publicKeys: cluster.operators.map(({ publicKey }) => publicKey),
    admit: dutyGate(chain, clock),
    canonicalise: (value, kind) =>
      kind === "info-sync" ? canonicaliseResult(value) : canonicalise(value, cluster.validators.length),
    onDouble: (duty, evidence) => {
      if (watch.heard(duty, evidence)) doubles.add(1, { evidence });
    },
    log,
    meter,
  });
}

function makeInfoSync(config: RunConfig, consensus: Consensus, tools: DutyTools): InfoSync {
  const { clock, chain, cluster, key, self, p2p, watch, log } = tools;
  return new InfoSync({
    clock,
    chain,
    self,
    peerIds: cluster.operators.map(({ publicKey }) => peerIdOf(publicKey).toString()),
    publicKeys: cluster.operators.map(({ publicKey }) => publicKey),
    key,
    threshold: cluster.threshold,
    transport: p2p.transport,
    consensus,
    offer: offerOf(config),
    silent: () => watch.status !== undefined,
    log,
  });
}

function makeRunner(
  { builderApi, graffiti }: RunConfig,
  { consensus, infosync }: { readonly consensus: Consensus; readonly infosync: InfoSync },
  tools: DutyTools,
): DutyRunner {
  const {
    clock,
    chain,
    cluster,
    self,
    p2p,
    beacon,
    store,
    signing,
    bls,
    timeline,
    watch,
    beginAnew,
    log,
    meter,
  } = tools;
  return createDutyRunner({
    clock,
    chain,
    cluster,
    self,
    beacon,
    consensus,
    transport: p2p.transport,
    slashing: store,
    notes: store,
    signing,
    bls,
    log,
    meter,
    timeline,
    watch,
    options: {
      builder: builderApi,
      onOverslept: () =>
        beginAnew("The machine slept, or was put back to what it was before; the node starts anew"),
      buildersAgreed: (slot) => infosync.buildersWanted(slot),
      severalContributions: (slot) => infosync.severalContributions(slot),
      ...(graffiti === "" ? {} : { graffiti }),
    },
  });
}

/** What we can do, as Charon names it: we speak with every Charon since 1.0, and prefer blocks of builders where they are wanted. */
function offerOf({ builderApi }: RunConfig): Offer {
  return {
    versions: Array.from({ length: NEWEST_CHARON_MINOR + 1 }, (_, i) => `v1.${NEWEST_CHARON_MINOR - i}`),
    protocols: [QBFT_PROTOCOL, PARSIGEX_PROTOCOL, PEERINFO_PROTOCOL, ...PRIORITY_PROTOCOLS],
    proposals: builderApi ? ["builder", "full"] : ["full"],
  };
}
