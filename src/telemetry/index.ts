/**
 * What operators see: log lines, metrics under Charon's names, health and status over HTTP, the story of each duty.
 * Nothing depends on any of it, and none of it can stop the node.
 */
export type { DutyDigest, DutyDigests, DutyState } from "./duty-digest.ts";
export { type EventLoopWatch, type LoopDelays, watchEventLoop } from "./event-loop.ts";
export { DUTIES_IN_MEMORY, SLOTS_RETOLD } from "./limits.ts";
export { createLogger, type LogFormat, type LoggerOptions, type LogLevel } from "./logger.ts";
export { charonLabels, createMeter, type ExposedMeter } from "./meter.ts";
export {
  type Monitoring,
  type MonitoringOptions,
  type Page,
  startMonitoring,
  TelemetryError,
} from "./monitoring.ts";
export { type NotReady, readinessCode } from "./readiness.ts";
export { createTimelineSink, type DutyTimelines } from "./timeline-sink.ts";
