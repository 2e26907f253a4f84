import { randomBytes } from "node:crypto";
import { link, open, readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { each } from "../base/index.ts";

const SYNCS_AT_ONCE = 16;

/** A file's content, or the names in a folder, on the disk for good: it survives a power loss. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Everything below a folder, and the folder, on the disk for good. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  await each(entries, SYNCS_AT_ONCE, (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? syncTree(path) : syncPath(path);
  });
  await syncPath(folder);
}

/**
 * A new file, all of it or nothing, and on the disk for good once the promise has settled.
 *
 * @throws the system's error, EEXIST where there is one of that name, which is left as it is.
 */
export async function writeOnce(path: string, text: string, mode: number): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(draft, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
  } finally {
    await unlink(draft).catch(() => {});
  }
  await syncPath(dirname(path));
}
