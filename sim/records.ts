import type { Facts } from "../src/base/index.ts";
import { type Labels, type Logger, type Meter, silent } from "../src/ports/index.ts";

// What a simulated operator says of itself, kept for tests to read.

export interface LogLine {
  readonly level: string;
  readonly sentence: string;
  readonly facts: Facts | undefined;
}

/** @param onLine - Told of every line, by whatever life of the operator. */
export function logTo(lines: LogLine[], onLine: (line: LogLine) => void): Logger {
  const at =
    (level: string) =>
    (sentence: string, facts?: Facts): void => {
      const line = { level, sentence, facts };
      lines.push(line);
      onLine(line);
    };
  const log: Logger = {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    room: () => log,
  };
  return log;
}

/** A log whose lines are kept as text, with their facts; those for debugging are not. */
export function textTo(lines: string[]): Logger {
  const at =
    (level: string) =>
    (sentence: string, facts: Facts = {}): void =>
      void lines.push(`${level} ${sentence} ${JSON.stringify(facts)}`);
  const log: Logger = { ...silent, error: at("error"), warn: at("warn"), info: at("info"), room: () => log };
  return log;
}

/** Sums of counters, by name and labels. */
export function countIn(counters: Map<string, number>): Meter {
  const name = (metric: string, labels: Labels = {}): string =>
    [metric, ...Object.entries(labels).map(([label, value]) => `${label}=${value}`)].join(" ");
  const add = (metric: string, by: number, labels?: Labels): void =>
    void counters.set(name(metric, labels), (counters.get(name(metric, labels)) ?? 0) + by);
  return {
    counter: (metric) => ({ add: (by, labels) => add(metric, by, labels) }),
    gauge: (metric) => ({ set: (value, labels) => void counters.set(name(metric, labels), value) }),
    histogram: (metric) => ({ observe: (_, labels) => add(`${metric}_count`, 1, labels) }),
  };
}
