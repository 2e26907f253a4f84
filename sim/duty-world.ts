import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Facts, seededRandom } from "../src/base/index.ts";
import { type Consensus, createConsensus } from "../src/consensus/index.ts";
import { NodeKey, sha256 } from "../src/crypto/index.ts";
import {
  canonicalise,
  createDutyRunner,
  DoppelgangerWatch,
  type DoppelgangerWatchOptions,
  type DutyRunner,
  type DutyRunnerOptions,
  dutyGate,
  type SignedCodec,
  signedCodecs,
} from "../src/duty/index.ts";
import {
  type BlsWork,
  type DutyOutcome,
  type Labels,
  type Logger,
  type Meter,
  type TimelineEntry,
} from "../src/ports/index.ts";
import {
  type ChainSpec,
  domainAt,
  dutyName,
  epochOf,
  type GroupKey,
  type OperatorIndex,
  readChainSpec,
  type Slot,
  signingRoot,
  slotStart,
  ssz,
} from "../src/spec/index.ts";
import { type PublishedMessage, type SimBeaconNode, SimChain, type SimChainOptions } from "./beacon.ts";
import { OperatorClock, SimClock } from "./clock.ts";
import { type MemoryDisk, memoryDisk } from "./disk.ts";
import { SimNetwork, type Weather } from "./network.ts";
import { type ToyCluster, toyCluster } from "./toy-keys.ts";

export interface DutyWorldOptions {
  readonly operatorCount?: number;
  readonly threshold?: number;
  readonly validatorCount?: number;
  readonly slotsPerEpoch?: number;
  readonly chain?: Partial<SimChainOptions>;
  readonly weather?: Partial<Weather>;
  readonly runner?: Partial<DutyRunnerOptions>;
  /** Puts something else in place of an operator's slashing memory; the place for canaries. */
  readonly disk?: (index: OperatorIndex, honest: MemoryDisk) => MemoryDisk;
  /** Puts something else in place of the work that combines and verifies; the place for canaries. */
  readonly bls?: (honest: BlsWork) => BlsWork;
  /** Puts something else in place of an operator's consensus; the place for leaders that lie. */
  readonly consensus?: (index: OperatorIndex, honest: Consensus) => Consensus;
  /** Whether a validator client signs for an operator, on whose desk a test plays it; no operator's when left out. */
  readonly clientSigns?: (index: OperatorIndex) => boolean;
  /** What an operator knows at its start of its own past; one that this leaves out signs at once. */
  readonly past?: (
    index: OperatorIndex,
  ) => Pick<DoppelgangerWatchOptions, "memory" | "freshKeys"> | undefined;
}

/** One operator of the simulated cluster, with everything of it that a test may look at or break. */
export interface SimOperator {
  readonly index: OperatorIndex;
  readonly clock: OperatorClock;
  readonly beacon: SimBeaconNode;
  readonly disk: MemoryDisk;
  readonly consensus: Consensus & { stop(): void };
  readonly runner: DutyRunner;
  /** When its slashing memory was declared complete. */
  readonly trusted: { readonly at: number | undefined };
  readonly outcomes: DutyOutcome[];
  readonly timeline: { readonly duty: string; readonly entry: TimelineEntry }[];
  readonly log: { readonly level: string; readonly sentence: string; readonly facts: Facts | undefined }[];
  /** Sums of counters, by name and labels. */
  readonly counters: Map<string, number>;
}

const recorded = (name: string): never =>
  (
    JSON.parse(readFileSync(join(import.meta.dirname, "../test/golden/duty", name), "utf8")) as {
      data: never;
    }
  ).data;

/** A mainnet-preset chain, all forks up to Fulu active, 6 s slots. */
export function simChainSpec(slotsPerEpoch: number): ChainSpec {
  return { ...readChainSpec(recorded("spec.json"), recorded("genesis.json")), slotsPerEpoch };
}

/** A whole cluster of duty runners with real consensus on a simulated clock, network, chain and disks. */
export class DutyWorld {
  readonly spec: ChainSpec;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly keys: ToyCluster;
  readonly chain: SimChain;
  readonly operators: SimOperator[];
  /** Told of every wrong group signature that somebody published. */
  onWrongSignature: (groupKey: string) => void = () => {};
  readonly #nodeKeys: readonly NodeKey[];
  readonly #options: DutyWorldOptions;

  constructor(seed: number, options: DutyWorldOptions = {}) {
    const operatorCount = options.operatorCount ?? 4;
    const threshold = options.threshold ?? operatorCount - Math.floor((operatorCount - 1) / 3);
    this.spec = simChainSpec(options.slotsPerEpoch ?? 8);
    // The world begins in the middle of slot 0, before the first duty.
    this.clock = new SimClock(this.spec.genesisTime + this.spec.slotMs / 2);
    const random = seededRandom(seed);
    this.network = new SimNetwork(this.clock, random.fork("network"), {
      operatorCount,
      ...(options.weather === undefined ? {} : { weather: options.weather }),
    });
    this.keys = toyCluster({ operatorCount, threshold, validatorCount: options.validatorCount ?? 6 });
    const groupKeys = this.keys.cluster.validators.map(({ groupKey }) => groupKey);
    this.chain = new SimChain(this.spec, this.clock, seed, {
      groupKeys,
      validatorCount: 4 * groupKeys.length + 7,
      committeesPerSlot: 2,
      ownProposers: 0.2,
      blockDelayMs: 700,
      missedBlocks: 0,
      verify: (published) => {
        const right = this.#verify(published);
        if (!right) this.onWrongSignature(published.groupKey);
        return right;
      },
      ...options.chain,
    });
    const nodeKeys = Array.from({ length: operatorCount }, (_, i) =>
      NodeKey.fromBytes(sha256(Buffer.from(`node key ${i}`))),
    );
    this.#nodeKeys = nodeKeys;
    this.#options = options;
    this.operators = nodeKeys.map((_, i) => this.#operator(i as OperatorIndex));
  }

  /**
   * Ends an operator as a power cut does: timers, handlers and everything in memory are gone; what its disk had made
   * durable stays. Nothing of the old life acts any more.
   */
  crash(index: number): void {
    const operator = this.operators[index];
    if (operator === undefined) return;
    operator.beacon.down = true;
    operator.clock.cancelAll();
    this.network.forget(index);
    this.network.setDown(index, true);
    operator.disk.crash();
  }

  /** Starts it again on the same disk. */
  restart(index: number): void {
    const old = this.operators[index];
    if (old === undefined) return;
    this.network.setDown(index, false);
    const operator = this.#operator(index as OperatorIndex, old.disk);
    this.operators[index] = operator;
    operator.runner.start();
  }

  /** Starts a second program with an operator's key and share, on a disk of its own, as a forgotten machine does. */
  startDouble(index: number): SimOperator {
    const double = this.#operator(index as OperatorIndex, undefined, { double: true });
    double.runner.start();
    return double;
  }

  #verify(published: Parameters<NonNullable<SimChainOptions["verify"]>>[0]): boolean {
    const { groupKey } = published;
    if ("message" in published) return this.#verifyMessage(groupKey, published.message);
    if ("attestation" in published) {
      const { data, signature } = published.attestation;
      const root = ssz.phase0.AttestationData.hashTreeRoot(data);
      return this.keys.verify(
        groupKey,
        signingRoot(root, domainAt(this.spec, "attester", data.target.epoch)),
        signature,
      );
    }
    const { blinded, signedBlock } = published.proposal;
    const type = blinded ? ssz.fulu.BlindedBeaconBlock : ssz.fulu.BeaconBlock;
    const root = type.hashTreeRoot(signedBlock.message as never);
    const domain = domainAt(this.spec, "proposer", epochOf(this.spec, signedBlock.message.slot));
    return this.keys.verify(groupKey, signingRoot(root, domain), signedBlock.signature);
  }

  #verifyMessage(groupKey: GroupKey, { kind, value }: PublishedMessage["message"]): boolean {
    const codec = signedCodecs[kind] as SignedCodec<unknown>;
    const root = codec.signingRoot(value, this.spec);
    return root !== undefined && this.keys.verify(groupKey, root, codec.signature(value));
  }

  #operator(index: OperatorIndex, kept?: MemoryDisk, how = { double: false }): SimOperator {
    const options = this.#options;
    const clock = new OperatorClock(this.clock);
    const beacon = this.chain.node(index, clock);
    // The disk outlives its operator, so its time is the world's.
    const fresh = (): MemoryDisk => memoryDisk(this.clock);
    const disk = kept ?? options.disk?.(index, fresh()) ?? fresh();
    const transport = this.network.transport(index, { beside: how.double });
    const lines: SimOperator["log"] = [];
    const counters = new Map<string, number>();
    const outcomes: DutyOutcome[] = [];
    const timeline: { duty: string; entry: TimelineEntry }[] = [];
    const log = logTo(lines);
    const meter = countIn(counters);
    const shared = { clock, chain: this.spec, transport, log, meter };
    const past = how.double ? undefined : options.past?.(index);
    const trusted: { at: number | undefined } = { at: undefined };
    const watch =
      past &&
      new DoppelgangerWatch({
        ...past,
        clock,
        chain: this.spec,
        cluster: this.keys.cluster,
        beacon,
        log,
        trustMemory: async () => void (trusted.at = clock.now()),
      });
    const consensus = createConsensus({
      ...shared,
      onDouble: (duty, evidence) => watch?.heard(duty, evidence),
      key: this.#nodeKeys[index] as NodeKey,
      publicKeys: this.#nodeKeys.map(({ publicKey }) => publicKey),
      admit: dutyGate(this.spec, clock),
      canonicalise,
    });
    const runner = createDutyRunner({
      ...shared,
      cluster: this.keys.cluster,
      self: index,
      beacon,
      consensus: options.consensus?.(index, consensus) ?? consensus,
      slashing: disk,
      notes: disk,
      ...(options.clientSigns?.(index) === true ? {} : { signer: this.keys.signer(index) }),
      bls: options.bls?.(this.keys.bls) ?? this.keys.bls,
      timeline: {
        record: (duty, entry) => void timeline.push({ duty: dutyName(duty), entry }),
        finish: (outcome) => void outcomes.push(outcome),
      },
      ...(watch === undefined ? {} : { watch }),
      options: { builder: true, graffiti: "trireme", ...options.runner },
    });
    return {
      index,
      clock,
      beacon,
      disk,
      consensus,
      runner,
      trusted,
      outcomes,
      timeline,
      log: lines,
      counters,
    };
  }

  start(): void {
    for (const { runner } of this.operators) runner.start();
  }

  /** Runs the world to the start of a slot. */
  async runToSlot(slot: Slot): Promise<void> {
    await this.clock.run({ until: slotStart(this.spec, slot) });
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

function logTo(lines: SimOperator["log"]): Logger {
  const at =
    (level: string) =>
    (sentence: string, facts?: Facts): void =>
      void lines.push({ level, sentence, facts });
  const log: Logger = {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    room: () => log,
  };
  return log;
}

function countIn(counters: Map<string, number>): Meter {
  const name = (metric: string, labels: Labels = {}): string =>
    [metric, ...Object.entries(labels).map(([label, value]) => `${label}=${value}`)].join(" ");
  const add = (metric: string, by: number, labels?: Labels): void =>
    void counters.set(name(metric, labels), (counters.get(name(metric, labels)) ?? 0) + by);
  return {
    counter: (metric) => ({ add: (by, labels) => add(metric, by, labels) }),
    gauge: (metric) => ({ set: (value, labels) => void counters.set(name(metric, labels), value) }),
    histogram: (metric) => ({ observe: (_, labels) => add(`${metric}_count`, 1, labels) }),
  };
}
