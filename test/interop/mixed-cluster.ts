import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { toHex } from "../../src/base/index.ts";
import { type Chain, startChain } from "../../src/chain/index.ts";
import type { Lock } from "../../src/cluster/index.ts";
import { freePorts } from "../../src/demo/free-ports.ts";
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from "../../src/node/index.ts";
import { FEE_RECIPIENT, GAS_LIMIT, writeTestCluster } from "../e2e/test-cluster.ts";
import { Background } from "./background.ts";
import type { ClientOptions } from "./client-options.ts";
import { readMetrics, type Sample } from "./metrics.ts";
import { prysm } from "./prysm.ts";
import { relayProcess, SOURCE } from "./relay.ts";
import { vouch } from "./vouch.ts";

/** What an operator runs: the node, and who signs for it. Charon carries a mock client, Trireme a signer; an empty seat runs nothing. */
export type Seat = Program | `${Program}+${ClientName | "nobody"}` | "empty";
export type Program = "trireme" | "charon";
export type ClientName = keyof typeof CLIENTS;
export type RelayKind = "charon" | "trireme";

export interface MixedOptions {
  /** Paths of the programs; those that no seat needs may be empty. */
  readonly charon: string;
  readonly clients?: { readonly [name in ClientName]?: string };
  readonly seats: readonly Seat[];
  readonly relay: RelayKind;
  readonly validators: number;
  /** Validators beside the cluster's, whom the chain plays. */
  readonly others?: number;
  readonly slotMs: number;
  /** Whether a builder bids for every block, and nodes and clients take its bids. */
  readonly builder?: boolean;
  /** Trireme's program: source by default. */
  readonly main?: string;
  /** Operators' folders from a ceremony, node0 and so on; else a cluster of so many `validators` is made by hand. */
  readonly made?: { readonly folder: string; readonly lock: Lock };
}

/** One operator's node. */
export interface MixedNode {
  readonly index: number;
  readonly seat: Seat;
  readonly program: "trireme" | "charon";
  readonly process: Background;
  /** The validator client beside it, where it is a process of its own. */
  readonly client: Background | undefined;
  /** Where its validator API is, when it has one. */
  readonly validatorApi: string;
  /** Its data folder, and the one of its client. */
  readonly home: string;
  readonly clientFolder: string;
  metrics(): Promise<readonly Sample[]>;
}

/** A cluster of both programs on the simulated chain, all of it on loopback, met through one relay. */
export interface MixedCluster {
  readonly chain: Chain;
  /** Slots of the blocks that came from a builder. */
  readonly blinded: ReadonlySet<number>;
  readonly nodes: readonly MixedNode[];
  readonly folder: string;
  /** Where the relay says its address. */
  readonly relay: string;
  /** Trireme as it is first started in another program's place: on its folder and addresses, and not told that the keys are fresh. */
  trireme(before: MixedNode): MixedNode;
  /** Settles at the start of a slot. */
  atSlot(slot: number): Promise<void>;
  stop(): Promise<void>;
}

/** Validator clients by name, each as a process that is still to be started. */
const CLIENTS = { prysm, vouch } as const;
const FORK_VERSION = "0x10424242";
/** The version that blocks' capella fork has on the simulated chain: Charon wants to be told. */
const CAPELLA_VERSION = "0x10424245";
const CHAIN_ID = 424_242;
/**
 * Charon's mock client prepares its attestations at the first slot of an epoch and does nothing in the two slots after it
 * started. So the chain begins at this slot, with nodes up well before the first whole epoch.
 */
const FIRST_SLOT = 24;
export const FIRST_WATCHED_SLOT = 32;
const START_UP_MS = 20_000;

export async function startMixedCluster(options: MixedOptions): Promise<MixedCluster> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-interop-"));
  const running: Background[] = [];
  const ports = [...(await freePorts(3 + 4 * options.seats.length))];
  const port = () => ports.pop() as number;
  const genesisTime = phased(Date.now() + START_UP_MS, options.slotMs) - FIRST_SLOT * options.slotMs;
  const { made } = options;
  const keys =
    made === undefined
      ? await writeCluster(join(folder, "cluster"), options)
      : groupKeysOf(made.lock.validators);
  if (made !== undefined) cpSync(made.folder, join(folder, "cluster"), { recursive: true });
  const forkVersion = made === undefined ? FORK_VERSION : toHex(made.lock.definition.forkVersion);
  const blinded = new Set<number>();
  const chain = await startChain({
    validators: keys.map((pubkey) => ({ pubkey })),
    otherValidators: options.others ?? 0,
    slotMs: options.slotMs,
    genesisTime,
    genesisForkVersion: forkVersion,
    chainId: CHAIN_ID,
    networkName: "interop",
    builder: options.builder ?? false,
    onEvent: (event) => {
      if (event.kind === "block" && event.blinded) blinded.add(event.slot);
    },
  });
  const stop = async () => {
    await Promise.all(running.slice(1).map((process) => process.end()));
    await running[0]?.end();
    await chain.stop();
    if (process.env["INTEROP_KEEP"] === undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const relay = relayProcess(options.relay, options.charon, folder, [port(), port(), port()]);
    running.push(relay.process);
    relay.process.start();
    await relay.process.answers(relay.url);
    const network = {
      beaconNode: chain.url ?? "",
      relay: relay.url,
      genesis: Math.floor(genesisTime / 1000),
      isKnown: made !== undefined,
      builder: options.builder ?? false,
    };
    const nodes: (MixedNode & { ready(): Promise<void>; served(): Promise<void> })[] = [];
    const inPlaceOf = new Map<number, () => Background>();
    for (const [index, seat] of options.seats.entries()) {
      if (seat === "empty") continue;
      const addresses = { p2p: port(), monitoring: port(), validatorApi: port() };
      const validatorApi = `http://127.0.0.1:${addresses.validatorApi}`;
      const home = join(folder, "cluster", `node${index}`);
      const program = seat.startsWith("trireme") ? "trireme" : "charon";
      const process =
        program === "trireme"
          ? triremeNode(options.main ?? SOURCE, home, seat, addresses, network, ["--fresh-keys"])
          : charonNode(options.charon, home, seat, addresses, network);
      const clientFolder = join(folder, `client${index}`);
      const client = await clientOf(seat, options, {
        folder: clientFolder,
        keystores: join(home, "validator_keys"),
        validatorApi,
        beaconNode: network.beaconNode,
        port: port(),
      });
      nodes.push({
        index,
        seat,
        program,
        process,
        client,
        validatorApi,
        home,
        clientFolder,
        metrics: () => readMetrics(`127.0.0.1:${addresses.monitoring}`),
        ready: () => process.answers(`http://127.0.0.1:${addresses.monitoring}/livez`),
        served: () => process.answers(`${validatorApi}/eth/v1/node/version`),
      });
      inPlaceOf.set(index, () => triremeNode(options.main ?? SOURCE, home, "trireme", addresses, network));
    }
    for (const { process } of nodes) {
      process.start();
      running.push(process);
    }
    await Promise.all(nodes.map((node) => node.ready()));
    // Some clients end at once when their beacon node does not answer yet.
    for (const { client, served } of nodes) {
      if (client === undefined) continue;
      await served();
      client.start();
      running.push(client);
    }
    return {
      chain,
      blinded,
      nodes,
      folder,
      relay: relay.url,
      trireme(before) {
        const process = inPlaceOf.get(before.index)?.();
        if (process === undefined) throw new Error(`there is no node ${before.index}`);
        running.push(process);
        return { ...before, seat: "trireme", program: "trireme", process, client: undefined };
      },
      atSlot: (slot) =>
        new Promise((settle) => setTimeout(settle, genesisTime + slot * options.slotMs - Date.now())),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The first moment from `earliest` on (whole seconds, in Unix milliseconds) at which a slot may begin. INTEROP_PHASE_MS says how far into the slots of
 * the Unix epoch that is, so that clusters beside each other need the cores at different moments.
 */
function phased(earliest: number, slotMs: number): number {
  const phase = process.env["INTEROP_PHASE_MS"];
  if (phase === undefined) return Math.ceil(earliest / 1000) * 1000;
  return Math.ceil((earliest - Number(phase)) / slotMs) * slotMs + Number(phase);
}

/** The validator client of a seat, where it is a process of its own. */
async function clientOf(
  seat: Seat,
  { clients, slotMs, builder = false }: MixedOptions,
  at: Pick<ClientOptions, "folder" | "keystores" | "validatorApi" | "beaconNode" | "port">,
): Promise<Background | undefined> {
  const name = seat.split("+")[1];
  if (name !== "prysm" && name !== "vouch") return undefined;
  mkdirSync(at.folder, { recursive: true });
  return CLIENTS[name]({
    ...at,
    bin: clients?.[name] ?? "",
    name: `${name} in ${basename(at.folder)}`,
    logFile: `${at.folder}.log`,
    slotMs,
    feeRecipient: FEE_RECIPIENT,
    gasLimit: GAS_LIMIT,
    builder,
  });
}

/** The cluster's folders; gives the group keys. */
async function writeCluster(folder: string, options: MixedOptions): Promise<readonly `0x${string}`[]> {
  mkdirSync(folder, { recursive: true });
  const { validators, seats } = options;
  const lock = await writeTestCluster(folder, {
    name: "interop",
    validators,
    operators: seats.length,
    forkVersion: FORK_VERSION,
  });
  return groupKeysOf(lock.validators);
}

const groupKeysOf = (validators: Lock["validators"]): readonly `0x${string}`[] =>
  validators.map(({ publicKey }) => toHex(publicKey));

interface Network {
  readonly beaconNode: string;
  readonly relay: string;
  /** Unix seconds. */
  readonly genesis: number;
  /** Its fork version is one that both programs have in their tables, as that of every ceremony. */
  readonly isKnown: boolean;
  readonly builder: boolean;
}

interface Ports {
  readonly p2p: number;
  readonly monitoring: number;
  readonly validatorApi: number;
}

/** What both programs call by the same name. */
function commonFlags(ports: Ports, network: Network): string[] {
  return [
    `--beacon-node-endpoints=${network.beaconNode}`,
    `--p2p-tcp-address=127.0.0.1:${ports.p2p}`,
    `--p2p-relays=${network.relay}`,
    `--monitoring-address=127.0.0.1:${ports.monitoring}`,
    ...(network.isKnown
      ? []
      : [
          "--testnet-name=interop",
          `--testnet-chain-id=${CHAIN_ID}`,
          `--testnet-fork-version=${FORK_VERSION}`,
          `--testnet-genesis-timestamp=${network.genesis}`,
        ]),
    "--log-level=debug",
    ...(network.builder ? ["--builder-api"] : []),
  ];
}

function triremeNode(
  main: string,
  home: string,
  seat: Seat,
  ports: Ports,
  network: Network,
  more: readonly string[] = [],
): Background {
  const signer =
    seat === "trireme"
      ? []
      : [
          `--validator-api-address=127.0.0.1:${ports.validatorApi}`,
          // Vouch asks nobody for the cluster's selection proofs.
          seat === "trireme+vouch" ? "--keystores-aggregate" : "--no-signer",
        ];
  return new Background(
    `trireme in ${basename(home)}`,
    `${home}.log`,
    process.execPath,
    [
      ...LEAN_FLAGS,
      main,
      "run",
      `--data-dir=${home}`,
      `--nickname=trireme-${basename(home)}`,
      ...commonFlags(ports, network),
      ...signer,
      ...more,
    ],
    LEAN_ENVIRONMENT,
  );
}

function charonNode(charon: string, home: string, seat: Seat, ports: Ports, network: Network): Background {
  const signer =
    seat === "charon"
      ? ["--simnet-validator-mock", `--simnet-validator-keys-dir=${join(home, "validator_keys")}`]
      : [];
  return new Background(`charon in ${basename(home)}`, `${home}.log`, charon, [
    "run",
    `--lock-file=${join(home, "cluster-lock.json")}`,
    `--private-key-file=${join(home, "charon-enr-private-key")}`,
    `--validator-api-address=127.0.0.1:${ports.validatorApi}`,
    "--p2p-external-ip=127.0.0.1",
    `--nickname=charon-${basename(home)}`,
    "--log-color=disable",
    ...(network.isKnown ? [] : [`--testnet-capella-hard-fork=${CAPELLA_VERSION}`]),
    ...commonFlags(ports, network),
    ...signer,
  ]);
}
