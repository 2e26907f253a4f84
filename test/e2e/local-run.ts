import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { toHex } from "../../src/base/index.ts";
import { type Chain, type ChainReport, startChain } from "../../src/chain/index.ts";
import { loadNodeKey, parseLock } from "../../src/cluster/index.ts";
import { freePorts } from "../../src/demo/free-ports.ts";
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from "../../src/node/index.ts";
import { peerIdOf } from "../../src/p2p/index.ts";

const root = resolve(import.meta.dirname, "../..");

/** One `trireme run` process on a node's folder. */
export class RunningNode {
  readonly folder: string;
  readonly monitoringPort: number;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  output = "";
  readonly #listeners = new Set<() => void>();

  constructor(folder: string, monitoringPort: number, args: readonly string[]) {
    this.folder = folder;
    this.monitoringPort = monitoringPort;
    this.#args = args;
  }

  get up(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    const child = spawn(process.execPath, [...LEAN_FLAGS, ...this.#args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...LEAN_ENVIRONMENT },
    });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.output = (this.output + chunk.toString()).slice(-40_000);
      for (const listener of this.#listeners) listener();
    });
    child.on("close", () => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await ended;
    this.#child = undefined;
  }

  /** Settles when the log says it. */
  async said(sentence: RegExp, withinMs: number): Promise<void> {
    let listener = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      listener = () => sentence.test(this.output) && resolve();
      timer = setTimeout(() => reject(new Error(`never said ${sentence.source}:\n${this.output}`)), withinMs);
      this.#listeners.add(listener);
      listener();
    });
    clearTimeout(timer);
    this.#listeners.delete(listener);
  }

  /** Settles when the node is ready for duties, by its own account. */
  async ready(withinMs = 60_000): Promise<void> {
    const end = Date.now() + withinMs;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.monitoringPort}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      if (Date.now() > end) throw new Error(`node never ready:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Four or more node processes and a simulated chain in this process. */
export interface LocalRun {
  readonly chain: Chain;
  readonly nodes: readonly RunningNode[];
  /** Starts a second process of an operator, on a copy of its folder without what it remembers. */
  startDouble(index: number): Promise<RunningNode>;
  /** Settles at the start of a slot. */
  atSlot(slot: number): Promise<void>;
  stop(): Promise<void>;
}

export interface LocalRunOptions {
  /** A folder of node folders; it is copied. */
  readonly clusterDir: string;
  readonly slotMs: number;
  readonly toGenesisMs: number;
  /** The program: source by default. */
  readonly main?: string;
}

export async function startLocalRun(options: LocalRunOptions): Promise<LocalRun> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-e2e-"));
  cpSync(options.clusterDir, folder, { recursive: true });
  const homes = readdirSync(folder)
    .filter((name) => /^node\d+$/.test(name))
    .toSorted();
  makeWritable(folder);
  const lock = parseLock(readFileSync(join(folder, "node0", "cluster-lock.json"), "utf8"));
  const genesisTime = Math.ceil((Date.now() + options.toGenesisMs) / 1000) * 1000;
  const chain = await startChain({
    validators: lock.validators.map((validator) => ({ pubkey: toHex(validator.publicKey) })),
    slotMs: options.slotMs,
    genesisTime,
    genesisForkVersion: toHex(lock.definition.forkVersion),
    networkName: lock.definition.name,
  });
  const ports = await freePorts(2 * homes.length);
  const addresses = homes.map(
    (home, i) =>
      `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peerIdOf(loadNodeKey(join(folder, home, "charon-enr-private-key")).publicKey).toString()}`,
  );
  const makeNode = (
    home: string,
    index: number,
    p2pPort: number,
    monitoringPort: number,
    more: readonly string[],
  ): RunningNode =>
    new RunningNode(join(folder, home), monitoringPort, [
      options.main ?? join(root, "src/main.ts"),
      "run",
      "--data-dir",
      join(folder, home),
      "--beacon-node-endpoints",
      chain.url ?? "",
      "--p2p-tcp-address",
      `127.0.0.1:${p2pPort}`,
      "--p2p-peers",
      addresses.filter((_, j) => j !== index).join(","),
      "--monitoring-address",
      `127.0.0.1:${monitoringPort}`,
      ...more,
    ]);
  const nodes = homes.map((home, i) =>
    makeNode(home, i, ports[i] as number, ports[homes.length + i] as number, ["--fresh-keys"]),
  );
  const doubles: RunningNode[] = [];
  for (const node of nodes) node.start();
  return {
    chain,
    nodes,
    async startDouble(index) {
      const copy = `double${index}`;
      cpSync(join(folder, homes[index] as string), join(folder, copy), {
        recursive: true,
        filter: (path) => !path.endsWith("/trireme"),
      });
      const [p2pPort, monitoringPort] = (await freePorts(2)) as [number, number];
      const double = makeNode(copy, index, p2pPort, monitoringPort, []);
      doubles.push(double);
      double.start();
      return double;
    },
    atSlot: (slot) =>
      new Promise((resolve) => setTimeout(resolve, genesisTime + slot * options.slotMs - Date.now())),
    async stop() {
      await Promise.all([...nodes, ...doubles].map((node) => node.end("SIGTERM")));
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeWritable(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const isFolder = statSync(path).isDirectory();
    chmodSync(path, isFolder ? 0o755 : 0o600);
    if (isFolder) makeWritable(path);
  }
  chmodSync(folder, 0o755);
}

/** Duties of the kinds the cluster does, in slots [from, to), by how the chain judged them. */
export function countDuties(
  report: Pick<ChainReport, "slots">,
  from: number,
  to: number,
  kinds: readonly string[] = ["attester", "proposer"],
): { onTime: number; late: number; missed: number; other: number; bad: string[] } {
  const counts = { onTime: 0, late: 0, missed: 0, other: 0, bad: [] as string[] };
  for (const slot of report.slots) {
    if (slot.slot < from || slot.slot >= to) continue;
    for (const duty of slot.duties) {
      if (!kinds.includes(duty.kind)) continue;
      if (duty.state === "on-time") counts.onTime++;
      else if (duty.state === "late") counts.late++;
      else if (duty.state === "missed") counts.missed++;
      else counts.other++;
      if (duty.state !== "on-time") counts.bad.push(`${slot.slot}/${duty.kind} ${duty.state}`);
    }
  }
  return counts;
}
