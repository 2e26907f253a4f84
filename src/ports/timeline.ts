import type { Facts } from "../base/index.ts";
import type { DutyId, GroupKey, UnixMs } from "../spec/index.ts";

/** The stages of a duty, in order. */
export type Stage =
  | "scheduled"
  | "fetched"
  | "proposed"
  | "decided"
  | "guarded"
  | "signed"
  | "partial-received"
  | "aggregated"
  | "broadcast"
  | "included";

export interface TimelineEntry {
  readonly at: UnixMs;
  readonly stage: Stage;
  readonly facts?: Facts;
}

/** How a duty ended for one validator, with the one cause when it failed. */
export interface DutyOutcome {
  readonly duty: DutyId;
  readonly groupKey: GroupKey;
  readonly outcome: "included" | "broadcast" | "failed" | "not-included";
  /** One of docs/causes.md; present when the duty failed. */
  readonly cause?: string;
}

/** A duty's whole story, as it is kept on disk and shown to the operator. */
export interface DutyRecord {
  readonly duty: DutyId;
  readonly entries: readonly TimelineEntry[];
  /** How it ended, validators with the same end together. */
  readonly outcomes: readonly {
    readonly outcome: DutyOutcome["outcome"];
    readonly cause?: string;
    /** How many validators ended so. */
    readonly validators: number;
    /** Some of them; all when there are few. */
    readonly groupKeys: readonly GroupKey[];
  }[];
}

/** Receives what happened; nothing depends on it. Must be quick and never throw. */
export interface TimelineSink {
  record(duty: DutyId, entry: TimelineEntry): void;
  finish(outcome: DutyOutcome): void;
}
