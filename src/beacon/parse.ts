import type { Hex } from "../base/index.ts";
import type { AttesterDuty, ProposerDuty, ValidatorRecord } from "../ports/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { BeaconError } from "./errors.ts";

/** A JSON object whose fields are read one by one, each with its name in the error. */
export class Fields {
  readonly #from: Record<string, unknown>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(where, "an object");
    this.#from = value as Record<string, unknown>;
    this.#where = where;
  }

  raw(name: string): unknown {
    return this.#from[name];
  }

  object(name: string): Fields {
    return new Fields(this.#from[name], `${this.#where}.${name}`);
  }

  list<T>(name: string, itemsMax: number, read: (item: Fields) => T): T[] {
    const value = this.#from[name];
    const where = `${this.#where}.${name}`;
    if (!Array.isArray(value) || value.length > itemsMax) throw bad(where, `a list of at most ${itemsMax}`);
    return value.map((item, i) => read(new Fields(item, `${where}[${i}]`)));
  }

  text(name: string): string {
    const value = this.#from[name];
    if (typeof value !== "string") throw bad(`${this.#where}.${name}`, "a text");
    return value;
  }

  flag(name: string): boolean {
    return this.#from[name] === true;
  }

  /** A decimal text, as the beacon API writes numbers; at most 2^53. */
  number(name: string): number {
    const value = this.#from[name];
    const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number)) throw bad(`${this.#where}.${name}`, "a whole number in quotes");
    return number;
  }

  hex(name: string, bytes: number): Hex {
    const value = this.#from[name];
    if (typeof value !== "string" || value.length !== 2 + 2 * bytes || !/^0x[0-9a-fA-F]+$/.test(value))
      throw bad(`${this.#where}.${name}`, `${bytes} bytes in hexadecimal`);
    return value.toLowerCase() as Hex;
  }
}

export function bad(where: string, wanted: string): BeaconError {
  return new BeaconError("beacon/bad-answer", "read the beacon node's answer", { facts: { where, wanted } });
}

export function parseJson(body: Uint8Array): Fields {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw bad("the answer", "JSON");
  }
  return new Fields(json, "answer");
}

/** More validators or duties than exist anywhere. */
export const LIST_MAX = 2_000_000;

export function validatorRecord(item: Fields): ValidatorRecord {
  return {
    index: item.number("index"),
    status: item.text("status"),
    pubkey: item.object("validator").hex("pubkey", 48) as GroupKey,
  };
}

export function attesterDuty(item: Fields): AttesterDuty {
  return {
    pubkey: item.hex("pubkey", 48) as GroupKey,
    validatorIndex: item.number("validator_index"),
    slot: item.number("slot"),
    committeeIndex: item.number("committee_index"),
    committeeLength: item.number("committee_length"),
    committeesAtSlot: item.number("committees_at_slot"),
    validatorCommitteeIndex: item.number("validator_committee_index"),
  };
}

export function proposerDuty(item: Fields): ProposerDuty {
  return {
    pubkey: item.hex("pubkey", 48) as GroupKey,
    validatorIndex: item.number("validator_index"),
    slot: item.number("slot"),
  };
}
