import { createHistogram } from "node:perf_hooks";
import type { Meter } from "../ports/index.ts";
import { telemetryMetrics } from "./metrics.ts";

const TICK_MS = 10;
const WINDOW_MS = 10_000;

/** The longest delays of the last whole window, in milliseconds; 0 before there is one. */
export interface LoopDelays {
  /** By the clock on the wall. */
  readonly worstMs: number;
  /** By the processor: what our own work took of it. */
  readonly heldMs: number;
}

export interface EventLoopWatch {
  delays(): LoopDelays;
  stop(): void;
}

/** What a tick of the event loop was late, and how much of that its thread computed. Milliseconds. */
export interface LateTick {
  readonly lateMs: number;
  readonly heldMs: number;
}

/**
 * Tells a loop that is blocked from one that is starved: both come round late, but only the first has used its processor
 * meanwhile. What is late and not held was waited for: another process had the core, or a disk did not answer.
 */
export class LateTicks {
  readonly #tickMs: number;
  #wallMs: number;
  #cpuMs: number;

  constructor(tickMs: number, wallMs: number, cpuMs: number) {
    this.#tickMs = tickMs;
    this.#wallMs = wallMs;
    this.#cpuMs = cpuMs;
  }

  /** @param cpuMs - What the thread has computed since it began. */
  tick(wallMs: number, cpuMs: number): LateTick {
    const lateMs = Math.max(0, wallMs - this.#wallMs - this.#tickMs);
    // What was computed before the tick was due is counted too, so this is never too little.
    const heldMs = Math.min(lateMs, cpuMs - this.#cpuMs);
    this.#wallMs = wallMs;
    this.#cpuMs = cpuMs;
    return { lateMs, heldMs };
  }
}

/** Measures how late the event loop comes round, over windows of ten seconds. Nothing of ours may hold it for 20 ms. */
export function watchEventLoop(meter: Meter): EventLoopWatch {
  const { eventLoopDelay, eventLoopHeld } = telemetryMetrics(meter);
  const [late, held] = [createHistogram(), createHistogram()];
  const ticks = new LateTicks(TICK_MS, performance.now(), threadCpuMs());
  let worst: LoopDelays = { worstMs: 0, heldMs: 0 };
  const ticking = setInterval(() => {
    const { lateMs, heldMs } = ticks.tick(performance.now(), threadCpuMs());
    late.record(microseconds(lateMs));
    held.record(microseconds(heldMs));
  }, TICK_MS);
  const telling = setInterval(() => {
    for (const [seen, gauge] of [
      [late, eventLoopDelay],
      [held, eventLoopHeld],
    ] as const) {
      gauge.set(seen.percentile(50) / 1e6, { quantile: "0.5" });
      gauge.set(seen.percentile(99) / 1e6, { quantile: "0.99" });
      gauge.set(seen.max / 1e6, { quantile: "1" });
    }
    worst = { worstMs: late.max / 1e3, heldMs: held.max / 1e3 };
    late.reset();
    held.reset();
  }, WINDOW_MS);
  for (const timer of [ticking, telling]) timer.unref();
  return {
    delays: () => worst,
    stop() {
      clearInterval(ticking);
      clearInterval(telling);
    },
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e3;
}

/** A histogram keeps whole numbers from 1 on. */
const microseconds = (ms: number): number => Math.max(1, Math.round(ms * 1e3));
