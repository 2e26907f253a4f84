import type { Meter } from "../ports/index.ts";
import { reasonsWithCodes } from "./readiness.ts";

/** What this room measures of the node itself. */
export function telemetryMetrics(meter: Meter) {
  return {
    readyz: meter.gauge("app_monitoring_readyz", `1 when the node is ready; else ${reasonsWithCodes()}`),
    errors: meter.counter("app_log_error_total", "Error lines written, per room", ["topic"]),
    warnings: meter.counter("app_log_warn_total", "Warning lines written, per room", ["topic"]),
    linesDropped: meter.counter(
      "trireme_telemetry_log_lines_dropped_total",
      "Lines of the log that were dropped because nobody read it",
    ),
    eventLoopDelay: meter.gauge(
      "trireme_node_event_loop_delay_seconds",
      "How late the event loop came round in the last ten seconds, by quantile (1 is the worst)",
      ["quantile"],
    ),
    eventLoopHeld: meter.gauge(
      "trireme_node_event_loop_held_seconds",
      "The part of that delay in which the node itself computed; for the rest it waited for a processor or a disk",
      ["quantile"],
    ),
  };
}

/** The meter's own, which it cannot declare by itself. */
export const DROPPED = {
  name: "trireme_telemetry_dropped_total",
  help: "Measurements that were dropped: too many series of one metric, or a value or label that does not fit",
  labelNames: ["metric"],
} as const;
