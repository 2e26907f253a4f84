import { type InterchangeKind, parseInterchange, writeInterchange } from "../slashing/index.ts";
import { type ImportSummary, MemoryFile } from "./memory-file.ts";
import type { OpenOptions } from "./open-file.ts";

/**
 * The slashing protection of a stopped node as the text of an interchange file.
 *
 * @param path - The node's SQLite file.
 * @throws StorageError `storage/locked` - the node is running, and what is exported would be out of date at once.
 */
export function exportSlashingProtection(path: string, kind: InterchangeKind = "complete"): string {
  return withFile({ path, mustExist: true }, (file) => writeInterchange(file.export(kind)));
}

/**
 * Adds an interchange file to the slashing protection of a stopped node, all or nothing.
 *
 * @param options.lockHash - 32 bytes; lets the file be made when the node never ran.
 * @param options.genesisValidatorsRoot - 32 bytes; the chain the file must be of, where it is known.
 * @throws SlashingError `slashing/bad-interchange`, `slashing/other-chain`; StorageError
 */
export function importSlashingProtection(
  path: string,
  json: string,
  options: { readonly lockHash?: Uint8Array; readonly genesisValidatorsRoot?: Uint8Array } = {},
): ImportSummary {
  const interchange = parseInterchange(json);
  return withFile({ path, ...options }, (file) => file.import(interchange));
}

function withFile<T>(options: OpenOptions, work: (file: MemoryFile) => T): T {
  const file = new MemoryFile(options);
  try {
    return work(file);
  } finally {
    file.close();
  }
}
