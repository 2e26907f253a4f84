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
  /** Gets one line with its line break. False: it was dropped. */
  readonly write: (line: string) => unknown;
  /** Counts errors and warnings by room, under Charon's names. */
  readonly meter?: Meter;
  /** Default: the machine's clock. */
  readonly now?: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** A logger that writes lines. A line that cannot be written is lost; the caller never hears of it, the reader how many. */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format, color = false, write, meter, now = Date.now } = options;
  const text = { console: (l: LogLine) => writeConsole(l, color), json: writeJson, logfmt: writeLogfmt }[
    format
  ];
  const { errors, warnings, linesDropped } = telemetryMetrics(meter ?? unmetered);
  let dropped = 0;

  /** What was dropped before is told as soon as lines are taken again. */
  const put = (said: Omit<LogLine, "at">): void => {
    const take = (one: Omit<LogLine, "at">): boolean => write(`${text({ at: now(), ...one })}\n`) !== false;
    const gap = { level: "warn", room: "telemetry", sentence: "Lines of this log were dropped" } as const;
    if (dropped > 0 && take({ ...gap, facts: { lines: dropped, why: "nobody read them" } })) dropped = 0;
    if (dropped === 0 && take(said)) return;
    dropped++;
    linesDropped.add(1);
  };

  const loggerOf = (room: string): Logger => {
    const line =
      (of: LogLevel) =>
      (sentence: string, facts: Facts = {}): void => {
        if (of === "error") errors.add(1, { topic: room });
        if (of === "warn") warnings.add(1, { topic: room });
        if (RANK[of] > RANK[level]) return;
        try {
          put({ level: of, room, sentence, facts });
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
