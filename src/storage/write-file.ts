import { makeFolder, type WriteFileOptions, writeWhole } from "../base/index.ts";
import { storageError } from "./errors.ts";

/**
 * Writes a whole file or nothing, see `writeWhole`.
 *
 * @throws StorageError `storage/unavailable` - cause EEXIST where the file is there and may not be replaced.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: WriteFileOptions = {},
): Promise<void> {
  try {
    await writeWhole(path, content, options);
  } catch (error) {
    throw storageError("write a file", path, error);
  }
}

/** Makes a folder for results, with those above it, see `makeFolder`. @throws StorageError `storage/unavailable` */
export function makeOutputFolder(path: string, mode: number): void {
  try {
    makeFolder(path, mode);
  } catch (error) {
    throw storageError("make a folder", path, error);
  }
}
