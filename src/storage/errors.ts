import { DvError, explain, systemAdvice } from "../base/index.ts";
import { SlashingError } from "../slashing/index.ts";

export type StorageErrorCode =
  | "storage/unavailable"
  | "storage/corrupt"
  | "storage/foreign"
  | "storage/schema-too-new"
  | "storage/rolled-back"
  | "storage/locked";

export class StorageError extends DvError<StorageErrorCode> {}

/** SQLite's primary result codes, as far as they lead an operator to different places. @see sqlite.org/rescode.html */
const CODES: Readonly<Record<number, { readonly code: StorageErrorCode; readonly hint: string }>> = {
  5: { code: "storage/locked", hint: "Another process holds this file; stop it first." },
  6: { code: "storage/locked", hint: "Another process holds this file; stop it first." },
  8: {
    code: "storage/unavailable",
    hint: "The file or its folder is read-only; check owner and permissions.",
  },
  10: { code: "storage/unavailable", hint: "The disk reports errors; check the system log." },
  11: { code: "storage/corrupt", hint: "" },
  13: { code: "storage/unavailable", hint: "The disk is full; free some space." },
  14: {
    code: "storage/unavailable",
    hint: "Check that the folder exists and that this user may write to it.",
  },
  26: { code: "storage/corrupt", hint: "" },
};

/** What to do when the memory itself cannot be trusted any more; there is exactly one safe way out, so it is said in full. */
export const RECOVERY_HINT =
  "Do not delete it and carry on: keep the file, ask another operator of the cluster to export the slashing protection " +
  "(the memory is of the group keys, so theirs fits), move this file and its companions away, and import theirs.";

/** What to do about what the system says. */
const HINTS: Readonly<Record<string, string>> = {
  EEXIST: "Move away what is there, or choose another name; nothing was written.",
  ENOENT: "Make the folder first, or correct the path.",
  EACCES: "Correct the owner or the permissions of the folder.",
  EROFS: "The disk is read-only: choose another place, or have it mounted for writing.",
  ENOSPC: "Free some disk space.",
};

/** A failure of SQLite as a failure of ours; anything else is passed on unchanged. */
export function storageError(action: string, path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof StorageError) return cause;
  const errcode = (cause as { errcode?: unknown }).errcode;
  const isSqlite = typeof errcode === "number";
  const isSystem = typeof (cause as NodeJS.ErrnoException).syscall === "string";
  if (!isSqlite && !isSystem) return cause;

  const known = isSqlite ? CODES[errcode & 0xff] : undefined;
  const code = known?.code ?? "storage/unavailable";
  const hint =
    code === "storage/corrupt"
      ? RECOVERY_HINT
      : (known?.hint ??
        HINTS[(cause as NodeJS.ErrnoException).code ?? ""] ??
        systemAdvice(cause) ??
        "Check disk space and permissions.");
  return new StorageError(code, action, { cause, facts: { path }, hint });
}

export function corrupt(path: string, found: string): StorageError {
  return new StorageError("storage/corrupt", `open the slashing memory: ${found}`, {
    facts: { path, found },
    hint: RECOVERY_HINT,
  });
}

/** An error as data, to cross from the storage thread. */
export interface ErrorData {
  readonly code: string | undefined;
  readonly message: string;
  readonly facts: DvError["facts"];
  readonly hint: string | undefined;
  readonly cause: string | undefined;
}

export function errorToData(error: unknown): ErrorData {
  const e = error instanceof Error ? error : new Error(String(error));
  const named = e instanceof DvError ? e : undefined;
  return {
    code: named?.code,
    message: e.message,
    facts: named?.facts ?? {},
    hint: named?.hint,
    cause: e.cause === undefined ? undefined : explain(e.cause),
  };
}

export function errorFromData({ code, message, facts, hint, cause }: ErrorData): Error {
  const more = {
    facts,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  };
  if (code === "slashing/other-chain") return new SlashingError(code, message, more);
  if (code?.startsWith("storage/") === true) return new StorageError(code as StorageErrorCode, message, more);
  return new Error(message, more);
}
