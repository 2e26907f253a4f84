import { JsonFields } from "../base/index.ts";
import { containerFromJson } from "../spec/index.ts";
import { bad } from "./errors.ts";

/** @throws BeaconError `beacon/bad-answer` */
export function parseJson(body: Uint8Array): JsonFields {
  return JsonFields.parse(new TextDecoder().decode(body), "answer", bad);
}

/** What we use of an SSZ type. The types of a fork come as a union over all forks, which says less. */
export interface SszType<T> {
  fromJson(json: unknown): T;
  toJson(value: T): unknown;
  deserialize(bytes: Uint8Array): T;
  serialize(value: T): Uint8Array<ArrayBuffer>;
  hashTreeRoot(value: T): Uint8Array;
}

/** A container of which nothing is guessed. @throws BeaconError `beacon/bad-answer` */
export function readContainer<T>(type: SszType<T>, json: unknown, where: string): T {
  return containerFromJson(type, json, where, (place) =>
    bad(place, "a value of the consensus specification"),
  );
}

/** @throws BeaconError `beacon/bad-answer` */
export function readSsz<T>(type: SszType<T>, bytes: Uint8Array): T {
  try {
    return type.deserialize(bytes);
  } catch {
    throw bad("body", "SSZ bytes of the consensus specification");
  }
}
