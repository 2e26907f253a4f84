import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Where peers were last reached, kept over restarts: a cluster finds itself again when every relay has vanished. */
export interface AddressBook {
  /** Multiaddrs by peer id. */
  load(): Readonly<Record<string, readonly string[]>>;
  save(addresses: Readonly<Record<string, readonly string[]>>): void;
}

/** Addresses kept of one peer. */
export const ADDRESSES_MAX = 8;

/** An address book in a JSON file, replaced as a whole. An unreadable one is as good as none: it only saves time. */
export function fileAddressBook(path: string): AddressBook {
  return {
    load() {
      try {
        const json = JSON.parse(readFileSync(path, "utf8")) as unknown;
        if (typeof json !== "object" || json === null) return {};
        const good = Object.entries(json).filter(
          (entry): entry is [string, string[]] =>
            Array.isArray(entry[1]) && entry[1].every((one) => typeof one === "string"),
        );
        return Object.fromEntries(good.map(([peer, addresses]) => [peer, addresses.slice(0, ADDRESSES_MAX)]));
      } catch {
        return {};
      }
    },
    save(addresses) {
      mkdirSync(dirname(path), { recursive: true });
      const draft = `${path}.new`;
      writeFileSync(draft, `${JSON.stringify(addresses, null, 1)}\n`, { mode: 0o600 });
      renameSync(draft, path);
    },
  };
}

/** An address book that forgets. */
export const noAddressBook: AddressBook = { load: () => ({}), save: () => {} };
