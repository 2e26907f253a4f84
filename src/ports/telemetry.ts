import { explain, type Facts } from "../base/index.ts";

/** A log line is a constant sentence and facts. Key material has no text form. */
export interface Logger {
  /** A person is needed now. */
  error(sentence: string, facts?: Facts): void;
  /** A duty or a promise was missed. */
  warn(sentence: string, facts?: Facts): void;
  /** Outcomes; one node with one validator stays readable by eye. */
  info(sentence: string, facts?: Facts): void;
  /** The steps. */
  debug(sentence: string, facts?: Facts): void;
  /** A logger whose lines name a room ("topic" in Charon). */
  room(name: string): Logger;
}

export type Labels = Readonly<Record<string, string>>;

/** Metrics are declared beside the code they measure. Names and labels are Charon's where Charon exports the same figure. */
export interface Meter {
  counter(
    name: string,
    help: string,
    labelNames?: readonly string[],
  ): { add(by: number, labels?: Labels): void };
  gauge(
    name: string,
    help: string,
    labelNames?: readonly string[],
  ): { set(value: number, labels?: Labels): void };
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
  ): { observe(value: number, labels?: Labels): void };
}

/** What a log says of a broken promise of our own code. */
export const BUG = "A bug in Trireme; please report it";

/** A broken promise of our own code where the process goes on: nobody else is to blame, and we want to hear of it. */
export function logBug(log: Logger, error: unknown, facts: Facts = {}): void {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  log.error(BUG, { ...facts, why: explain(error), stack });
}

const nothing = (): void => {};

/** A logger that says nothing. */
export const silent: Logger = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  room: () => silent,
};

/** A meter that measures nothing. */
export const unmetered: Meter = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing }),
  histogram: () => ({ observe: nothing }),
};
