import { hash } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

const SLOT_BYTES = 512; // A disk sector, so that tearing one entry leaves the other whole.

/**
 * A second file that knows how many transactions the memory has acknowledged. The memory itself cannot tell that it was
 * put back to an earlier state: by a restored copy, a deleted write-ahead log, or one that was cut short. It is written
 * after each commit without waiting for the disk, so it may lag behind after a power cut, which does no harm, but never leads.
 */
export class Witness {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a+", 0o600);
    closeSync(this.#file);
    this.#file = openSync(path, "r+");
  }

  /** The highest sequence number on record; undefined where there is no readable one. */
  static read(path: string): number | undefined {
    let content: Buffer;
    try {
      content = readFileSync(path);
    } catch {
      return undefined;
    }
    const found = [0, SLOT_BYTES].flatMap((offset) => readEntry(content.subarray(offset, offset + 16)) ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  }

  write(sequence: number): void {
    const entry = Buffer.alloc(16);
    entry.writeDoubleLE(sequence, 0);
    check(entry).copy(entry, 8);
    writeSync(this.#file, entry, 0, 16, (sequence % 2) * SLOT_BYTES);
  }

  close(): void {
    closeSync(this.#file);
  }
}

function readEntry(entry: Buffer): number | undefined {
  if (entry.length < 16 || !entry.subarray(8).equals(check(entry))) return undefined;
  return entry.readDoubleLE(0);
}

function check(entry: Buffer): Buffer {
  return hash("sha256", entry.subarray(0, 8), "buffer").subarray(0, 8);
}
