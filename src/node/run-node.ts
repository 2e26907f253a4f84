import { type Facts, toHex, urlFromHere } from "../base/index.ts";
import { type BeaconNodes, createBeaconNodes } from "../beacon/index.ts";
import { readLock } from "../cluster/index.ts";
import { CAUSES, type Cause, DoppelgangerWatch } from "../duty/index.ts";
import { readTls } from "../http/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import { createBlsThreads } from "../signer/index.ts";
import { type ChainSpec, type OperatorIndex, slotAt } from "../spec/index.ts";
import { lockDataFolder, type NodeStore, openNodeStore } from "../storage/index.ts";
import {
  charonLabels,
  createMeter,
  createTimelineSink,
  type DutyTimelines,
  type ExposedMeter,
  watchEventLoop,
} from "../telemetry/index.ts";
import { bootOfMachine } from "./boot-of-machine.ts";
import { systemClock } from "./clock.ts";
import { untilClockAgrees, watchForSetBack } from "./clock-checks.ts";
import type { RunConfig } from "./config.ts";
import { earlierDuties } from "./earlier-duties.ts";
import { type Identity, networkName, readIdentity } from "./identity.ts";
import { fitBuffers, fitCollector } from "./lean.ts";
import { slashingDatabase } from "./paths.ts";
import { Running } from "./running.ts";
import { version } from "./version.ts";
import { makeDuties } from "./wire-duties.ts";
import { holdNodeKey } from "./wire-key-lock.ts";
import { makeLogger } from "./wire-logger.ts";
import { type Beginning, serveMonitoring } from "./wire-monitoring.ts";
import { makeP2p } from "./wire-p2p.ts";
import { openSigning } from "./wire-signing.ts";
import { type RunningValidatorApi, startValidatorApi } from "./wire-validator-api.ts";

/**
 * Runs a node until `signal` fires, then finishes the signatures under way and stops. Everything on disk is checked before
 * anything is sent.
 *
 * @throws DvError of the part that could not start, with what to do.
 */
export async function runNode(config: RunConfig, signal: AbortSignal): Promise<void> {
  fitBuffers();
  // A node whose clock was set back would wait for the time to come round again, one that learned the chain's forks before
  // its beacon nodes were upgraded would sign for the old ones, and one that slept would trust what it knew; a new one does not.
  // A machine that is put back while it runs is in the same boot as before, so a later life does not rely on it.
  for (let boot = bootOfMachine(); (await runOnce(config, boot, signal)) === "begin anew"; boot = undefined);
}

async function runOnce(
  config: RunConfig,
  boot: string | undefined,
  signal: AbortSignal,
): Promise<"stopped" | "begin anew"> {
  const running = new Running();
  const anew = new AbortController();
  const lock = readLock(config.lockFile); // Before anything is made: the folder may be a mistyped name.
  if (config.validatorApi.tls !== undefined) readTls(config.validatorApi.tls);
  const folder = lockDataFolder(config.dataDir, "run");
  running.add(() => folder.release());
  let log = makeLogger(config);
  try {
    const identity = await readIdentity(config, lock, log, signal);
    fitCollector(identity.cluster.validators.length);
    const meter = makeMeter(config, identity);
    log = makeLogger(config, meter);
    const beginAnew = (why: string, facts: Facts = {}): void => {
      log.error(why, facts);
      anew.abort(new Error(why));
    };
    running.add(
      watchForSetBack((byMs) =>
        beginAnew("The clock was set back; the node starts anew", { seconds: Math.round(byMs / 1_000) }),
      ),
    );
    const begun = AbortSignal.any([signal, anew.signal]);
    const { broken } = await startNode(config, identity, { boot, log, meter, running, beginAnew }, begun);
    const over = AbortSignal.any([begun, broken]);
    if (!over.aborted)
      await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    // Without the memory nothing can be signed any more, and only a new process may look at the file again.
    if (!begun.aborted) throw broken.reason;
    log.info("Stopping; signatures under way are finished first, and a second signal waits for none");
  } catch (error) {
    // Asked to stop while still starting: not a failure.
    if (!signal.aborted && !anew.signal.aborted) throw error;
    log.info("Stopping before everything has started");
  } finally {
    await running.end(log);
  }
  log.info("Stopped");
  return signal.aborted ? "stopped" : "begin anew";
}

function makeMeter(config: RunConfig, { cluster, self }: Identity): ExposedMeter {
  return createMeter(
    charonLabels({
      lockHash: toHex(cluster.lockHash),
      clusterName: cluster.name,
      network: networkName(config, cluster),
      peerName: `node${self}`,
      nickname: config.nickname,
      version,
    }),
  );
}

/** What a node has from its first moment to its last. */
interface Life {
  /** Names this boot of the machine, where what is on disk is surely what this machine left there. */
  readonly boot: string | undefined;
  readonly log: Logger;
  readonly meter: ExposedMeter;
  readonly running: Running;
  /** Ends this life of the node, and begins another one in its place. */
  readonly beginAnew: (why: string) => void;
}

/** Makes the parts, those first that others lean on, and starts them. @returns What tells that the memory broke. */
async function startNode(
  config: RunConfig,
  identity: Identity,
  life: Life,
  signal: AbortSignal,
): Promise<Pick<NodeStore, "broken">> {
  const { cluster, self } = identity;
  const { boot, log, meter, running, beginAnew } = life;
  const clock = systemClock;
  greet(identity, log);
  if (config.privateKeyFileLock) {
    const what = {
      keyPath: config.privateKeyFile,
      command: "trireme run",
      lockHash: toHex(cluster.lockHash),
    };
    running.add(await holdNodeKey(what, log, signal));
  }
  const beginning: Beginning = { cluster, self, doing: `opens ${cluster.validators.length} key shares` };
  const monitoring = await serveMonitoring(config, beginning, { clock, meter, log });
  running.add(() => monitoring.close());
  const signing = await openSigning(config, identity, log, signal);
  const bls = createBlsThreads({ log });
  running.add(() => bls.close());

  const p2p = makeP2p(config, identity, log, meter);
  const { beacon, chain } = await meetChain(config, beginning, life, signal);
  beginning.doing = "opens its slashing memory";
  const store = await openNodeStore({
    path: slashingDatabase(config.dataDir),
    lockHash: cluster.lockHash,
    genesisValidatorsRoot: chain.genesisValidatorsRoot,
    ...(boot === undefined ? {} : { boot }),
  });
  running.add(() => store.close());
  const memory = await store.standing();
  const { freshKeys } = config;
  const trustMemory = (): Promise<void> => store.trust();
  const watch = new DoppelgangerWatch({ clock, chain, cluster, beacon, log, memory, freshKeys, trustMemory });
  const timelines = await makeTimelines({ clock, chain, self, store, log });
  running.add(() => timelines.flush());
  const loop = watchEventLoop(meter);
  running.add(() => loop.stop());

  const tools = { ...identity, clock, chain, p2p, beacon, store, signing, bls, watch, beginAnew, log, meter };
  const { consensus, infosync, duties } = makeDuties(config, { ...tools, timeline: timelines });
  running.add(() => consensus.stop());
  let validatorApi: RunningValidatorApi | undefined;
  monitoring.show({
    clock,
    chain,
    network: networkName(config, cluster),
    cluster,
    self,
    p2p,
    beacon,
    duties,
    timelines,
    watch,
    memory,
    loop,
    shares: signing.hasClient ? undefined : signing.shares,
    validatorApi: () => validatorApi,
    stopping: signal,
  });

  await p2p.start();
  running.add(() => p2p.stop());
  infosync.start();
  running.add(() => infosync.stop());
  duties.start();
  running.add(() => duties.stop());
  if (signing.hasClient) {
    validatorApi = await startValidatorApi(config, { ...tools, desk: duties.desk });
    running.add(() => validatorApi?.close());
  }
  log.info("Started; see the dashboard", {
    dashboard: urlFromHere(monitoring),
  });
  return store;
}

function greet({ cluster, self }: Identity, log: Logger): void {
  log.info("Trireme starts", {
    version,
    cluster: cluster.name,
    operator: self,
    operators: cluster.operators.length,
    threshold: cluster.threshold,
    validators: cluster.validators.length,
  });
}

/** Waits for a beacon node that names the cluster's chain, and for a clock that agrees with it. */
async function meetChain(
  config: RunConfig,
  beginning: Beginning,
  { log, meter, running, beginAnew }: Life,
  signal: AbortSignal,
): Promise<{ readonly beacon: BeaconNodes; readonly chain: ChainSpec }> {
  const clock = systemClock;
  const beacon = createBeaconNodes({
    endpoints: config.beaconNodeEndpoints,
    headers: config.beaconNodeHeaders,
    timeoutMs: config.beaconNodeTimeoutMs,
    onNewSchedule: () =>
      beginAnew("The beacon nodes have another fork schedule than before; the node starts anew to learn it"),
    clock,
    log,
    meter,
  });
  running.add(() => beacon.close());
  beginning.doing = "asks its beacon nodes for the chain";
  beginning.beacon = beacon;
  const chain = await beacon.connect(beginning.cluster.forkVersion, signal);
  beginning.doing = "waits until this machine's clock agrees with the chain";
  await untilClockAgrees({ clock, chain, beacon, log }, signal);
  return { beacon, chain };
}

async function makeTimelines({
  clock,
  chain,
  self,
  store,
  log,
}: {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly self: OperatorIndex;
  readonly store: NodeStore;
  readonly log: Logger;
}): Promise<DutyTimelines> {
  return createTimelineSink(
    { clock, log: log.room("duty") },
    {
      save: (records) => store.saveDuties(records),
      chain,
      self,
      meaning: (cause) => CAUSES[cause as Cause],
      earlier: await earlierDuties(store, { now: slotAt(chain, clock.now()), log }),
    },
  );
}
