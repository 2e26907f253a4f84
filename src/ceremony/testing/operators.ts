import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createCluster,
  type Definition,
  type Lock,
  parseDefinition,
  parseLock,
  verifyLock,
  writeDefinition,
} from "../../cluster/index.ts";
import { inlineBlsWork, type NodeKey, nothingKnown } from "../../crypto/index.ts";
import { type Logger, silent } from "../../ports/index.ts";
import { Ceremony } from "../ceremony.ts";
import { chooseKeys } from "../choose-keys.ts";
import { OutputFolder } from "../output-folder.ts";
import type { CeremonyProgress } from "../progress.ts";
import { LoopbackNetwork, type LoopbackNode } from "./loopback.ts";
import { quickClock } from "./quick-clock.ts";

const owner = `0x${"11".repeat(20)}`;

/** Operators of one ceremony in this process, over a network in memory, with real folders. */
export class Operators {
  readonly network: LoopbackNetwork;
  readonly definition: Definition;
  readonly keys: readonly NodeKey[];
  readonly root: string = mkdtempSync(join(tmpdir(), "trireme-ceremony-"));
  readonly #running = new Map<number, Running>();

  constructor(options: {
    readonly operators: number;
    readonly validators: number;
    readonly algorithm?: string;
  }) {
    this.network = new LoopbackNetwork(options.operators);
    const made = createCluster({
      name: "test",
      version: "v1.10.0",
      operatorCount: options.operators,
      forkVersion: Uint8Array.of(0x10, 0, 9, 0x10),
      registrationTime: 1742213400,
      feeRecipients: [owner],
      withdrawalAddresses: [owner],
      compounding: false,
      targetGasLimit: 60_000_000,
      keys: { newKeys: options.validators },
      timestamp: "2026-01-01T00:00:00Z",
    });
    const { algorithm = made.lock.definition.dkgAlgorithm } = options;
    this.definition = parseDefinition(writeDefinition({ ...made.lock.definition, dkgAlgorithm: algorithm }));
    this.keys = made.nodeKeys;
    for (const i of this.keys.keys()) mkdirSync(this.folder(i));
  }

  folder(i: number): string {
    return join(this.root, `node${i}`);
  }

  /** Starts an operator; `over` settles with undefined when its ceremony is complete, else with what ended it. */
  async start(i: number, log: Logger = silent): Promise<void> {
    const node = this.network.join(i);
    const stop = new AbortController();
    const known = nothingKnown();
    const ceremony = await Ceremony.prepare(
      {
        transport: node.transport,
        channels: node.channels,
        clock: quickClock(30),
        log,
        bls: inlineBlsWork(known.keys),
        known,
        output: new OutputFolder(this.folder(i), join(this.folder(i), "trireme")),
        peers: () => [],
        entropy: (bytes) => new Uint8Array(randomBytes(bytes)),
      },
      {
        definition: this.definition,
        key: this.keys[i] as NodeKey,
        publicKeys: this.keys.map(({ publicKey }) => publicKey),
        network: { name: "hoodi", genesisTime: 1742213400 },
        journalPath: join(this.folder(i), "trireme", "ceremony.journal"),
        nickname: `node${i}`,
        keyMaker: chooseKeys(this.definition),
        verifyLock: (lock) => verifyLock(lock, undefined, undefined, known),
      },
    );
    const over = ceremony.run(stop.signal).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    this.#running.set(i, { node, stop, over, progress: () => ceremony.progress() });
  }

  running(i: number): Running {
    return this.#running.get(i) as Running;
  }

  /** Cuts an operator off and ends it where it is. */
  async kill(i: number): Promise<void> {
    const { node, stop, over } = this.running(i);
    node.leave();
    stop.abort(new Error("killed"));
    await over;
  }

  /** What the ceremony has left for operators to use. */
  published(i: number): readonly string[] {
    return readdirSync(this.folder(i)).filter((name) => name !== "trireme");
  }

  lock(i: number): Lock {
    return parseLock(readFileSync(join(this.folder(i), "cluster-lock.json"), "utf8"));
  }

  hasJournal(i: number): boolean {
    return existsSync(join(this.folder(i), "trireme", "ceremony.journal"));
  }

  async end(): Promise<void> {
    for (const i of this.#running.keys()) await this.kill(i);
    rmSync(this.root, { recursive: true, force: true });
  }
}

interface Running {
  readonly node: LoopbackNode;
  readonly stop: AbortController;
  readonly over: Promise<Error | undefined>;
  readonly progress: () => CeremonyProgress;
}
