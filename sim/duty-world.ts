import { seededRandom } from "../src/base/index.ts";
import type { Consensus, ConsensusValue } from "../src/consensus/index.ts";
import { NodeKey, sha256 } from "../src/crypto/index.ts";
import type { DoppelgangerWatchOptions, DutyRunnerOptions, Signing } from "../src/duty/index.ts";
import type { Offer } from "../src/infosync/index.ts";
import type { BeaconNode, BlsWork, ShareSigner, TimelineEntry } from "../src/ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  domainAt,
  type Epoch,
  type OperatorIndex,
  type Slot,
  slotStart,
} from "../src/spec/index.ts";
import { SimChain, type SimChainOptions } from "./chain/chain.ts";
import { judge } from "./chain/judge.ts";
import type { Refused } from "./chain/published.ts";
import { simChainSpec } from "./chain-spec.ts";
import { SimClock } from "./clock.ts";
import { type MemoryDisk, memoryDisk } from "./disk.ts";
import { SimNetwork, type Weather } from "./network.ts";
import { createOperator, type SimOperator } from "./operator.ts";
import { type ToyCluster, toyCluster } from "./toy-keys.ts";

export { simChainSpec } from "./chain-spec.ts";
export type { SimOperator } from "./operator.ts";

export interface DutyWorldOptions {
  readonly operatorCount?: number;
  readonly threshold?: number;
  readonly validatorCount?: number;
  readonly slotsPerEpoch?: number;
  /** 6 s when left out. */
  readonly slotMs?: number;
  /** From when on the chain is in Fulu, and in Electra before; 0 when left out. */
  readonly fuluEpoch?: Epoch;
  /** Whether the ceremony signed builder registrations. */
  readonly registrations?: boolean;
  readonly chain?: Partial<SimChainOptions>;
  readonly weather?: Partial<Weather>;
  readonly runner?: Partial<DutyRunnerOptions>;
  /** Whether a validator client signs for an operator, on whose desk a test plays it; no operator's when left out. */
  readonly clientSigns?: (index: OperatorIndex) => boolean;
  /** Whether a simulated validator client signs for this operator, and not the built-in signer. */
  readonly hasClient?: (index: OperatorIndex) => boolean;
  /** Who signs for an operator; by the two above where it says nothing. */
  readonly signing?: (index: OperatorIndex, signer: ShareSigner) => Signing | undefined;
  /** What an operator tells the others that it can do; left out, nobody asks. */
  readonly offer?: (index: OperatorIndex) => Offer;
  /** Puts something else in place of an operator's slashing memory; the place for canaries. */
  readonly disk?: (index: OperatorIndex, honest: MemoryDisk) => MemoryDisk;
  /** Puts something else in place of the work that combines and verifies; the place for canaries. */
  readonly bls?: (honest: BlsWork) => BlsWork;
  /** Puts something else in place of an operator's consensus; the place for leaders that lie. */
  readonly consensus?: (index: OperatorIndex, honest: Consensus) => Consensus;
  /** Puts something between an operator and its beacon node; the place for canaries. */
  readonly beacon?: (index: OperatorIndex, honest: BeaconNode) => BeaconNode;
  /** Puts something else in place of an operator's key share. */
  readonly signer?: (index: OperatorIndex, honest: ShareSigner) => ShareSigner;
  /** What an operator knows at its start of its own past; one that this leaves out signs at once. */
  readonly past?: (
    index: OperatorIndex,
    disk: MemoryDisk,
  ) => Pick<DoppelgangerWatchOptions, "memory" | "freshKeys"> | undefined;
}

/** A whole cluster of duty runners with real consensus on a simulated clock, network, chain and disks. */
export class DutyWorld {
  readonly options: DutyWorldOptions;
  readonly spec: ChainSpec;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly keys: ToyCluster;
  readonly nodeKeys: readonly NodeKey[];
  readonly chain: SimChain;
  readonly operators: SimOperator[];
  /** All operators live in one process, so that each signature of a message is verified once. */
  readonly verifiedParts: Set<string> = new Set();
  /** What operators said, in whatever life, of bugs of ours (docs/adr/0210). */
  readonly bugs: { readonly by: OperatorIndex; readonly why: string }[] = [];
  /** Told of every step of every duty, while it is taken: who crashes there, crashes between two steps. */
  onStage: (index: OperatorIndex, duty: DutyId, entry: TimelineEntry) => void = () => {};
  /** Told of what each operator takes for decided. */
  onDecision: (index: OperatorIndex, duty: DutyId, value: ConsensusValue) => void = () => {};

  constructor(seed: number, options: DutyWorldOptions = {}) {
    const operatorCount = options.operatorCount ?? 4;
    const threshold = options.threshold ?? operatorCount - Math.floor((operatorCount - 1) / 3);
    this.options = options;
    this.spec = simChainSpec(options.slotsPerEpoch ?? 8, options.fuluEpoch, options.slotMs);
    // The world begins in the middle of slot 0, before the first duty.
    this.clock = new SimClock(this.spec.genesisTime + this.spec.slotMs / 2);
    this.network = new SimNetwork(this.clock, seededRandom(seed).fork("network"), {
      operatorCount,
      ...(options.weather === undefined ? {} : { weather: options.weather }),
    });
    this.keys = toyCluster({
      operatorCount,
      threshold,
      validatorCount: options.validatorCount ?? 6,
      ...(options.registrations === true && { builderDomain: domainAt(this.spec, "applicationBuilder", 0) }),
    });
    const groupKeys = this.keys.cluster.validators.map(({ groupKey }) => groupKey);
    this.chain = new SimChain(this.spec, this.clock, seed, {
      groupKeys,
      validatorCount: 4 * groupKeys.length + 7,
      committeesPerSlot: 2,
      ownProposers: 0.2,
      blockDelayMs: 700,
      missedBlocks: 0,
      judge: (signed, chain) => judge(signed, chain, this.keys),
      ...options.chain,
    });
    this.nodeKeys = Array.from({ length: operatorCount }, (_, i) =>
      NodeKey.fromBytes(sha256(Buffer.from(`node key ${i}`))),
    );
    this.operators = this.nodeKeys.map((_, i) => this.#operator(i));
  }

  #operator(index: number, kept?: MemoryDisk, how = { double: false }): SimOperator {
    // The disk outlives its operator, so its time is the world's.
    const fresh = (): MemoryDisk => memoryDisk(this.clock);
    const operator = index as OperatorIndex;
    const disk = kept ?? this.options.disk?.(operator, fresh()) ?? fresh();
    return createOperator(this, operator, { disk, ...how });
  }

  /**
   * Ends an operator as a power cut does: timers, handlers and everything in memory are gone; what its disk had made
   * durable stays. Nothing of the old life acts any more.
   */
  crash(index: number): void {
    const operator = this.operators[index];
    if (operator === undefined) return;
    operator.die();
    this.network.forget(index);
    this.network.setDown(index, true);
    operator.disk.crash();
  }

  /** Starts it again on the same disk. */
  restart(index: number): void {
    const old = this.operators[index];
    if (old === undefined) return;
    this.network.setDown(index, false);
    const operator = this.#operator(index, old.disk);
    this.operators[index] = operator;
    operator.start();
  }

  /** Starts a second program with an operator's key and share, on a disk of its own, as a forgotten machine does. */
  startDouble(index: number): SimOperator {
    const double = this.#operator(index, undefined, { double: true });
    double.start();
    return double;
  }

  start(): void {
    for (const operator of this.operators) operator.start();
  }

  /** Runs the world to the start of a slot. */
  async runToSlot(slot: Slot): Promise<void> {
    await this.clock.run({ until: slotStart(this.spec, slot) });
  }

  /** What the chain refused for another reason than that duties had changed with it. */
  get wrong(): readonly Refused[] {
    return this.chain.refused.filter(({ fault }) => fault !== "duty");
  }

  /** Outcomes of one operator as "<duty> <outcome> <cause>", with how many validators had each. */
  summary(operator: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { duty, outcome, cause } of this.operators[operator]?.outcomes ?? []) {
      const name = [duty.kind, outcome, cause].filter((part) => part !== undefined).join(" ");
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }
}
