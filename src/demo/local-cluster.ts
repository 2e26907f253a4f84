import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toHex } from "../base/index.ts";
import { type Chain, type ChainActivity, startChain } from "../chain/index.ts";
import { createCluster, type Lock, writeClusterFolders } from "../cluster/index.ts";
import { peerIdOf } from "../p2p/index.ts";
import { freePorts } from "./free-ports.ts";
import { OperatorProcess } from "./operator-process.ts";

/** A cluster on this machine: a simulated chain in this process and one process per operator. */
export interface LocalCluster {
  readonly lock: Lock;
  readonly chain: Chain;
  readonly operators: readonly OperatorProcess[];
  readonly monitoringPorts: readonly number[];
  /** Unix milliseconds of the first slot. */
  readonly genesisTime: number;
}

export interface LocalClusterOptions {
  readonly folder: string;
  readonly nodes: number;
  readonly validators: number;
  readonly slotMs: number;
  readonly onEvent: (event: ChainActivity) => void;
}

const FORK_VERSION = "0x20000089";
/** From the start of the nodes to the first slot: what four of them need on two slow cores. */
const TO_GENESIS_MS = 7_000;
// Nobody's money.
const ADDRESS = "0x000000000000000000000000000000000000dEaD";

/** Makes keys and folders, starts the chain, and prepares the operators; they are started by the caller. */
export async function makeLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const created = createCluster({
    name: "demo",
    version: "v1.10.0",
    operatorCount: options.nodes,
    forkVersion: fromHex(FORK_VERSION, 4),
    registrationTime: 1,
    feeRecipients: [ADDRESS],
    withdrawalAddresses: [ADDRESS],
    compounding: false,
    targetGasLimit: 60_000_000,
    keys: { newKeys: options.validators },
    timestamp: "",
  });
  await writeClusterFolders(options.folder, created, { insecureKeys: true, networkName: "demo" });
  const genesisTime = Math.ceil((Date.now() + TO_GENESIS_MS) / 1000) * 1000;
  const chain = await startChain({
    validators: created.lock.validators.map((validator) => ({ pubkey: toHex(validator.publicKey) })),
    slotMs: options.slotMs,
    genesisTime,
    genesisForkVersion: FORK_VERSION,
    networkName: "demo",
    onEvent: options.onEvent,
  });
  const ports = await freePorts(2 * options.nodes);
  const p2pPorts = ports.slice(0, options.nodes);
  const monitoringPorts = ports.slice(options.nodes);
  const addresses = created.nodeKeys.map(
    (key, i) => `/ip4/127.0.0.1/tcp/${p2pPorts[i]}/p2p/${peerIdOf(key.publicKey).toString()}`,
  );
  const logs = join(options.folder, "logs");
  mkdirSync(logs);
  const operators = created.nodeKeys.map((_, i) => {
    const args = [
      "--data-dir",
      join(options.folder, `node${i}`),
      "--beacon-node-endpoints",
      chain.url ?? "",
      "--p2p-tcp-address",
      `127.0.0.1:${p2pPorts[i]}`,
      "--p2p-peers",
      addresses.filter((_address, j) => j !== i).join(","),
      "--monitoring-address",
      `127.0.0.1:${monitoringPorts[i]}`,
      "--fresh-keys",
      "--nickname",
      `node${i}`,
      "--log-color",
      "disable",
    ];
    return new OperatorProcess({ name: `node${i}`, args, logFile: join(logs, `node${i}.log`) });
  });
  return { lock: created.lock, chain, operators, monitoringPorts, genesisTime };
}
