import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync, readFileSync } from "node:fs";

/** How long a program gets to stop by itself before it is ended. */
const STOP_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 100;

/** A program that runs beside the test, with everything it says in a file. */
export class Background {
  readonly name: string;
  readonly logFile: string;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  /** Set when it ended without having been asked. */
  #died: string | undefined;

  constructor(
    name: string,
    logFile: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.logFile = logFile;
    this.#command = command;
    this.#args = args;
    this.#env = { ...process.env, ...env };
  }

  /** Settles when it ends by itself, with its exit code; null where a signal ended it. */
  get over(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.name} was not started`);
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
    return new Promise((resolve) => child.once("close", (code) => resolve(code)));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const log = createWriteStream(this.logFile, { flags: "a" });
    const child = spawn(this.#command, this.#args, { stdio: ["ignore", "pipe", "pipe"], env: this.#env });
    this.#child = child;
    this.#died = undefined;
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once("error", (error) => {
      this.#died = error.message;
    });
    child.once("close", (code, signal) => {
      log.end();
      if (this.#child === child) this.#died = `ended with ${code ?? signal}`;
    });
  }

  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Settles once a page answers with 2xx. @throws Error - with the last lines it said, when it ended or never answers. */
  async answers(url: string): Promise<void> {
    const end = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      const answer = await fetch(url).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      if (this.#died !== undefined) throw new Error(`${this.name} ${this.#died}:\n${this.tail()}`);
      if (Date.now() > end) throw new Error(`${this.name} never answered at ${url}:\n${this.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  /** All that it has said; nothing before its first line. */
  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  tail(): string {
    return this.log().split("\n").slice(-30).join("\n");
  }
}
