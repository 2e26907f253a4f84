import { existsSync, rmSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { counted, DvError, explain, makeFolder, systemAdvice, toHex, writeWhole } from "../base/index.ts";
import { readLock } from "../cluster/index.ts";
import { readAddress, readTls } from "../http/index.ts";
import { type Clock, type Logger, silent, sleepUntil, unmetered } from "../ports/index.ts";
import { lockDataFolder, requireFreePrivateKey } from "../storage/index.ts";
import { askRunningNode } from "./ask-running-node.ts";
import { systemClock } from "./clock.ts";
import type { RunConfig } from "./config.ts";
import { type Identity, readIdentity } from "./identity.ts";
import { slashingDatabase } from "./paths.ts";
import { judgeClock, judgePeers, testBeaconNode, type Verdict } from "./preflight-verdicts.ts";
import { makeP2p } from "./wire-p2p.ts";
import { clientSigns, keystoresIn } from "./wire-signing.ts";

export type { Verdict } from "./preflight-verdicts.ts";

const FREE_BYTES_MIN = 1e9;
const WRITES = 9;
/** A vote is on the disk before it is sent, and a slot has several. */
const SLOW_WRITE_MS = 50;
const LOOK_MS = 250;
/** Who is there answers within that. */
const WAITS_AFTER_MS = 1_500;

export interface PreflightOptions {
  readonly peersMs: number;
  readonly onWait?: (missing: readonly number[]) => void;
  readonly log?: Logger;
}

/**
 * Looks at everything that `run` leans on, and tells each verdict as soon as it is known. Signs nothing and leaves nothing
 * behind but what peers were found at. Where a node runs on the folder, that node is asked how it is instead of ports and peers.
 *
 * @param options.peersMs - How long to wait for the other operators; 0 leaves them alone.
 * @param options.onWait - Told the operators that are not there yet, before they are waited for.
 * @returns Whether a node runs on the folder.
 */
export async function preflight(
  config: RunConfig,
  tell: (verdict: Verdict) => void,
  { peersMs, onWait = () => {}, log = silent }: PreflightOptions,
  signal: AbortSignal,
): Promise<{ readonly isRunning: boolean }> {
  const identity = await testFolder(config, tell, log, signal);
  // Its folder may be a mistyped name, in which nothing is to be made.
  if (identity === undefined) return { isRunning: false };
  tell(testMemory(config));
  tell(await testDisk(config));
  for (const endpoint of config.beaconNodeEndpoints)
    for (const verdict of await testBeaconNode(endpoint, config, identity.cluster.forkVersion)) tell(verdict);
  let folder: { release(): void };
  try {
    folder = lockDataFolder(config.dataDir, "test");
  } catch (error) {
    const isRunning = error instanceof DvError && error.code === "storage/locked";
    if (!isRunning) tell(bad("node", error));
    else
      for (const verdict of await askRunningNode(config.monitoringAddress, toHex(identity.cluster.lockHash)))
        tell(verdict);
    return { isRunning };
  }
  try {
    const use = await keyUse(systemClock, config, toHex(identity.cluster.lockHash), signal);
    if (use !== undefined) {
      tell(use);
      return { isRunning: false };
    }
    for (const verdict of await testPorts(config)) tell(verdict);
    if (peersMs > 0) await testPeers(config, identity, tell, { peersMs, onWait, log }, signal);
  } finally {
    folder.release();
  }
  return { isRunning: false };
}

function bad(name: string, error: unknown): Verdict {
  const hint = error instanceof DvError ? error.hint : undefined;
  return { name, state: "bad", says: explain(error), advice: hint ?? systemAdvice(error) ?? "" };
}

async function testFolder(
  config: RunConfig,
  tell: (verdict: Verdict) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  try {
    const identity = await readIdentity(config, readLock(config.lockFile), log, signal);
    const { cluster, self } = identity;
    const keystores = keystoresIn(config.validatorKeysDir).length;
    const who = `operator ${self} of ${cluster.operators.length}, ${counted(cluster.validators.length, "validator")}`;
    const signs = clientSigns(config) ? "a validator client signs" : counted(keystores, "keystore");
    tell(
      keystores > 0 && keystores < cluster.validators.length
        ? {
            name: "folder",
            state: "bad",
            says: `${who}, and only ${counted(keystores, "keystore")}`,
            advice: "`trireme verify` says which are missing.",
          }
        : { name: "folder", state: "good", says: `${who}; ${signs}` },
    );
    return identity;
  } catch (error) {
    tell(bad("folder", error));
    return undefined;
  }
}

function testMemory({ dataDir, freshKeys }: RunConfig): Verdict {
  const name = "memory";
  if (existsSync(slashingDatabase(dataDir)))
    return { name, state: "good", says: "there is a slashing memory" };
  return freshKeys
    ? {
        name,
        state: "good",
        says: "no slashing memory yet, and --fresh-keys says that nothing was ever signed",
      }
    : {
        name,
        state: "odd",
        says: "no slashing memory yet: the node will watch for two epochs before it signs",
        advice: "Import one if these keys have signed before (docs/moving.md).",
      };
}

/** Space, rights, and the time until a small file is on the disk for good. */
async function testDisk({ dataDir }: RunConfig): Promise<Verdict> {
  const name = "disk";
  try {
    const folder = join(dataDir, "trireme");
    makeFolder(folder, 0o700);
    const { bavail, bsize } = statfsSync(folder);
    const probe = join(folder, "test-of-the-disk");
    const times: number[] = [];
    for (let i = 0; i < WRITES; i++) {
      const began = performance.now();
      await writeWhole(probe, "0".repeat(512), { replace: true });
      times.push(performance.now() - began);
    }
    rmSync(probe, { force: true });
    const median = times.toSorted((a, b) => a - b)[WRITES >> 1] ?? 0;
    const says = `${((bavail * bsize) / 1e9).toFixed(1)} GB free; a file is safe on it after ${median.toFixed(1)} ms`;
    if (bavail * bsize < FREE_BYTES_MIN)
      return {
        name,
        state: "bad",
        says,
        advice: "Free some space: a node whose memory cannot be written signs nothing.",
      };
    if (median > SLOW_WRITE_MS)
      return { name, state: "odd", says, advice: "Every vote waits for the disk; use a local SSD." };
    return { name, state: "good", says };
  } catch (error) {
    return bad(name, error);
  }
}

/**
 * What speaks against meeting peers under this node's key: another program that says by the key's lock that it works with it,
 * as Charon does with its flag of the same name. Peers would break off with that one. Waits for five seconds at most.
 */
export async function keyUse(
  clock: Clock,
  { privateKeyFile, privateKeyFileLock }: Pick<RunConfig, "privateKeyFile" | "privateKeyFileLock">,
  lockHash: string,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  try {
    await requireFreePrivateKey(clock, { keyPath: privateKeyFile, lockHash, onWait: () => {}, signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const verdict = bad("node key", error);
    // Without the flag `run` would begin all the same.
    const state = privateKeyFileLock ? "bad" : "odd";
    return { ...verdict, state, says: `${verdict.says}; ports and operators were left alone` };
  }
}

/** That nobody else has the ports. The port for peers is tried by the network itself. */
async function testPorts({ monitoringAddress, validatorApi }: RunConfig): Promise<readonly Verdict[]> {
  const wanted = [
    { what: "monitoring", address: monitoringAddress, tls: undefined },
    ...(validatorApi.wanted ? [{ what: "validator API", ...validatorApi }] : []),
  ];
  return await Promise.all(
    wanted.map(async ({ what, address, tls }): Promise<Verdict> => {
      try {
        await listenOnce(readAddress(address));
        if (tls !== undefined) readTls(tls);
        return { name: "port", state: "good", says: `${what} at ${address} is free` };
      } catch (error) {
        const verdict = bad("port", error);
        return { ...verdict, says: `${what} at ${address}: ${verdict.says}` };
      }
    }),
  );
}

function listenOnce(where: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(where, () => server.close(() => resolve()));
  });
}

/** Meets the other operators under this node's own name. */
async function testPeers(
  config: RunConfig,
  identity: Identity,
  tell: (verdict: Verdict) => void,
  { peersMs, onWait, log }: Required<PreflightOptions>,
  signal: AbortSignal,
): Promise<void> {
  let p2p: ReturnType<typeof makeP2p>;
  try {
    p2p = makeP2p(config, identity, log, unmetered);
    await p2p.start();
  } catch (error) {
    return tell(bad("port", error));
  }
  tell({ name: "port", state: "good", says: `peers at ${config.p2pTcpAddresses.join(", ")} is free` });
  try {
    const began = systemClock.now();
    let isWaiting = false;
    for (;;) {
      const missing = p2p.peers().filter(({ connected, version }) => !connected || version === undefined);
      const waitedMs = systemClock.now() - began;
      if (missing.length === 0 || waitedMs >= peersMs) break;
      if (!isWaiting && waitedMs >= WAITS_AFTER_MS) {
        isWaiting = true;
        onWait(missing.map(({ operator }) => operator));
      }
      await sleepUntil(systemClock, systemClock.now() + LOOK_MS, signal);
    }
    for (const verdict of judgePeers(p2p.peers(), identity.cluster.threshold)) tell(verdict);
    tell(judgeClock(p2p.peers()));
  } finally {
    await p2p.stop();
  }
}
