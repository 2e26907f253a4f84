import { explain, logOutput, toHex } from "../base/index.ts";
import { createBeaconNodes } from "../beacon/index.ts";
import { readLock } from "../cluster/index.ts";
import { createConsensus, QBFT_PROTOCOL } from "../consensus/index.ts";
import {
  CAUSES,
  type Cause,
  canonicalise,
  createDutyRunner,
  DoppelgangerWatch,
  dutyGate,
  PARSIGEX_PROTOCOL,
} from "../duty/index.ts";
import { canonicaliseResult, InfoSync, type Offer, PRIORITY_PROTOCOLS } from "../infosync/index.ts";
import { newestCharonMinor, peerIdOf, peerinfoProtocol } from "../p2p/index.ts";
import type { Logger } from "../ports/index.ts";
import { createBlsThreads, createKeystoreSigner, loadKeystores } from "../signer/index.ts";
import { lockDataFolder, lockPrivateKey, type NodeStore, openNodeStore } from "../storage/index.ts";
import {
  charonLabels,
  createLogger,
  createMeter,
  createTimelineSink,
  type ExposedMeter,
  watchEventLoop,
} from "../telemetry/index.ts";
import { systemClock } from "./clock.ts";
import { untilClockAgrees, watchForSetBack } from "./clock-checks.ts";
import type { RunConfig } from "./config.ts";
import { type Identity, networkName, readIdentity } from "./identity.ts";
import { fitBuffers, fitCollector } from "./lean.ts";
import { slashingDatabase } from "./paths.ts";
import { version } from "./version.ts";
import { type Beginning, serveMonitoring } from "./wire-monitoring.ts";
import { makeP2p } from "./wire-p2p.ts";
import { clientSigns, type RunningValidatorApi, startValidatorApi } from "./wire-validator-api.ts";

/** What was started, ended in the opposite order. */
class Running {
  readonly #ends: (() => Promise<void> | void)[] = [];

  add(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  async end(log: Logger): Promise<void> {
    for (const end of this.#ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        log.debug("Could not stop a part of the node in order", {
          why: error instanceof Error ? error.message : "",
        });
      }
    }
  }
}

/**
 * Runs a node until `signal` fires, then finishes the signatures under way and stops. Everything on disk is checked before
 * anything is sent.
 *
 * @throws DvError of the part that could not start, with what to do.
 */
export async function runNode(config: RunConfig, signal: AbortSignal): Promise<void> {
  fitBuffers();
  // A node whose clock was set back would wait for the time to come round again, and one that learned the chain's forks
  // before its beacon nodes were upgraded would sign for the old ones; a new one does not.
  while ((await runOnce(config, signal)) === "begin anew");
}

async function runOnce(config: RunConfig, signal: AbortSignal): Promise<"stopped" | "begin anew"> {
  const running = new Running();
  const anew = new AbortController();
  const lock = readLock(config.lockFile); // Before anything is made: the folder may be a mistyped name.
  const folder = lockDataFolder(config.dataDir, "run");
  running.add(() => folder.release());
  let log = makeLogger(config);
  try {
    const identity = await readIdentity(config, lock, log, signal);
    fitCollector(identity.cluster.validators.length);
    const meter = makeMeter(config, identity);
    log = makeLogger(config, meter);
    running.add(
      watchForSetBack((byMs) => {
        log.error("The clock was set back; the node starts anew", { seconds: Math.round(byMs / 1_000) });
        anew.abort(new Error("the clock was set back"));
      }),
    );
    const begun = AbortSignal.any([signal, anew.signal]);
    const onNewSchedule = (): void => {
      log.error("The beacon nodes have another fork schedule than before; the node starts anew to learn it");
      anew.abort(new Error("the chain's forks were planned anew"));
    };
    const { broken } = await startNode(config, identity, { log, meter, running, onNewSchedule }, begun);
    const over = AbortSignal.any([begun, broken]);
    if (!over.aborted)
      await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    // Without the memory nothing can be signed any more, and only a new process may look at the file again.
    if (!begun.aborted) throw broken.reason;
    log.info("Stopping; signatures under way are finished first");
  } catch (error) {
    // Asked to stop while still starting: not a failure.
    if (!signal.aborted && !anew.signal.aborted) throw error;
  } finally {
    await running.end(log);
  }
  log.info("Stopped");
  return signal.aborted ? "stopped" : "begin anew";
}

function makeLogger(config: RunConfig, meter?: ExposedMeter): Logger {
  const color = config.logColor === "force" || (config.logColor === "auto" && process.stderr.isTTY);
  return createLogger({
    level: config.logLevel,
    format: config.logFormat,
    color,
    write: logOutput(process.stderr),
    ...(meter === undefined ? {} : { meter }),
  });
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

async function startNode(
  config: RunConfig,
  { cluster, key, self }: Identity,
  {
    log,
    meter,
    running,
    onNewSchedule,
  }: {
    readonly log: Logger;
    readonly meter: ExposedMeter;
    readonly running: Running;
    readonly onNewSchedule: () => void;
  },
  signal: AbortSignal,
): Promise<Pick<NodeStore, "broken">> {
  const clock = systemClock;
  log.info("Trireme starts", {
    version,
    cluster: cluster.name,
    operator: self,
    operators: cluster.operators.length,
    threshold: cluster.threshold,
    validators: cluster.validators.length,
  });
  if (config.privateKeyFileLock) {
    const onLost = (error: unknown): void =>
      log.error("The lock of the node key cannot be renewed; another program could take the key", {
        why: explain(error),
      });
    const unlock = await lockPrivateKey(clock, {
      keyPath: config.privateKeyFile,
      command: "trireme run",
      signal,
      onWait: (ms) =>
        log.info("The node key was in use a moment ago; waiting to see whether it still is", {
          seconds: Math.ceil(ms / 1_000),
        }),
      lockHash: toHex(cluster.lockHash),
      onLost,
    });
    running.add(unlock);
  }
  const beginning: Beginning = { cluster, self, doing: `opens ${cluster.validators.length} key shares` };
  const monitoring = await serveMonitoring(config, beginning, { clock, meter, log });
  running.add(() => monitoring.close());
  const signer = (await clientSigns(config))
    ? undefined
    : createKeystoreSigner(await loadKeystores(config.validatorKeysDir, cluster, self, { log, signal }));
  const bls = createBlsThreads({ log });
  running.add(() => bls.close());
  if (signer !== undefined)
    log.info("Key shares opened", { shares: signer.groupKeys.length, of: cluster.validators.length });

  const p2p = makeP2p(config, { cluster, key, self }, log, meter);
  const beacon = createBeaconNodes({
    endpoints: config.beaconNodeEndpoints,
    headers: config.beaconNodeHeaders,
    timeoutMs: config.beaconNodeTimeoutMs,
    onNewSchedule,
    clock,
    log,
    meter,
  });
  running.add(() => beacon.close());
  beginning.doing = "asks its beacon nodes for the chain";
  beginning.beacon = beacon;
  const chain = await beacon.connect(cluster.forkVersion, signal);
  beginning.doing = "waits until this machine's clock agrees with the chain";
  await untilClockAgrees({ clock, chain, beacon, log }, signal);
  beginning.doing = "opens its slashing memory";
  const store = await openNodeStore({
    path: slashingDatabase(config.dataDir),
    lockHash: cluster.lockHash,
    genesisValidatorsRoot: chain.genesisValidatorsRoot,
  });
  running.add(() => store.close());
  const memory = await store.standing();
  const watch = new DoppelgangerWatch({
    clock,
    chain,
    cluster,
    beacon,
    log,
    memory,
    freshKeys: config.freshKeys,
    trustMemory: () => store.trust(),
  });
  const timelines = createTimelineSink(
    { clock, log: log.room("duty") },
    {
      save: (records) => store.saveDuties(records),
      chain,
      self,
      meaning: (cause) => CAUSES[cause as Cause],
    },
  );
  running.add(() => timelines.flush());
  const loop = watchEventLoop(meter);
  running.add(() => loop.stop());

  const consensus = createConsensus({
    transport: p2p.transport,
    clock,
    chain,
    key,
    publicKeys: cluster.operators.map((operator) => operator.publicKey),
    admit: dutyGate(chain, clock),
    canonicalise: (value, kind) => (kind === "info-sync" ? canonicaliseResult(value) : canonicalise(value)),
    onDouble: (duty, evidence) => watch.heard(duty, evidence),
    log,
    meter,
  });
  running.add(() => consensus.stop());
  const infosync = new InfoSync({
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
  const duties = createDutyRunner({
    clock,
    chain,
    cluster,
    self,
    beacon,
    consensus,
    transport: p2p.transport,
    slashing: store,
    notes: store,
    ...(signer === undefined ? {} : { signer }),
    bls,
    log,
    meter,
    timeline: timelines,
    watch,
    options: {
      builder: config.builderApi,
      buildersAgreed: (slot) => infosync.buildersWanted(slot),
      severalContributions: (slot) => infosync.severalContributions(slot),
      ...(config.graffiti === "" ? {} : { graffiti: config.graffiti }),
    },
  });
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
    shares: signer?.groupKeys.length,
    validatorApi: () => validatorApi,
    stopping: signal,
  });

  await p2p.start();
  running.add(() => p2p.stop());
  infosync.start();
  running.add(() => infosync.stop());
  duties.start();
  running.add(() => duties.stop());
  if (signer === undefined) {
    validatorApi = await startValidatorApi(config, {
      clock,
      chain,
      cluster,
      self,
      beacon,
      desk: duties.desk,
      log,
      meter,
    });
    running.add(() => validatorApi?.close());
    const { host, port } = validatorApi.listening;
    log.info("A validator client signs; waiting for it", {
      at: `${config.validatorApi.tls === undefined ? "http" : "https"}://${host}:${port}`,
      ...(config.validatorApi.wanted ? {} : { why: `no keystores in ${config.validatorKeysDir}` }),
    });
  }
  log.info("Ready for peers", {
    addresses: p2p.listenAddresses(),
    dashboard: `http://${monitoring.host}:${monitoring.port}`,
  });
  return store;
}

/** What we can do, as Charon names it: we speak with every Charon since 1.0, and prefer blocks of builders where they are wanted. */
function offerOf({ builderApi }: RunConfig): Offer {
  return {
    versions: Array.from({ length: newestCharonMinor + 1 }, (_, i) => `v1.${newestCharonMinor - i}`),
    protocols: [QBFT_PROTOCOL, PARSIGEX_PROTOCOL, peerinfoProtocol, ...PRIORITY_PROTOCOLS],
    proposals: builderApi ? ["builder", "full"] : ["full"],
  };
}
