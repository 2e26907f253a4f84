import type { AddressBook, KnownAddresses } from "../address-book.ts";

/** An address book that forgets at the end of the process. */
export function memoryAddressBook(): AddressBook {
  let kept: KnownAddresses = {};
  return {
    load: () => Promise.resolve(kept),
    save: (addresses) => {
      kept = addresses;
      return Promise.resolve();
    },
  };
}
