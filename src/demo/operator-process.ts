import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from "../node/index.ts";

/** How long a node gets to finish the signatures under way before it is ended for good. */
const STOP_TIMEOUT_MS = 8_000;
/** What is kept of a node's last words, to be shown when it ends unasked. */
const LAST_LINES_MAX = 12;

/** One node of the demonstration: a separate process that runs `trireme run`, as an operator would. */
export class OperatorProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #stopping = false;
  #lastLines: string[] = [];

  /**
   * @param options.args - Arguments of `trireme run`.
   * @param options.logFile - Receives everything the node prints, appended over restarts.
   */
  constructor(options: {
    readonly name: string;
    readonly args: readonly string[];
    readonly logFile: string;
  }) {
    this.name = options.name;
    this.#args = options.args;
    this.logFile = options.logFile;
  }

  get state(): "running" | "stopping" | "down" {
    if (this.#child === undefined) return "down";
    return this.#stopping ? "stopping" : "running";
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The last lines it printed, oldest first. */
  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  /** Starts the process; does nothing when it runs. `onUnexpectedExit` is told when it ends without having been asked to. */
  start(onUnexpectedExit: (operator: OperatorProcess, code: number | null) => void): void {
    if (this.#child !== undefined) return;
    // From source the program is main.ts, from the build main.js.
    const ending = import.meta.filename.endsWith(".ts") ? "ts" : "js";
    const main = fileURLToPath(new URL(`../main.${ending}`, import.meta.url));
    const child = spawn(process.execPath, [...LEAN_FLAGS, main, "run", ...this.#args], {
      env: { ...process.env, ...LEAN_ENVIRONMENT },
      stdio: ["ignore", "pipe", "pipe", "ipc"], // Through the channel it learns that we are gone.
    });
    this.#child = child;
    this.#stopping = false;
    this.#lastLines = [];
    const log = createWriteStream(this.logFile, { flags: "a" });
    log.on("error", () => {}); // A full disk costs the log, and not the demonstration.
    const keep = (chunk: Buffer): void => {
      log.write(chunk);
      const lines = chunk
        .toString("utf8")
        .split("\n")
        .filter((line) => line.trim() !== "");
      this.#lastLines = [...this.#lastLines, ...lines].slice(-LAST_LINES_MAX);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error) => keep(Buffer.from(`${error.message}\n`)));
    child.on("close", (code) => {
      log.end();
      const asked = this.#stopping;
      this.#child = undefined;
      this.#stopping = false;
      if (!asked) onUnexpectedExit(this, code);
    });
  }

  /** Asks the process to stop (SIGTERM) and settles when it has ended; after eight seconds it is killed. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#stopping = true;
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Ends the process at once, as a power cut would (SIGKILL). */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#stopping = true;
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGKILL");
    await ended;
  }
}
