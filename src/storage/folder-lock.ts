import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder } from "../base/index.ts";
import { StorageError, storageError } from "./errors.ts";
import { FOLDER_LOCK_PATIENCE_MS } from "./limits.ts";

export interface FolderLock {
  /** Lets another process have the folder. Harmless when called again. */
  release(): void;
}

/**
 * Takes the data folder for this process. The lock is the operating system's, on `trireme/folder.lock`, taken through
 * SQLite since Node has no call for it: it is gone the instant the process is, it is seen from other containers that
 * mount the folder, and no process number can be mistaken for another. Never open that file otherwise in this process.
 *
 * @param command - What holds it, for the message to whoever comes second, e.g. "run".
 * @throws StorageError `storage/locked` - facts say who has it; `storage/unavailable` - the folder cannot be written.
 */
export function lockDataFolder(folder: string, command: string): FolderLock {
  const path = join(folder, "trireme", "folder.lock");
  const holderPath = `${path}.holder.json`;
  let db: DatabaseSync | undefined;
  try {
    makeFolder(join(folder, "trireme"), 0o700);
    db = new DatabaseSync(path, { timeout: FOLDER_LOCK_PATIENCE_MS });
    db.exec("BEGIN EXCLUSIVE");
    writeFileSync(holderPath, JSON.stringify({ command, pid: process.pid, since: new Date().toISOString() }));
  } catch (error) {
    db?.close();
    const named = storageError("lock the data folder", folder, error);
    if (!(named instanceof StorageError) || named.code !== "storage/locked") throw named;
    throw new StorageError("storage/locked", "lock the data folder: another process uses it", {
      cause: error,
      facts: { folder, ...holder(holderPath) },
      hint: "Two nodes on one key would be slashed apart from this lock; stop the other one first.",
    });
  }
  const held = db;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}

/** What the holder wrote about itself; only for the message, so whatever it is, it is enough. */
function holder(path: string): { readonly holder?: string } {
  try {
    return { holder: readFileSync(path, "utf8").slice(0, 200) };
  } catch {
    return {};
  }
}
