import type { DatabaseSync, StatementSync } from "node:sqlite";
import { assert } from "../base/index.ts";
import { NOTE_BYTES_MAX, NOTE_KEY_CHARACTERS_MAX, NOTES_MAX } from "./limits.ts";
import type { Seal } from "./seal.ts";

/** Small named values that must survive: partial exits, last good addresses. Under the seal, and durable like votes. */
export class NoteTable {
  readonly #seal: Seal;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #count: StatementSync;
  readonly #keys: StatementSync;

  constructor(db: DatabaseSync, seal: Seal) {
    this.#seal = seal;
    this.#get = db.prepare("SELECT value FROM note WHERE key = ?");
    this.#put = db.prepare("INSERT INTO note VALUES (?, ?)");
    this.#delete = db.prepare("DELETE FROM note WHERE key = ?");
    this.#count = db.prepare("SELECT count(*) count FROM note");
    this.#keys = db.prepare("SELECT key FROM note WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key");
  }

  read(key: string): Uint8Array | undefined {
    return (this.#get.get(key) as { value: Uint8Array } | undefined)?.value;
  }

  /** Puts `value` in the place of what was there; undefined removes it. */
  write(key: string, value: Uint8Array | undefined): void {
    assert(
      key.length > 0 && key.length <= NOTE_KEY_CHARACTERS_MAX,
      `a note's key has ${key.length} characters`,
    );
    const old = this.read(key);
    if (old !== undefined) {
      this.#delete.run(key);
      this.#seal.toggle(["note", key, old]);
    }
    if (value === undefined) return;
    assert(value.length <= NOTE_BYTES_MAX, `note ${key} has ${value.length} bytes`);
    const { count } = this.#count.get() as { count: number };
    assert(count < NOTES_MAX, "too many notes");
    this.#put.run(key, value);
    this.#seal.toggle(["note", key, value]);
  }

  keys(prefix: string): readonly string[] {
    return this.#keys.all(prefix).map((row) => (row as { key: string }).key);
  }
}
