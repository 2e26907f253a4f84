import { chmodSync, lstatSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DvError, each, syncPath, systemAdvice } from "../base/index.ts";
import { ClusterError } from "./errors.ts";

const SYNCS_AT_ONCE = 16;

/** Everything below a folder, and the folder, on the disk for good. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  await each(entries, SYNCS_AT_ONCE, (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? syncTree(path) : syncPath(path);
  });
  await syncPath(folder);
}

/** A file of a draft, with just these permissions whatever the umask says; on the disk for good with `syncTree`. */
export function writeDraft(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { mode, flag: "wx" });
  chmodSync(path, mode);
}

/** Says early that a result has no place. @throws ClusterError `cluster/exists` - something has this name, be it a link to nowhere */
export function refuseExisting(path: string, what: string): void {
  if (isThere(path)) throw alreadyThere(path, what);
}

/** Whether a path can be seen to name something. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** What would have been overwritten. */
export function alreadyThere(path: string, what: string): ClusterError {
  return new ClusterError("cluster/exists", `${what}: there is something already`, {
    facts: { path },
    hint: "Move it away first, or choose another place; nothing was changed.",
  });
}

/** What the system says when something cannot be written, with what to do; any other error unchanged. */
export function notWritten(path: string, what: string, cause: unknown): unknown {
  const isSystem = cause instanceof Error && typeof (cause as NodeJS.ErrnoException).syscall === "string";
  if (!isSystem || cause instanceof DvError) return cause;
  return new ClusterError("cluster/not-written", what, {
    cause,
    facts: { path },
    hint: `${systemAdvice(cause) ?? "Look at the disk, and at the owner and the permissions of the folder."} Nothing of it was left behind.`,
  });
}
