import { chmodSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { each, syncPath } from "../base/index.ts";

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

/** A new file with just these permissions, whatever the umask says. */
export function writeNew(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { mode, flag: "wx" });
  chmodSync(path, mode);
}
