import type { DutyRecord } from "../ports/index.ts";
import type { Interchange, InterchangeKind } from "../slashing/index.ts";
import type { DutyQuery } from "./duty-table.ts";
import type { ErrorData } from "./errors.ts";
import type { PackedVotes } from "./packed-votes.ts";

/** What the storage thread is asked. Each request gets one answer with its id. */
export type StoreRequest =
  | { readonly kind: "admit"; readonly votes: PackedVotes }
  | { readonly kind: "import"; readonly interchange: Interchange }
  | { readonly kind: "export"; readonly as: InterchangeKind }
  | { readonly kind: "standing" }
  | { readonly kind: "trust" }
  | { readonly kind: "save-duties"; readonly records: readonly DutyRecord[] }
  | { readonly kind: "duties"; readonly query: DutyQuery }
  | { readonly kind: "read-note"; readonly key: string }
  | { readonly kind: "write-note"; readonly key: string; readonly value: Uint8Array | undefined }
  | { readonly kind: "note-keys"; readonly prefix: string }
  | { readonly kind: "close" };

export type StoreMessage = StoreRequest & { readonly id: number };

export type StoreAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorData };

/** Id of the answer that says how opening went. */
export const OPENING = 0;
