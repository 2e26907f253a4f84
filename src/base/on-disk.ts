import { mkdirSync, statSync } from "node:fs";
import { link, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface WriteFileOptions {
  /** Permission bits, whatever the umask says. Default 0600. */
  readonly mode?: number;
  /** Put it in the place of a file that is there; otherwise that file stays and the call fails. Default false. */
  readonly replace?: boolean;
}

/**
 * Writes a whole file or nothing: at every instant, also after power loss, the path names either what was there before or
 * all of `content`, and it names the latter for good once the promise has settled.
 *
 * @throws the system's error; EEXIST where the file is there and may not be replaced.
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, replace = false }: WriteFileOptions = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${performance.now()}.tmp`);
  try {
    // A name of our own that nobody can have put there before, as a link to somewhere else for instance.
    await writeSynced(temporary, content, mode);
    if (replace) await rename(temporary, path);
    else await link(temporary, path);
    await syncPath(folder);
  } finally {
    await unlink(temporary).catch(() => undefined); // Gone already when it was renamed.
  }
}

/** A file that was not there, its content on the disk for good; its name in the folder is not yet. @throws the system's error */
export async function writeSynced(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes a folder, and those above it that are missing; one that is there stays as it is. Where the system says first that a
 * folder is missing and then that it cannot be made, as below /proc, Node's own recursive mkdir asks for ever.
 *
 * @returns The topmost folder that was made; undefined when all were there.
 * @throws the system's error, with the path of the first folder that could not be made.
 */
export function makeFolder(path: string, mode: number = 0o777): string | undefined {
  if (isFolder(path)) return undefined;
  const above = dirname(path);
  const made = above === path ? undefined : makeFolder(above, mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isFolder(path)) throw error; // It may have been made by somebody else just now.
  }
  return made ?? path;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** A file's content, or the names in a folder, on the disk for good: it survives a power loss. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether other users of this machine may read or write a file; not when there is none. */
export function isOpenToOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
}
