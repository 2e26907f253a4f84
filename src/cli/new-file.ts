import { alreadyThere, refuseExisting, unfinishedDrafts } from "../cluster/index.ts";
import { StorageError, type WriteFileOptions, writeFileAtomic } from "../storage/index.ts";
import type { Io } from "./commands/index.ts";

/**
 * Writes a result where nothing is yet, with its folder: all of it or nothing.
 *
 * @param what - What is done, for the message, e.g. "write the merged definition".
 * @throws ClusterError `cluster/exists`; StorageError `storage/unavailable`
 */
export async function writeNewFile(
  path: string,
  content: string,
  { what, ...options }: { readonly what: string } & Omit<WriteFileOptions, "replace">,
): Promise<void> {
  refuseExisting(path, what);
  try {
    await writeFileAtomic(path, content, options);
  } catch (error) {
    const { cause } = error as Error;
    const isThere = error instanceof StorageError && (cause as NodeJS.ErrnoException).code === "EEXIST";
    throw isThere ? alreadyThere(path, what) : error;
  }
}

/** Says where keys lie about that nobody wants: in drafts of attempts that were killed. */
export function warnOfDrafts(folder: string, io: Io): void {
  for (const draft of unfinishedDrafts(folder))
    io.err(
      `warning: ${draft} is of an attempt that was killed, and has keys in it. Delete it, unless another attempt is at work right now.\n`,
    );
}
