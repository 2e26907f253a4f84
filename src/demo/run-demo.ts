import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DvError } from "../base/index.ts";
import type { ChainActivity, ChainReport } from "../chain/index.ts";
import { dutyDue, slotAt, slotStart } from "../spec/index.ts";
import { Board } from "./board.ts";
import { type LocalCluster, makeLocalCluster } from "./local-cluster.ts";
import type { OperatorProcess } from "./operator-process.ts";
import { plainLine } from "./plain.ts";
import { summary, totalsOf } from "./summary.ts";
import { Screen } from "./terminal.ts";
import { type DemoView, type OperatorView, render } from "./view.ts";
import { askNode, type Snapshot } from "./watch.ts";

export class DemoError extends DvError<"demo/duties-missed" | "demo/slashable" | "demo/node-ended"> {}

export interface DemoOptions {
  readonly nodes: number;
  readonly validators: number;
  readonly slotMs: number;
  /** Undefined: until somebody quits. */
  readonly epochs: number | undefined;
  /** Lines instead of the live view. */
  readonly plain: boolean;
  /** Keep keys and logs. */
  readonly keep: boolean;
  readonly out: (text: string) => void;
}

const DRAW_EVERY_MS = 100;
const ASK_EVERY_MS = 400;

/**
 * Runs the demonstration to its end, or until the signal fires.
 *
 * @throws DemoError when a duty was missed or late, or anything was slashable.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-demo-"));
  const demo = new Demo(options, folder);
  signal.addEventListener("abort", () => demo.quit(), { once: true });
  try {
    const report = await demo.run();
    options.out(summary(report, options));
    demo.judge(report);
  } finally {
    if (options.keep) options.out(`Keys and logs are in ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #folder: string;
  readonly #snapshots = new Map<number, Snapshot>();
  /** Operators that have answered since their process began. */
  readonly #heard = new Set<number>();
  readonly #cpu = new Map<
    number,
    { readonly seconds: number; readonly at: number; readonly percent: number }
  >();
  readonly #stopped = Promise.withResolvers<void>();
  #note = "";
  #over = false;
  /** Lines of this slot. */
  readonly #said = new Set<string>();

  constructor(options: DemoOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  quit(): void {
    this.#stopped.resolve();
  }

  async run(): Promise<ChainReport> {
    const { options } = { options: this.#options };
    const startedAt = Date.now();
    options.out(`Making a cluster of ${options.nodes} operators with ${options.validators} validators …\n`);
    let firstSigned = false;
    const cluster = await makeLocalCluster({
      folder: this.#folder,
      nodes: options.nodes,
      validators: options.validators,
      slotMs: options.slotMs,
      onEvent: (event) => {
        if (options.plain) this.#say(event);
        if (!firstSigned && event.kind === "received" && event.duty === "attester") {
          firstSigned = true;
          if (options.plain)
            options.out(
              `first signed attestation ${((Date.now() - startedAt) / 1000).toFixed(1)} s after the start\n`,
            );
        }
      },
    });
    const board = new Board({
      operatorCount: options.nodes,
      dueAt: (duty) => dutyDue(cluster.chain.spec, duty),
    });
    for (const operator of cluster.operators) operator.start((one, code) => this.#ended(one, code));
    if (options.plain)
      options.out(`dashboards: ${cluster.operators.map((_, i) => dashboardOf(cluster, i)).join("  ")}\n`);
    const screen = options.plain ? undefined : new Screen(process.stdout, process.stdin);
    screen?.open((key) => this.#onKey(key, cluster));
    const drawing = setInterval(
      () => screen?.draw(render(this.#view(cluster, board), screen.size)),
      DRAW_EVERY_MS,
    );
    const asking = setInterval(() => void this.#ask(cluster, board), ASK_EVERY_MS);
    const ending = this.#endAfter(cluster);
    try {
      await this.#stopped.promise;
      this.#over = true;
      return cluster.chain.report();
    } finally {
      clearInterval(drawing);
      clearInterval(asking);
      clearTimeout(ending);
      screen?.close();
      await Promise.all(cluster.operators.map((operator) => operator.stop()));
      await cluster.chain.stop();
    }
  }

  judge(report: ChainReport): void {
    const totals = totalsOf(report);
    if (totals.slashable > 0)
      throw new DemoError("demo/slashable", `${totals.slashable} slashable signatures were seen`);
    if (this.#options.epochs !== undefined && (totals.missed > 0 || totals.late > 0)) {
      throw new DemoError(
        "demo/duties-missed",
        `${totals.missed} duties were missed and ${totals.late} came late`,
        {
          hint: "Run with --keep and look at the logs; a busy machine may need longer slots (--slot-ms 4000).",
        },
      );
    }
  }

  /** One slot and a bit behind the last epoch, so that the last duties are judged. */
  #endAfter(cluster: LocalCluster): NodeJS.Timeout | undefined {
    const { epochs, slotMs } = this.#options;
    if (epochs === undefined) return undefined;
    const end =
      slotStart(cluster.chain.spec, epochs * cluster.chain.spec.slotsPerEpoch) + Math.floor(0.25 * slotMs);
    return setTimeout(() => this.quit(), end - Date.now());
  }

  #ended(operator: OperatorProcess, code: number | null): void {
    this.#note = `${operator.name} ended by itself (exit code ${code}): ${operator.lastLines.at(-1) ?? ""}`;
    if (this.#options.plain)
      this.#options.out(`${this.#note}\n${operator.lastLines.map((line) => `  ${line}\n`).join("")}`);
  }

  #say(event: ChainActivity): void {
    // What the chain sees while the operators are being stopped is nobody's fault.
    if (this.#over) return;
    if (event.kind === "slot") this.#said.clear();
    const line = plainLine(event);
    // Every operator sends everything, and what is refused is refused four times.
    if (line === undefined || this.#said.has(line)) return;
    this.#said.add(line);
    this.#options.out(`${line}\n`);
  }

  #onKey(key: string, cluster: LocalCluster): void {
    if (key === "q" || key === "\u0003") return this.quit();
    const operator = cluster.operators[Number(key) - 1];
    if (operator === undefined) return;
    if (operator.state === "down") {
      this.#note = ""; // On one that ended by itself, perhaps.
      operator.start((one, code) => this.#ended(one, code));
    } else if (operator.state === "running") void operator.stop();
  }

  async #ask(cluster: LocalCluster, board: Board): Promise<void> {
    await Promise.all(
      cluster.operators.map(async (operator, i) => {
        if (operator.state === "down") this.#heard.delete(i);
        const snapshot =
          operator.state === "down" ? undefined : await askNode(cluster.monitoringPorts[i] as number);
        if (snapshot === undefined) return void this.#snapshots.delete(i);
        this.#snapshots.set(i, snapshot);
        this.#heard.add(i);
        board.take(i, snapshot.duties);
        this.#measure(i, snapshot);
      }),
    );
  }

  /** Share of one core over the last seconds. */
  #measure(i: number, { status }: Snapshot): void {
    const before = this.#cpu.get(i);
    const { cpuSeconds: seconds, uptimeSeconds: at } = status.process;
    if (before === undefined || at < before.at) return void this.#cpu.set(i, { seconds, at, percent: 0 });
    if (at - before.at < 3) return;
    this.#cpu.set(i, { seconds, at, percent: (100 * (seconds - before.seconds)) / (at - before.at) });
  }

  #view(cluster: LocalCluster, board: Board): DemoView {
    const { spec } = cluster.chain;
    const now = Date.now();
    const slot = slotAt(spec, now);
    const contributions = board.contributions();
    return {
      operators: cluster.operators.map((operator, i) =>
        this.#operatorView(cluster, operator, i, contributions[i] ?? { led: 0, signed: 0, due: 0 }),
      ),
      threshold: cluster.lock.definition.threshold,
      validatorCount: this.#options.validators,
      slotMs: this.#options.slotMs,
      slotsPerEpoch: spec.slotsPerEpoch,
      slot,
      intoSlotMs: now - slotStart(spec, slot),
      duties: board.duties(),
      totals: totalsOf(cluster.chain.report()),
      epochs: this.#options.epochs,
      note:
        this.#note === ""
          ? ` press 1 to ${this.#options.nodes} to stop or start an operator, q to quit`
          : ` ${this.#note}`,
    };
  }

  #operatorView(
    cluster: LocalCluster,
    operator: OperatorProcess,
    i: number,
    contribution: { led: number; signed: number; due: number },
  ): OperatorView {
    const snapshot = this.#snapshots.get(i);
    const up = snapshot !== undefined ? "up" : this.#heard.has(i) ? "silent" : "starting";
    return {
      name: operator.name,
      dashboard: dashboardOf(cluster, i),
      state: operator.state === "running" ? up : operator.state,
      ...contribution,
      cpuPercent: operator.state === "down" ? undefined : this.#cpu.get(i)?.percent,
      memoryMb: snapshot === undefined ? undefined : snapshot.status.process.residentBytes / 1e6,
    };
  }
}

function dashboardOf({ monitoringPorts }: LocalCluster, operator: number): string {
  return `http://127.0.0.1:${monitoringPorts[operator]}`;
}
