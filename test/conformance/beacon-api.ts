import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Schema, Schemas } from "./json-schema.ts";

/** One endpoint as ethereum/beacon-APIs describes it. */
export interface Operation {
  readonly operationId: string;
  readonly method: "GET" | "POST";
  /** With `{name}` for its parameters. */
  readonly path: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "path" | "query" | "header";
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly body?: { readonly required: boolean; readonly types: readonly string[]; readonly schema: Schema };
  readonly responses: Readonly<
    Record<string, { readonly types: readonly string[]; readonly schema?: Schema }>
  >;
}

/**
 * The endpoints that a validator client uses, with their schemas from Electra on: taken as data from
 * ethereum/beacon-APIs (CC0-1.0; the commit stands in the file), with references resolved into one list.
 */
export const beaconApi = JSON.parse(readFileSync(join(import.meta.dirname, "beacon-api.json"), "utf8")) as {
  readonly commit: string;
  readonly operations: readonly Operation[];
  readonly schemas: Schemas;
};

export function operation(id: string): Operation {
  const found = beaconApi.operations.find(({ operationId }) => operationId === id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
}
