import { explain } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { AddressBook, KnownAddresses } from "./address-book.ts";
import { hostOf, peerAddress } from "./addresses.ts";
import { P2pError } from "./errors.ts";
import {
  ADDRESS_BOOK_BURST_MAX,
  ADDRESS_BOOK_INTERVAL_MS,
  ADDRESSES_HEARD_MAX,
  ADDRESSES_MAX_PER_PEER,
  ADDRESSES_TOLD_MAX,
} from "./limits.ts";
import type { Peer, Roster } from "./roster.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * Where peers can be found: addresses that worked (kept on disk over restarts), addresses from the configuration, those
 * that the peers themselves tell while connected, and at last those that other operators tell of them. What others tell is
 * kept apart by who told it, so that a liar cannot push out what an honest operator says, and reaches the disk only once it
 * has led to the peer.
 */
export class PeerPlaces {
  readonly #book: AddressBook;
  readonly #log: Logger;
  readonly #roster: Roster;
  readonly #configured = new Map<string, readonly string[]>();
  readonly #worked = new Map<string, readonly string[]>();
  readonly #told = new Map<string, readonly string[]>();
  /** By peer, then by who told it. */
  readonly #heard = new Map<string, Map<OperatorIndex, readonly string[]>>();
  #saving: Promise<void> = Promise.resolve();
  #saved = "";
  readonly #saves: TokenBucket;
  #later: NodeJS.Timeout | undefined;

  /**
   * @param configured - Multiaddrs that name their peer.
   * @throws P2pError `p2p/bad-option` - not such an address, or a peer that is not in the cluster.
   */
  constructor(needs: { book: AddressBook; log: Logger; roster: Roster }, configured: readonly string[]) {
    this.#book = needs.book;
    this.#log = needs.log;
    this.#roster = needs.roster;
    this.#saves = new TokenBucket({
      perSecond: 1_000 / ADDRESS_BOOK_INTERVAL_MS,
      burst: ADDRESS_BOOK_BURST_MAX,
      now: performance.now(),
    });
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
      if (addresses !== undefined) this.#worked.set(id, addresses.slice(0, ADDRESSES_MAX_PER_PEER));
    }
    this.#saved = this.#text();
  }

  addressesOf(peer: Peer): readonly string[] {
    const own = [this.#configured, this.#worked, this.#told].flatMap((source) => source.get(peer.id) ?? []);
    return [...new Set([...new Set(own)].slice(0, ADDRESSES_MAX_PER_PEER).concat(this.#hearsayOf(peer)))];
  }

  worked(peer: Peer, address: string): void {
    const others = (this.#worked.get(peer.id) ?? []).filter((other) => other !== address);
    this.#worked.set(peer.id, [address, ...others].slice(0, ADDRESSES_MAX_PER_PEER));
    this.#save();
  }

  /** @param addresses - What a connected peer says about itself, as far as it is credible. */
  told(peer: Peer, addresses: readonly string[]): void {
    this.#told.set(peer.id, addresses);
    this.#save();
  }

  /**
   * @param addresses - Where another operator says that the peer is, as far as it is credible.
   * @returns Whether that is news.
   */
  heard(teller: Peer, peer: Peer, addresses: readonly string[]): boolean {
    const before = this.addressesOf(peer);
    const tellers = this.#heard.get(peer.id) ?? new Map<OperatorIndex, readonly string[]>();
    this.#heard.set(peer.id, tellers.set(teller.operator, addresses.slice(0, ADDRESSES_TOLD_MAX)));
    return this.addressesOf(peer).some((address) => !before.includes(address));
  }

  /** What we can tell others of a peer: where we reached it ourselves, then what it told us; nothing that is only hearsay. */
  knownOf(peer: Peer): readonly string[] {
    const known = [...(this.#worked.get(peer.id) ?? []), ...(this.#told.get(peer.id) ?? [])];
    return [...new Set(known)].slice(0, ADDRESSES_MAX_PER_PEER);
  }

  /** The names of peers that have been at an address, say so themselves, or are configured to be: as `hostOf` gives it. */
  peersAt(host: string): readonly string[] {
    const isThere = ({ id }: Peer): boolean =>
      [this.#configured, this.#worked, this.#told].some((source) =>
        source.get(id)?.some((address) => hostOf(address) === host),
      );
    return this.#roster.peers.filter(isThere).map(({ name }) => name);
  }

  /** Whether the configuration says that a peer is at a host. */
  isNamed(host: string): boolean {
    return [...this.#configured.values()].flat().some((address) => hostOf(address) === host);
  }

  /** Settles when what is known is on disk. */
  async flush(): Promise<void> {
    this.#saveNow();
    await this.#saving;
  }

  #entries(): KnownAddresses {
    return Object.fromEntries(this.#roster.peers.map((peer) => [peer.id, this.knownOf(peer)]));
  }

  /** The first address of each teller, then the second of each, and so on. */
  #hearsayOf(peer: Peer): readonly string[] {
    const lists = [...(this.#heard.get(peer.id)?.values() ?? [])];
    const inTurn = Array.from({ length: ADDRESSES_TOLD_MAX }, (_, i) =>
      lists.flatMap((list) => list[i] ?? []),
    );
    return [...new Set(inTurn.flat())].slice(0, ADDRESSES_HEARD_MAX);
  }

  #text(): string {
    return JSON.stringify(this.#entries());
  }

  /** At once, as long as that is rare: the slashing memory needs the same disk, and a peer could move without end. */
  #save(): void {
    if (this.#later !== undefined || this.#text() === this.#saved) return;
    if (this.#saves.take(performance.now())) return this.#saveNow();
    this.#later = setTimeout(() => {
      this.#saves.take(performance.now());
      this.#saveNow();
    }, ADDRESS_BOOK_INTERVAL_MS);
    this.#later.unref();
  }

  /** One write after the other, and none for what is already on disk. */
  #saveNow(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
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
