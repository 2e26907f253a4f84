import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Meter } from "../ports/index.ts";
import { telemetryMetrics } from "./metrics.ts";

const RESOLUTION_MS = 10;
const WINDOW_MS = 10_000;

export interface EventLoopWatch {
  /** The longest delay of the last whole window, in milliseconds; 0 before there is one. */
  worstMs(): number;
  stop(): void;
}

/** Measures how late the event loop comes round, over windows of ten seconds. Nothing of ours may hold it for 20 ms. */
export function watchEventLoop(meter: Meter): EventLoopWatch {
  const gauge = telemetryMetrics(meter).eventLoopDelay;
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let worst = 0;
  const timer = setInterval(() => {
    // The histogram holds the time from tick to tick, so a loop in good order shows the resolution itself.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1e3;
    gauge.set(late(delays.percentile(50)), { quantile: "0.5" });
    gauge.set(late(delays.percentile(99)), { quantile: "0.99" });
    gauge.set(late(delays.max), { quantile: "1" });
    worst = late(delays.max) * 1e3;
    delays.reset();
  }, WINDOW_MS);
  timer.unref();
  return {
    worstMs: () => worst,
    stop() {
      clearInterval(timer);
      delays.disable();
    },
  };
}
