import type { Facts } from "../base/index.ts";
import type { Clock, DutyOutcome, Stage, TimelineSink } from "../ports/index.ts";
import type { DutyId, GroupKey, UnixMs } from "../spec/index.ts";
import type { Cause } from "./causes.ts";

interface ValidatorRecord {
  /** The first reason found why this validator's duty cannot be done. A later success makes it void. */
  cause: Cause | undefined;
  broadcastAt: UnixMs | undefined;
  /** A group signature exists, so that other operators may bring it on chain even when we cannot. */
  signed: boolean;
  finished: boolean;
}

/** What happened in one duty: feeds the timeline and ends with one outcome per validator. Nothing depends on it. */
export class DutyRecord {
  readonly id: DutyId;
  readonly #clock: Clock;
  readonly #timeline: TimelineSink;
  readonly #onFinish: (outcome: DutyOutcome) => void;
  readonly #validators: ReadonlyMap<GroupKey, ValidatorRecord>;
  #signing = false;

  constructor(
    id: DutyId,
    groupKeys: Iterable<GroupKey>,
    sinks: {
      readonly clock: Clock;
      readonly timeline: TimelineSink;
      readonly onFinish: (outcome: DutyOutcome) => void;
    },
  ) {
    this.id = id;
    this.#clock = sinks.clock;
    this.#timeline = sinks.timeline;
    this.#onFinish = sinks.onFinish;
    this.#validators = new Map(
      [...groupKeys].map((key) => [
        key,
        { cause: undefined, broadcastAt: undefined, signed: false, finished: false },
      ]),
    );
  }

  /** Whether the duty has been decided here, so that stopping now would waste a signature. */
  get signing(): boolean {
    return this.#signing;
  }

  note(stage: Stage, facts?: Facts): void {
    if (stage === "decided") this.#signing = true;
    const at = this.#clock.now();
    this.#timeline.record(this.id, facts === undefined ? { at, stage } : { at, stage, facts });
  }

  /** Remembers why the duty cannot be done for these validators (all when left out), unless a reason is known. */
  blame(cause: Cause, groupKeys: Iterable<GroupKey> = this.#validators.keys()): void {
    for (const key of groupKeys) {
      const validator = this.#validators.get(key);
      if (validator !== undefined) validator.cause ??= cause;
    }
  }

  /** The reason is gone for these validators (all when left out): what had failed succeeded in the end. */
  absolve(cause: Cause, groupKeys: Iterable<GroupKey> = this.#validators.keys()): void {
    for (const key of groupKeys) {
      const validator = this.#validators.get(key);
      if (validator?.cause === cause) validator.cause = undefined;
    }
  }

  /** Validators that got no group signature. */
  get unsigned(): readonly GroupKey[] {
    return [...this.#validators].filter(([, { signed }]) => !signed).map(([key]) => key);
  }

  /** These validators have their group signature; what becomes of it is seen on chain. */
  signed(groupKeys: Iterable<GroupKey>): void {
    for (const key of groupKeys) {
      const validator = this.#validators.get(key);
      if (validator !== undefined) validator.signed = true;
    }
  }

  causeOf(groupKey: GroupKey): Cause | undefined {
    return this.#validators.get(groupKey)?.cause;
  }

  broadcast(groupKeys: Iterable<GroupKey>): void {
    for (const key of groupKeys) {
      const validator = this.#validators.get(key);
      if (validator !== undefined) validator.broadcastAt ??= this.#clock.now();
    }
  }

  broadcastAt(groupKey: GroupKey): UnixMs | undefined {
    return this.#validators.get(groupKey)?.broadcastAt;
  }

  /** Ends the duty of one validator; only the first end counts. */
  finish(groupKey: GroupKey, outcome: DutyOutcome["outcome"], cause?: Cause): void {
    const validator = this.#validators.get(groupKey);
    if (validator === undefined || validator.finished) return;
    validator.finished = true;
    const ended = { duty: this.id, groupKey, outcome };
    const complete = cause === undefined ? ended : { ...ended, cause };
    this.#timeline.finish(complete);
    this.#onFinish(complete);
  }
}
