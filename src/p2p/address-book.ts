import { readFile, rename, stat } from "node:fs/promises";
import { writeWhole } from "../base/index.ts";
import { isDialable } from "./addresses.ts";
import { P2pError } from "./errors.ts";
import { ADDRESS_BOOK_BYTES_MAX, ADDRESSES_MAX_PER_PEER } from "./limits.ts";

/** Addresses that worked, best first, by peer id. */
export type KnownAddresses = Readonly<Record<string, readonly string[]>>;

/**
 * Where the last good addresses of peers outlive a restart, so that a cluster finds itself again when its relays are gone.
 * Nothing is lost with it but time.
 */
export interface AddressBook {
  /** Empty when nothing was saved yet. @throws P2pError `p2p/address-book` */
  load(): Promise<KnownAddresses>;
  /** Replaces what was saved, whole or not at all. @throws P2pError `p2p/address-book` */
  save(addresses: KnownAddresses): Promise<void>;
}

const failed = (action: string, path: string, cause: unknown): P2pError =>
  new P2pError("p2p/address-book", action, {
    cause,
    facts: { path },
    hint: "The file is a cache: it may be deleted. Check disk space and permissions of its folder.",
  });

/** An address book in a JSON file. A file that cannot be understood is moved aside to `<path>.unreadable`, not overwritten. */
export function fileAddressBook(path: string): AddressBook {
  return {
    async load() {
      let text: string;
      try {
        const { size } = await stat(path);
        if (size > ADDRESS_BOOK_BYTES_MAX) return await setAside(path);
        text = await readFile(path, "utf8");
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
        throw failed("read file of peer addresses", path, cause);
      }
      return parseAddresses(text) ?? (await setAside(path));
    },
    async save(addresses) {
      const text = `${JSON.stringify(addresses, undefined, 2)}\n`;
      try {
        await writeWhole(path, text, { replace: true });
      } catch (cause) {
        throw failed("write file of peer addresses", path, cause);
      }
    },
  };
}

async function setAside(path: string): Promise<KnownAddresses> {
  try {
    await rename(path, `${path}.unreadable`);
  } catch (cause) {
    throw failed("move unreadable file of peer addresses aside", path, cause);
  }
  return {};
}

/** What a saved book says; undefined when the text is no address book. Single entries that cannot be dialled are left out. */
export function parseAddresses(text: string): KnownAddresses | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const known = Object.entries(json).flatMap(([peerId, list]): [string, readonly string[]][] => {
    if (!Array.isArray(list)) return [];
    const usable = list.filter((item): item is string => typeof item === "string" && isDialable(item));
    return [[peerId, usable.slice(0, ADDRESSES_MAX_PER_PEER)]];
  });
  return Object.fromEntries(known);
}
