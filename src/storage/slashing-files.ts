import { parseInterchange, renamed, requireSameChain, writeInterchange } from "../slashing/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { type ImportSummary, MemoryFile } from "./memory-file.ts";
import type { OpenOptions } from "./open-file.ts";

type NameOf = (pubkey: GroupKey) => GroupKey | undefined;
const itself: NameOf = (pubkey) => pubkey;

/**
 * The slashing protection of a stopped node as the text of an interchange file.
 *
 * @param path - The node's SQLite file.
 * @param options.nameOf - The key under which a validator stands in the file; its own when left out.
 * @throws StorageError `storage/locked` - the node is running, and what is exported would be out of date at once.
 */
export function exportSlashingProtection(path: string, options: { readonly nameOf?: NameOf } = {}): string {
  return withFile({ path, mustExist: true }, (file) =>
    writeInterchange(renamed(file.export("complete"), options.nameOf ?? itself)),
  );
}

/**
 * Adds an interchange file to the slashing protection of a stopped node, all or nothing.
 *
 * @param options.lockHash - 32 bytes; lets the file be made when the node never ran.
 * @param options.genesisValidatorsRoot - 32 bytes; the chain the file must be of, where it is known.
 * @param options.nameOf - The validator that a key of the file stands for; undefined for a stranger's, which is left out.
 * @throws SlashingError `slashing/bad-interchange`, `slashing/other-chain`, `slashing/other-validators`; StorageError
 */
export function importSlashingProtection(
  path: string,
  json: string,
  options: {
    readonly lockHash?: Uint8Array;
    readonly genesisValidatorsRoot?: Uint8Array;
    readonly nameOf?: NameOf;
  } = {},
): ImportSummary {
  const { nameOf = itself, ...opening } = options;
  const read = parseInterchange(json);
  // Said before the folder is touched: a file of the wrong chain would otherwise become the chain of a new memory.
  if (options.genesisValidatorsRoot !== undefined) requireSameChain(options.genesisValidatorsRoot, read);
  const interchange = renamed(read, nameOf);
  return withFile({ path, ...opening }, (file) => file.import(interchange));
}

function withFile<T>(options: OpenOptions, work: (file: MemoryFile) => T): T {
  const file = new MemoryFile(options);
  try {
    return work(file);
  } finally {
    file.close();
  }
}
