import type { Hex } from "./bytes.ts";
import { parseJson } from "./parse-json.ts";

/** Makes the error for a field: where it stands in the document, and what was wanted there. */
export type FieldFailure = (where: string, wanted: string) => Error;

/** A JSON object from outside, read field by field; a wrong one is named by its path. */
export class JsonFields {
  readonly #from: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #fail: FieldFailure;

  constructor(value: unknown, where: string, fail: FieldFailure) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw fail(where, "an object");
    this.#from = value as Record<string, unknown>;
    this.#where = where;
    this.#fail = fail;
  }

  /** Parses a document. @throws what `fail` makes, when it is not JSON as `parseJson` takes it, or not an object. */
  static parse(text: string, where: string, fail: FieldFailure): JsonFields {
    let json: unknown;
    try {
      json = parseJson(text);
    } catch {
      throw fail(where, "JSON");
    }
    return new JsonFields(json, where, fail);
  }

  path(name: string): string {
    return `${this.#where}.${name}`;
  }

  failure(name: string, wanted: string): Error {
    return this.#fail(this.path(name), wanted);
  }

  raw(name: string): unknown {
    return Object.hasOwn(this.#from, name) ? this.#from[name] : undefined;
  }

  object(name: string): JsonFields {
    return new JsonFields(this.raw(name), this.path(name), this.#fail);
  }

  /** Objects of a list; null and absent are an empty one, as Go writes it. */
  list<T>(name: string, itemsMax: number, read: (item: JsonFields, index: number) => T): T[] {
    return this.items(name, itemsMax).map((item, i) =>
      read(new JsonFields(item, `${this.path(name)}[${i}]`, this.#fail), i),
    );
  }

  /** Items of a list, unread. */
  items(name: string, itemsMax: number): readonly unknown[] {
    const value = this.raw(name) ?? [];
    if (!Array.isArray(value) || value.length > itemsMax)
      throw this.failure(name, `a list of at most ${itemsMax}`);
    return value as unknown[];
  }

  text(name: string, otherwise?: string): string {
    const value = this.raw(name) ?? otherwise;
    if (typeof value !== "string") throw this.failure(name, "a text");
    return value;
  }

  flag(name: string): boolean {
    return this.raw(name) === true;
  }

  /** A whole number, 0 to 2^53. */
  number(name: string, otherwise?: number): number {
    const value = this.raw(name) ?? otherwise;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw this.failure(name, "a whole number");
    return value;
  }

  /** A whole number as decimal text, 0 to 2^53, as the beacon API writes them. */
  quoted(name: string): number {
    const value = this.raw(name);
    const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number)) throw this.failure(name, "a whole number in quotes");
    return number;
  }

  /** So many bytes as 0x-prefixed hexadecimal; lower-cased. */
  hex(name: string, bytes: number): Hex {
    const value = this.raw(name);
    if (typeof value !== "string" || value.length !== 2 + 2 * bytes || !/^0x[0-9a-fA-F]*$/.test(value))
      throw this.failure(name, `${bytes} bytes in hexadecimal`);
    return value.toLowerCase() as Hex;
  }
}
