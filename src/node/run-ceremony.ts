import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { toHex } from "../base/index.ts";
import {
  Ceremony,
  CeremonyError,
  type CeremonyProgress,
  checkDefinition,
  chooseKeys,
  OutputFolder,
} from "../ceremony/index.ts";
import {
  type ContractAnswers,
  type Definition,
  loadNodeKey,
  type Network,
  networkByForkVersion,
  parseEnr,
  verifyLock,
} from "../cluster/index.ts";
import { inlineBlsWork, type NodeKey, nothingKnown } from "../crypto/index.ts";
import { createP2p, fileAddressBook } from "../p2p/index.ts";
import { type Logger, sleepUntil, unmetered } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { lockDataFolder } from "../storage/index.ts";
import { steadyClock, systemClock } from "./clock.ts";
import { fitCollector, fitThreadPool } from "./lean.ts";
import { addressBookFile, ceremonyJournal, ownFolder } from "./paths.ts";
import { Running } from "./running.ts";
import { version } from "./version.ts";
import { holdNodeKey } from "./wire-key-lock.ts";
import { announced, random } from "./wire-p2p.ts";

/** What `trireme dkg` was asked for, complete and checked. */
export interface CeremonyConfig {
  readonly dataDir: string;
  readonly definition: Definition;
  /** A network that is not in the table. */
  readonly custom: Network | undefined;
  /** Do not check the signatures of the lock at the end. */
  readonly noVerify: boolean;
  /** What contracts said of the definition's signatures, which the lock has too. */
  readonly answers: ContractAnswers;
  readonly p2pTcpAddresses: readonly string[];
  readonly p2pExternalIp: string;
  readonly p2pExternalHostname: string;
  readonly p2pRelays: readonly string[];
  readonly p2pPeers: readonly string[];
  readonly nickname: string;
  /** How long the network stays up after the end. */
  readonly shutdownDelayMs: number;
}

export interface CeremonyWatch {
  readonly log: Logger;
  /** Called once, when there is something to look at; the function gives how it stands at each moment. */
  readonly watch: (progress: () => CeremonyProgress) => void;
}

/**
 * Takes part in a ceremony until it is complete, has failed, or `signal` fires.
 *
 * @throws DvError with what to do, and by whom
 */
export async function runCeremony(
  config: CeremonyConfig,
  { log, watch }: CeremonyWatch,
  signal: AbortSignal,
): Promise<void> {
  const { dataDir, definition } = config;
  fitThreadPool();
  fitCollector(definition.numValidators);
  const keyPath = join(dataDir, "charon-enr-private-key");
  const key = loadNodeKey(keyPath);
  const publicKeys = checkDefinition(definition);
  const self = operatorOf(publicKeys, key);
  const network = networkOf(config);
  const folder = lockDataFolder(dataDir, "dkg");
  const clock = systemClock;
  const running = new Running();
  running.add(() => folder.release());
  try {
    running.add(await holdNodeKey({ keyPath, command: "trireme dkg" }, log, signal));
    const p2p = createP2p({
      privateKey: key.revealBytes(),
      self,
      operators: publicKeys.map((publicKey, index) => ({ index: index as OperatorIndex, publicKey })),
      lockHash: definition.definitionHash,
      clusterUuid: definition.uuid,
      listen: config.p2pTcpAddresses,
      announce: announced(config),
      peers: config.p2pPeers,
      relays: config.p2pRelays,
      addressBook: fileAddressBook(addressBookFile(dataDir)),
      version,
      nickname: config.nickname,
      clock,
      random,
      log,
      meter: unmetered,
      readEnr: (text) => parseEnr(text),
    });
    const known = nothingKnown();
    const ceremony = await Ceremony.prepare(
      {
        transport: p2p.transport,
        channels: p2p.channels,
        clock: steadyClock(),
        log: log.room("dkg"),
        // Nothing else waits for this thread; starting another costs as much as the signatures of a hundred validators.
        bls: inlineBlsWork(known.keys),
        known,
        output: new OutputFolder(dataDir, ownFolder(dataDir)),
        peers: () => p2p.peers(),
        entropy: (bytes) => new Uint8Array(randomBytes(bytes)),
      },
      {
        definition,
        key,
        publicKeys,
        network,
        journalPath: ceremonyJournal(dataDir),
        nickname: config.nickname,
        keyMaker: chooseKeys(definition),
        verifyLock: (lock) => {
          if (!config.noVerify) verifyLock(lock, config.custom, config.answers, known);
        },
      },
    );
    if (ceremony.isResumed) log.info("Going on with an interrupted ceremony", { dataDir });
    await p2p.start();
    running.add(() => p2p.stop());
    watch(() => ceremony.progress());
    await ceremony.run(signal);
    await sleepUntil(clock, clock.now() + config.shutdownDelayMs, signal).catch(() => {});
  } finally {
    await running.end(log);
  }
}

function operatorOf(publicKeys: readonly Uint8Array[], key: NodeKey): OperatorIndex {
  const self = publicKeys.findIndex((publicKey) => Buffer.compare(publicKey, key.publicKey) === 0);
  if (self >= 0) return self as OperatorIndex;
  throw new CeremonyError("ceremony/refused", "find this node among the operators of the definition", {
    facts: { publicKey: toHex(key.publicKey), operators: publicKeys.map(toHex) },
    hint: "This folder's charon-enr-private-key is of nobody in the definition. Use the key whose ENR you gave, or have the definition made again with this one's (trireme enr).",
  });
}

function networkOf({ definition, custom }: CeremonyConfig): Network {
  const forkVersion = toHex(definition.forkVersion);
  const network =
    custom?.genesisForkVersion === forkVersion ? custom : networkByForkVersion(definition.forkVersion);
  if (network !== undefined) return network;
  throw new CeremonyError("ceremony/refused", "find the network of the definition", {
    facts: { forkVersion },
    hint: "Describe a network of your own with the four --testnet flags, the same at every operator.",
  });
}
