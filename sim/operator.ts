import type { Facts } from "../src/base/index.ts";
import { createConsensus, type RunningConsensus } from "../src/consensus/index.ts";
import {
  byClient,
  bySigner,
  canonicalise,
  createDutyRunner,
  DoppelgangerWatch,
  type DutyRunner,
  dutyGate,
} from "../src/duty/index.ts";
import { canonicaliseResult, InfoSync } from "../src/infosync/index.ts";
import { BUG, type DutyOutcome, type TimelineEntry } from "../src/ports/index.ts";
import { type DutyId, dutyName, type OperatorIndex, type UnixMs } from "../src/spec/index.ts";
import type { SimBeaconNode } from "./chain/beacon-node.ts";
import { OperatorClock } from "./clock.ts";
import type { MemoryDisk } from "./disk.ts";
import type { DutyWorld } from "./duty-world.ts";
import { countIn, logTo } from "./records.ts";
import { SimValidatorClient } from "./validator-client.ts";

/** One operator of the simulated cluster, with everything of it that a test may look at or break. */
export interface SimOperator {
  readonly index: OperatorIndex;
  readonly clock: OperatorClock;
  readonly beacon: SimBeaconNode;
  readonly disk: MemoryDisk;
  readonly consensus: RunningConsensus;
  readonly runner: DutyRunner;
  /** Signs in the place of the built-in signer. */
  readonly client: SimValidatorClient | undefined;
  readonly infosync: InfoSync | undefined;
  /** When its slashing memory was declared complete. */
  readonly trusted: { readonly at: UnixMs | undefined };
  readonly outcomes: DutyOutcome[];
  readonly timeline: { readonly duty: string; readonly entry: TimelineEntry }[];
  readonly log: { readonly level: string; readonly sentence: string; readonly facts: Facts | undefined }[];
  /** Sums of counters, by name and labels. */
  readonly counters: Map<string, number>;
  start(): void;
  /** Nothing of this life acts any more. */
  die(): void;
}

/** What an operator takes from its former life, or shares with its double. */
export interface Birth {
  readonly disk: MemoryDisk;
  /** Runs beside the one that has this key and share, on a machine of its own. */
  readonly double: boolean;
}

/** One life of an operator: the rooms of a node, wired as `node/` wires them. */
export function createOperator(world: DutyWorld, index: OperatorIndex, { disk, double }: Birth): SimOperator {
  const { options, spec, keys, nodeKeys } = world;
  let alive = true;
  const clock = new OperatorClock(world.clock);
  const beacon = world.chain.node(index, clock);
  const asked = options.beacon?.(index, beacon) ?? beacon;
  const lines: SimOperator["log"] = [];
  const log = logTo(lines, ({ sentence, facts }) => {
    if (sentence === BUG) world.bugs.push({ by: index, why: String(facts?.["why"]) });
  });
  const transport = world.network.transport(index, { beside: double, alive: () => alive, log });
  const counters: SimOperator["counters"] = new Map();
  const outcomes: DutyOutcome[] = [];
  const timeline: SimOperator["timeline"] = [];
  const shared = { clock, chain: spec, transport, log, meter: countIn(counters) };
  const past = double ? undefined : options.past?.(index, disk);
  const trusted: { at: UnixMs | undefined } = { at: undefined };
  const watch =
    past &&
    new DoppelgangerWatch({
      ...past,
      clock,
      chain: spec,
      cluster: keys.cluster,
      beacon,
      log,
      trustMemory: async () => {
        await disk.trust();
        if (alive) trusted.at = clock.now();
      },
    });
  const key = nodeKeys[index];
  if (key === undefined) throw new Error(`there is no operator ${index}`);
  const publicKeys = nodeKeys.map(({ publicKey }) => publicKey);
  const running = createConsensus({
    ...shared,
    onDouble: (duty, evidence) => watch?.heard(duty, evidence),
    key,
    publicKeys,
    admit: dutyGate(spec, clock),
    canonicalise: (value, kind) => (kind === "info-sync" ? canonicaliseResult(value) : canonicalise(value)),
    verified: world.verifiedParts,
  });
  const honest = options.consensus?.(index, running) ?? running;
  const consensus: typeof honest = {
    async agree(duty, how, signal) {
      const decision = await honest.agree(duty, how, signal);
      if (alive) world.onDecision(index, duty, decision.value);
      return decision;
    },
  };
  const infosync =
    options.offer &&
    new InfoSync({
      ...shared,
      self: index,
      peerIds: nodeKeys.map((_, i) => `peer-${i}`),
      publicKeys,
      key,
      threshold: keys.cluster.threshold,
      consensus,
      offer: options.offer(index),
      silent: () => watch?.status !== undefined,
    });
  const signer = options.signer?.(index, keys.signer(index)) ?? keys.signer(index);
  const hasClient = options.hasClient?.(index) ?? false;
  const isPlayed = options.clientSigns?.(index) ?? false;
  const signing = options.signing?.(index, signer) ?? (hasClient || isPlayed ? byClient : bySigner(signer));
  const record = (duty: DutyId, entry: TimelineEntry): void => {
    if (!alive) return;
    timeline.push({ duty: dutyName(duty), entry });
    world.onStage(index, duty, entry);
  };
  const ofThisLife = whileAlive(disk, () => alive);
  const runner = createDutyRunner({
    ...shared,
    cluster: keys.cluster,
    self: index,
    beacon: asked,
    consensus,
    slashing: ofThisLife,
    notes: ofThisLife,
    signing,
    bls: options.bls?.(keys.bls) ?? keys.bls,
    timeline: { record, finish: (outcome) => void (alive && outcomes.push(outcome)) },
    ...(watch === undefined ? {} : { watch }),
    options: {
      builder: true,
      graffiti: "trireme",
      ...(infosync && {
        buildersAgreed: (slot) => infosync.buildersWanted(slot),
        severalContributions: (slot) => infosync.severalContributions(slot),
      }),
      ...options.runner,
    },
  });
  const client = hasClient
    ? new SimValidatorClient({ desk: runner.desk, clock, chain: world.chain, keys, signer, index })
    : undefined;
  // The built-in signer aggregates beside a client that cannot.
  if (client !== undefined) client.temper.selects = signing.signerOf("aggregator") === undefined;
  return {
    index,
    clock,
    beacon,
    disk,
    consensus: running,
    runner,
    client,
    infosync,
    trusted,
    outcomes,
    timeline,
    log: lines,
    counters,
    start() {
      infosync?.start();
      runner.start();
      client?.start();
    },
    die() {
      alive = false;
      beacon.down = true;
      clock.cancelAll();
    },
  };
}

/** The disk as one life sees it: what a dead program still had in hand does not reach it. */
function whileAlive(disk: MemoryDisk, alive: () => boolean): MemoryDisk {
  const check = (): void => {
    if (!alive()) throw new Error("the program has died");
  };
  return {
    ...disk,
    async admit(votes, signal) {
      check();
      return disk.admit(votes, signal);
    },
    async writeNote(key, value) {
      check();
      return disk.writeNote(key, value);
    },
  };
}
