import {
  type ChainSpec,
  dutyDue,
  dutyOnTimeUntil,
  type Slot,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { type ChainActivity, type JudgedKind, judgedKinds } from "./activity.ts";
import { Latencies } from "./latencies.ts";
import type { ValidatorSet } from "./validators.ts";

/** How one duty went. `open`: its slot is not over and nothing came yet. */
export type DutyState = "open" | "on-time" | "late" | "missed";

/** One duty of one watched validator. */
export interface DutyRecord {
  readonly slot: Slot;
  readonly kind: JudgedKind;
  readonly validator: ValidatorIndex;
  state: DutyState;
  /** Milliseconds after the duty's due time; negative when early. */
  afterDueMs?: number;
  /** Slot of the block that has it. */
  includedIn?: Slot;
  /** What the chain holds against it, e.g. "wrong head". */
  notes?: string[];
}

/** Counts of one validator and kind. `assigned` = onTime + late + missed + those still open. */
export interface Counts {
  assigned: number;
  onTime: number;
  late: number;
  missed: number;
  slashable: number;
  /** Votes on the chain; blocks on the chain. */
  included: number;
  wrongHead: number;
  wrongTarget: number;
}

interface Tally {
  readonly counts: Counts;
  readonly latencies: Latencies;
}

/**
 * What the watched validators had to do and what came of it. Counts live for ever; the record of each duty as long as its
 * slot is kept.
 *
 * What comes after `dutyOnTimeUntil` is late; what never comes is missed.
 */
export class DutyLedger {
  readonly #spec: ChainSpec;
  readonly #validators: ValidatorSet;
  readonly #tell: (event: ChainActivity) => void;
  readonly #slots = new Map<Slot, Map<string, DutyRecord>>();
  readonly #tallies = new Map<ValidatorIndex, ReadonlyMap<JudgedKind, Tally>>();

  constructor(spec: ChainSpec, validators: ValidatorSet, tell: (event: ChainActivity) => void) {
    this.#spec = spec;
    this.#validators = validators;
    this.#tell = tell;
    for (const { index, watched } of validators.all)
      if (watched)
        this.#tallies.set(
          index,
          new Map(judgedKinds.map((kind) => [kind, { counts: zero(), latencies: new Latencies() }])),
        );
  }

  /** Notes a duty that is to come. Does nothing for a validator that is not watched, or a duty already noted. */
  assign(slot: Slot, kind: JudgedKind, validator: ValidatorIndex): void {
    const tally = this.#tally(validator, kind);
    if (tally === undefined || this.record(slot, kind, validator) !== undefined) return;
    this.#slot(slot).set(`${kind}/${validator}`, { slot, kind, validator, state: "open" });
    tally.counts.assigned++;
  }

  /**
   * Notes that a duty was done, with a right signature. A duty that nobody could know of before (an aggregation) is
   * assigned by it. Only the first time counts.
   *
   * @returns Whether this was the first time.
   */
  receive(slot: Slot, kind: JudgedKind, validator: ValidatorIndex, at: UnixMs): boolean {
    const tally = this.#tally(validator, kind);
    if (tally === undefined) return false;
    this.assign(slot, kind, validator);
    const record = this.record(slot, kind, validator);
    if (record === undefined || record.afterDueMs !== undefined) return false;
    const onTime = at < dutyOnTimeUntil(this.#spec, { slot, kind });
    record.afterDueMs = at - dutyDue(this.#spec, { slot, kind });
    if (record.state === "missed") tally.counts.missed--;
    record.state = onTime ? "on-time" : "late";
    if (onTime) tally.counts.onTime++;
    else tally.counts.late++;
    tally.latencies.add(record.afterDueMs);
    this.#tell({
      kind: "received",
      duty: kind,
      slot,
      validator,
      pubkey: this.#key(validator),
      afterDueMs: record.afterDueMs,
      onTime,
    });
    return true;
  }

  /** Notes that a block has it. Once. */
  include(slot: Slot, kind: JudgedKind, validator: ValidatorIndex, blockSlot: Slot): boolean {
    const record = this.record(slot, kind, validator);
    if (record === undefined || record.includedIn !== undefined) return false;
    record.includedIn = blockSlot;
    const tally = this.#tally(validator, kind);
    if (tally !== undefined) tally.counts.included++;
    return true;
  }

  /** Holds something against a duty that was done. */
  fault(slot: Slot, kind: JudgedKind, validator: ValidatorIndex, fault: "wrong head" | "wrong target"): void {
    const record = this.record(slot, kind, validator);
    const tally = this.#tally(validator, kind);
    if (record === undefined || tally === undefined || record.notes?.includes(fault)) return;
    record.notes = [...(record.notes ?? []), fault];
    if (fault === "wrong head") tally.counts.wrongHead++;
    else tally.counts.wrongTarget++;
  }

  /** Writes a sentence to a duty, e.g. why a block did not make it. */
  note(slot: Slot, kind: JudgedKind, validator: ValidatorIndex, sentence: string): void {
    const record = this.record(slot, kind, validator);
    if (record !== undefined && (record.notes?.length ?? 0) < 4)
      record.notes = [...(record.notes ?? []), sentence];
  }

  slashable(kind: JudgedKind, validator: ValidatorIndex): void {
    const tally = this.#tally(validator, kind);
    if (tally !== undefined) tally.counts.slashable++;
  }

  /** Ends a slot: what did not come is missed (so far). */
  close(slot: Slot): void {
    for (const record of this.#slots.get(slot)?.values() ?? []) {
      if (record.state !== "open") continue;
      record.state = "missed";
      const tally = this.#tally(record.validator, record.kind);
      if (tally !== undefined) tally.counts.missed++;
      const { kind: duty, validator } = record;
      this.#tell({ kind: "missed", duty, slot, validator, pubkey: this.#key(validator) });
    }
  }

  /** Forgets the records (not the counts) of slots before `slot`. */
  prune(slot: Slot): void {
    for (const kept of this.#slots.keys()) if (kept < slot) this.#slots.delete(kept);
  }

  record(slot: Slot, kind: JudgedKind, validator: ValidatorIndex): DutyRecord | undefined {
    return this.#slots.get(slot)?.get(`${kind}/${validator}`);
  }

  records(slot: Slot): DutyRecord[] {
    return [...(this.#slots.get(slot)?.values() ?? [])];
  }

  /** Slots whose records are kept, oldest first. */
  get slots(): Slot[] {
    return [...this.#slots.keys()];
  }

  counts(validator: ValidatorIndex, kind: JudgedKind): Readonly<Counts> {
    return this.#tally(validator, kind)?.counts ?? zero();
  }

  latencies(validator: ValidatorIndex, kind: JudgedKind): readonly number[] {
    return this.#tally(validator, kind)?.latencies.values ?? [];
  }

  #slot(slot: Slot): Map<string, DutyRecord> {
    let records = this.#slots.get(slot);
    if (records === undefined) this.#slots.set(slot, (records = new Map()));
    return records;
  }

  #tally(validator: ValidatorIndex, kind: JudgedKind): Tally | undefined {
    return this.#tallies.get(validator)?.get(kind);
  }

  #key(validator: ValidatorIndex): ValidatorSet["all"][number]["key"] {
    return this.#validators.get(validator)?.key as ValidatorSet["all"][number]["key"];
  }
}

export function zero(): Counts {
  return {
    assigned: 0,
    onTime: 0,
    late: 0,
    missed: 0,
    slashable: 0,
    included: 0,
    wrongHead: 0,
    wrongTarget: 0,
  };
}
