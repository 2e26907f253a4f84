import type { Cluster } from "../cluster/index.ts";
import type { Consensus } from "../consensus/index.ts";
import type { BeaconNode, BlsWork, Clock, Logger, SlashingStore } from "../ports/index.ts";
import type { ChainSpec, GroupKey, OperatorIndex, ShareIndex } from "../spec/index.ts";
import type { Exchange } from "./exchange.ts";
import type { Judge } from "./judge.ts";
import type { MemoryHealth } from "./memory-health.ts";
import type { DutyMetrics } from "./metrics.ts";
import type { Offers } from "./offers.ts";
import type { PartialStore } from "./partial-store.ts";
import type { Signing } from "./signing.ts";

/** What the stages of all scripts work with. */
export interface DutyContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly cluster: Cluster;
  readonly self: OperatorIndex;
  readonly share: ShareIndex;
  readonly publicShares: ReadonlyMap<GroupKey, readonly Uint8Array[]>;
  readonly beacon: BeaconNode;
  readonly consensus: Consensus;
  readonly slashing: SlashingStore;
  readonly memory: MemoryHealth;
  readonly signing: Signing;
  readonly offers: Offers;
  readonly bls: BlsWork;
  /** For signatures that anybody may have sent. */
  readonly judge: Judge;
  readonly store: PartialStore;
  readonly exchange: Exchange;
  readonly log: Logger;
  readonly metrics: DutyMetrics;
}
