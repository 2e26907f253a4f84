import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseEnr } from "../../src/cluster/enr.ts";
import {
  createCluster,
  type Definition,
  type Lock,
  parseLock,
  readKeystores,
  verifyLock,
  writeDefinition,
} from "../../src/cluster/index.ts";
import { parseDefinition } from "../../src/cluster/read.ts";
import { freePorts } from "../../src/demo/free-ports.ts";
import { peerIdOf } from "../../src/p2p/index.ts";
import { Background } from "./background.ts";
import { relayProcess, SOURCE } from "./relay.ts";

export type CeremonySeat = "trireme" | "charon";
export type Algorithm = "frost" | "pedersen";

export interface CeremonyRunOptions {
  readonly seats: readonly CeremonySeat[];
  readonly validators: number;
  readonly algorithm: Algorithm;
  /** Path of Charon; may be empty where no seat and no relay needs it. */
  readonly charon: string;
  /** Through whom the operators meet; directly by default. */
  readonly relay?: CeremonySeat | undefined;
  /** Trireme's program: source by default. */
  readonly main?: string;
  /** Of Triremes; "debug" by default, so that a test can see the steps. */
  readonly logLevel?: "debug" | "info";
}

/** Operators about to hold a ceremony, each a process of its own on loopback. */
export interface CeremonyRun {
  readonly folder: string;
  readonly definition: Definition;
  readonly processes: readonly Background[];
  home(i: number): string;
  /** The exit codes when all have ended. */
  over(): Promise<readonly (number | null)[]>;
  /** What operator `i` has for its use now: lock, keys, deposit data. */
  results(i: number): readonly string[];
  lock(i: number): Lock;
  stop(): Promise<void>;
}

const ADDRESS = "0x000000000000000000000000000000000000dEaD";
/** Hoodi: Charon's `dkg` knows no networks but its own. */
const FORK_VERSION = Uint8Array.of(0x10, 0x00, 0x09, 0x10);

/** Makes the folders with node keys and one definition; starts the relay, if any, and then every operator. */
export async function startCeremony(options: CeremonyRunOptions): Promise<CeremonyRun> {
  const { seats } = options;
  const folder = mkdtempSync(join(tmpdir(), "trireme-ceremony-"));
  const home = (i: number): string => join(folder, "operators", `node${i}`);
  const definition = writeFolders(home, options);
  const ports = [...(await freePorts(seats.length + 3))];
  const relay = options.relay && relayProcess(options.relay, options.charon, folder, ports.splice(0, 3));
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.end()));
    await relay?.process.end();
    if (process.env["INTEROP_KEEP"] === undefined) rmSync(folder, { recursive: true, force: true });
  };
  const addresses = definition.operators.map(
    ({ enr }, i) => `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peerIdOf(parseEnr(enr).publicKey)}`,
  );
  const processes = seats.map((seat, i) => {
    const others = addresses.filter((_, j) => j !== i).join(",");
    const flags = [
      "dkg",
      `--data-dir=${home(i)}`,
      `--definition-file=${join(home(i), "cluster-definition.json")}`,
      `--p2p-tcp-address=127.0.0.1:${ports[i]}`,
      `--nickname=node${i}`,
      "--log-color=disable",
      "--shutdown-delay=1s",
    ];
    // Charon has no flag for peers; the address of a peer in place of a relay's makes it connect directly.
    const meet = relay === undefined ? others : relay.url;
    return seat === "charon"
      ? new Background(`charon ${i}`, `${home(i)}.log`, options.charon, [
          ...flags,
          "--p2p-external-ip=127.0.0.1",
          `--p2p-relays=${meet}`,
          "--log-level=debug",
        ])
      : new Background(`trireme ${i}`, `${home(i)}.log`, process.execPath, [
          options.main ?? SOURCE,
          ...flags,
          ...(relay === undefined ? ["--p2p-relays=", `--p2p-peers=${others}`] : [`--p2p-relays=${meet}`]),
          `--log-level=${options.logLevel ?? "debug"}`,
        ]);
  });
  try {
    relay?.process.start();
    await relay?.process.answers(relay.url);
    for (const process of processes) process.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    folder,
    definition,
    processes,
    home,
    over: () => Promise.all(processes.map((process) => process.over)),
    results: (i) =>
      readdirSync(home(i)).filter((name) => /^(cluster-lock|deposit-data|validator_keys)/.test(name)),
    lock: (i) => parseLock(readFileSync(join(home(i), "cluster-lock.json"), "utf8")),
    stop,
  };
}

/** A definition without wallets' signatures, and a folder with a node key for each operator. */
function writeFolders(
  home: (i: number) => string,
  { seats, validators, algorithm }: CeremonyRunOptions,
): Definition {
  // Only its node keys and its definition are used; nobody has seen the keys that it makes.
  const made = createCluster({
    name: "ceremony",
    version: "v1.10.0",
    operatorCount: seats.length,
    forkVersion: FORK_VERSION,
    registrationTime: 1,
    feeRecipients: [ADDRESS],
    withdrawalAddresses: [ADDRESS],
    compounding: false,
    targetGasLimit: 60_000_000,
    keys: { newKeys: 1 },
    timestamp: "2026-01-01T00:00:00Z",
  });
  const text = writeDefinition({
    ...made.lock.definition,
    numValidators: validators,
    dkgAlgorithm: algorithm,
    validators: Array.from({ length: validators }, () => ({ feeRecipient: ADDRESS, withdrawal: ADDRESS })),
  });
  for (const [i, key] of made.nodeKeys.entries()) {
    mkdirSync(home(i), { recursive: true });
    writeFileSync(join(home(i), "charon-enr-private-key"), Buffer.from(key.revealBytes()).toString("hex"), {
      mode: 0o600,
    });
    writeFileSync(join(home(i), "cluster-definition.json"), text);
  }
  return parseDefinition(text);
}

/**
 * Every operator has the same lock, which verifies, and of each validator the share that the lock names.
 *
 * @throws what is wrong
 */
export async function verifyResults(run: CeremonyRun): Promise<Lock> {
  const first = run.lock(0);
  verifyLock(first);
  for (const i of run.processes.keys()) {
    const lock = run.lock(i);
    if (!isDeepStrictEqual(lock, first)) throw new Error(`operators 0 and ${i} have different locks`);
    const opened = await readKeystores(join(run.home(i), "validator_keys"));
    if (opened.length !== lock.validators.length)
      throw new Error(`operator ${i} has ${opened.length} keystores`);
    for (const { index, secret } of opened)
      if (Buffer.compare(secret.publicKey(), lock.validators[index]?.publicShares[i] as Uint8Array) !== 0)
        throw new Error(`keystore ${index} of operator ${i} is not the share in the lock`);
  }
  return first;
}
