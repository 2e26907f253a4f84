import { hash } from "node:crypto";

/**
 * A fingerprint of every row that safety depends on: the exclusive-or of the rows' hashes, so that it follows each insert
 * and delete at the cost of one hash. SQLite notices damage to its trees but not a flipped bit inside a value or a row
 * that is cleanly gone; comparing the stored seal with the rows at open does. It guards against disks, not against forgers.
 */
export class Seal {
  readonly #words = new Uint32Array(4);

  /** The seal as it was stored. */
  static from(bytes: Uint8Array): Seal {
    const seal = new Seal();
    seal.#words.set(new Uint32Array(new Uint8Array(bytes).buffer));
    return seal;
  }

  /** Adds a row that was inserted, or takes out one that was deleted: the same operation. */
  toggle(row: SealedRow): void {
    const digest = hash("sha256", encode(row), "buffer");
    for (let i = 0; i < 4; i++) this.#words[i] = (this.#words[i] ?? 0) ^ digest.readUInt32LE(4 * i);
  }

  /** 16 bytes. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer.slice(0));
  }
}

type Field = number | string | Uint8Array | null;
/** The table's name, then the row's fields in the order of the schema. */
export type SealedRow = readonly ["identity" | "validator" | "attestation" | "block" | "note", ...Field[]];

/** Every field with its kind and length in front, so that no two rows look the same. */
function encode(row: SealedRow): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of row) {
    const [kind, bytes] = encodeField(field);
    const head = Buffer.alloc(5);
    head.writeUInt8(kind, 0);
    head.writeUInt32LE(bytes.length, 1);
    parts.push(head, bytes);
  }
  return Buffer.concat(parts);
}

function encodeField(field: Field): readonly [number, Uint8Array] {
  if (field === null) return [0, Buffer.alloc(0)];
  if (typeof field === "string") return [2, Buffer.from(field, "utf8")];
  if (typeof field !== "number") return [3, field];
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(field);
  return [1, bytes];
}
