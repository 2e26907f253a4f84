import type { Facts } from "../base/index.ts";
import { type Logger, type Meter, unmetered } from "../ports/index.ts";
import { type LogLine, writeConsole, writeJson, writeLogfmt } from "./log-line.ts";
import { telemetryMetrics } from "./metrics.ts";

export type LogLevel = "error" | "warn" | "info" | "debug";
export type LogFormat = "console" | "json" | "logfmt";

export interface LoggerOptions {
  /** The least important level that is written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Colours, for a terminal. */
  readonly color?: boolean;
  /** Gets one line with its line break. */
  readonly write: (line: string) => void;
  /** Counts errors and warnings by room, under Charon's names. */
  readonly meter?: Meter;
  /** Default: the machine's clock. */
  readonly now?: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** A logger that writes lines. A line that cannot be written is lost; the caller never hears of it. */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format, color = false, write, meter, now = Date.now } = options;
  const text = { console: (l: LogLine) => writeConsole(l, color), json: writeJson, logfmt: writeLogfmt }[
    format
  ];
  const { errors, warnings } = telemetryMetrics(meter ?? unmetered);

  const loggerOf = (room: string): Logger => {
    const line =
      (of: LogLevel) =>
      (sentence: string, facts: Facts = {}): void => {
        if (of === "error") errors.add(1, { topic: room });
        if (of === "warn") warnings.add(1, { topic: room });
        if (RANK[of] > RANK[level]) return;
        try {
          write(`${text({ at: now(), level: of, room, sentence, facts })}\n`);
        } catch {
          // A full disk or a closed pipe under the log is no reason to stop signing.
        }
      };
    return {
      error: line("error"),
      warn: line("warn"),
      info: line("info"),
      debug: line("debug"),
      room: loggerOf,
    };
  };
  return loggerOf("node");
}
