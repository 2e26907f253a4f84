import { explain } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import type { AddressBook, KnownAddresses } from "./address-book.ts";
import { peerAddress } from "./addresses.ts";
import { P2pError } from "./errors.ts";
import { addressesMaxPerPeer } from "./limits.ts";
import type { Peer, Roster } from "./roster.ts";

/**
 * Where peers can be found: addresses that worked (kept on disk over restarts), addresses from the configuration, and those
 * that the peers themselves tell while connected.
 */
export class PeerPlaces {
  readonly #book: AddressBook;
  readonly #log: Logger;
  readonly #roster: Roster;
  readonly #configured = new Map<string, readonly string[]>();
  readonly #worked = new Map<string, readonly string[]>();
  readonly #told = new Map<string, readonly string[]>();
  #saving: Promise<void> = Promise.resolve();
  #saved = "";

  /**
   * @param configured - Multiaddrs that name their peer.
   * @throws P2pError `p2p/bad-option` - not such an address, or a peer that is not in the cluster.
   */
  constructor(needs: { book: AddressBook; log: Logger; roster: Roster }, configured: readonly string[]) {
    this.#book = needs.book;
    this.#log = needs.log;
    this.#roster = needs.roster;
    for (const text of configured) {
      const { address, peerId } = peerAddress(text, "peer address");
      if (peerId === needs.roster.self.id) continue; // The same list may be given to all nodes.
      if (needs.roster.peerOfId(peerId) === undefined)
        throw new P2pError("p2p/bad-option", "read peer address", {
          facts: { given: text.slice(0, 128) },
          hint: "The peer id at its end must belong to an operator of the cluster lock.",
        });
      this.#configured.set(peerId, [...(this.#configured.get(peerId) ?? []), address]);
    }
  }

  /** Reads the address book; without it the other sources serve. */
  async load(): Promise<void> {
    let known: KnownAddresses;
    try {
      known = await this.#book.load();
    } catch (error) {
      this.#log.warn("Peer addresses of the last run not available", { why: explain(error) });
      return;
    }
    for (const { id } of this.#roster.peers) {
      const addresses = Object.hasOwn(known, id) ? known[id] : undefined;
      if (addresses !== undefined) this.#worked.set(id, addresses.slice(0, addressesMaxPerPeer));
    }
    this.#saved = this.#text();
  }

  addressesOf(peer: Peer): readonly string[] {
    const all = [this.#configured, this.#worked, this.#told].flatMap((source) => source.get(peer.id) ?? []);
    return [...new Set(all)].slice(0, addressesMaxPerPeer);
  }

  worked(peer: Peer, address: string): void {
    const others = (this.#worked.get(peer.id) ?? []).filter((other) => other !== address);
    this.#worked.set(peer.id, [address, ...others].slice(0, addressesMaxPerPeer));
    this.#save();
  }

  /** @param addresses - What a connected peer says about itself, as far as it is credible. */
  told(peer: Peer, addresses: readonly string[]): void {
    this.#told.set(peer.id, addresses);
    this.#save();
  }

  /** Settles when what is known is on disk. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  #entries(): KnownAddresses {
    return Object.fromEntries(
      this.#roster.peers.map(({ id }) => {
        const addresses = [...(this.#worked.get(id) ?? []), ...(this.#told.get(id) ?? [])];
        return [id, [...new Set(addresses)].slice(0, addressesMaxPerPeer)];
      }),
    );
  }

  #text(): string {
    return JSON.stringify(this.#entries());
  }

  /** One write after the other, and none for what is already on disk. */
  #save(): void {
    this.#saving = this.#saving.then(async () => {
      const text = this.#text();
      if (text === this.#saved) return;
      try {
        await this.#book.save(this.#entries());
        this.#saved = text;
      } catch (error) {
        this.#log.warn("Peer addresses not saved", { why: explain(error) });
      }
    });
  }
}
