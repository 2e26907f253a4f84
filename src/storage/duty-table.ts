import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DutyRecord } from "../ports/index.ts";
import type { DutyKind, Slot } from "../spec/index.ts";
import { DUTIES_KEPT, DUTY_RECORD_CHARACTERS_MAX } from "./limits.ts";

export interface DutyQuery {
  /** At most this many, latest first. */
  readonly limit: number;
  /** Only duties of earlier slots; for the next page. */
  readonly beforeSlot?: Slot;
  readonly kind?: DutyKind;
}

/** Timelines of the latest duties. Not under the seal: losing one is a pity and no more. */
export class DutyTable {
  readonly #save: StatementSync;
  readonly #query: StatementSync;
  readonly #prune: StatementSync;

  constructor(db: DatabaseSync) {
    this.#save = db.prepare("INSERT OR REPLACE INTO duty VALUES (?, ?, ?)");
    this.#query = db.prepare(
      "SELECT record FROM duty WHERE slot < ? AND (?2 IS NULL OR kind = ?2) ORDER BY slot DESC, kind LIMIT ?3",
    );
    this.#prune = db.prepare(
      "DELETE FROM duty WHERE slot < (SELECT slot FROM duty ORDER BY slot DESC LIMIT 1 OFFSET ?)",
    );
  }

  save(records: readonly DutyRecord[]): void {
    for (const record of records) {
      const text = JSON.stringify(record);
      const fits = text.length <= DUTY_RECORD_CHARACTERS_MAX;
      const kept = fits
        ? text
        : JSON.stringify({ duty: record.duty, entries: [], outcomes: record.outcomes });
      if (kept.length > DUTY_RECORD_CHARACTERS_MAX) continue;
      this.#save.run(record.duty.slot, record.duty.kind, kept);
    }
    this.#prune.run(DUTIES_KEPT);
  }

  query({ limit, beforeSlot, kind }: DutyQuery): readonly DutyRecord[] {
    const capped = Math.max(0, Math.min(Math.trunc(limit), DUTIES_KEPT));
    const rows = this.#query.all(beforeSlot ?? Number.MAX_SAFE_INTEGER, kind ?? null, capped);
    return rows.flatMap((row) => parse((row as { record: string }).record));
  }
}

/** We wrote it, but timelines are not under the seal: a damaged one is passed over. */
function parse(text: string): readonly DutyRecord[] {
  try {
    const record = JSON.parse(text) as DutyRecord;
    return Array.isArray(record.entries) && Array.isArray(record.outcomes) ? [record] : [];
  } catch {
    return [];
  }
}
