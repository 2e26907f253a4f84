import type { ValueId } from "../qbft/index.ts";
import { VALUE_BYTES_PER_PEER_MAX, VALUES_PER_PEER_MAX } from "./limits.ts";
import type { PeerRoom } from "./peer-room.ts";
import type { ConsensusValue } from "./types.ts";
import { fingerprint, hashValue, valueName } from "./wire.ts";

/**
 * The values of one instance, canonical, by name. Bytes that were seen before are recognised and cost nothing, so a value
 * that every vote repeats is read and hashed once.
 */
export class ValueStore {
  readonly #byName = new Map<ValueId, ConsensusValue>();
  readonly #nameByFingerprint = new Map<string, ValueId>();
  /** What each peer made us read, whether it was worth keeping or not. */
  readonly #taken = new Map<number, { readonly values: number; readonly bytes: number }>();
  readonly #room: PeerRoom;
  readonly #canonicalise: (value: ConsensusValue) => ConsensusValue | undefined;

  constructor(room: PeerRoom, canonicalise: (value: ConsensusValue) => ConsensusValue | undefined) {
    this.#room = room;
    this.#canonicalise = canonicalise;
  }

  get(name: ValueId): ConsensusValue | undefined {
    return this.#byName.get(name);
  }

  /** Keeps a value of our own. @returns its name; undefined when it cannot be read. */
  keep(value: ConsensusValue): ValueId | undefined {
    return this.#keep(value, fingerprint(value));
  }

  /**
   * Keeps values that a peer sent. Room is taken before a value is read, so that what cannot be read, or is not kept in the
   * end, is paid for too.
   */
  keepFrom(peer: number, values: readonly ConsensusValue[]): "unreadable-value" | "too-many" | undefined {
    let unreadable = false;
    for (const value of values) {
      const print = fingerprint(value);
      if (this.#nameByFingerprint.has(print)) continue;
      if (!this.#takeRoom(peer, value.bytes.length)) return "too-many";
      if (this.#keep(value, print) === undefined) unreadable = true;
    }
    return unreadable ? "unreadable-value" : undefined;
  }

  #takeRoom(peer: number, bytes: number): boolean {
    const before = this.#taken.get(peer) ?? { values: 0, bytes: 0 };
    const taken = { values: before.values + 1, bytes: before.bytes + bytes };
    if (taken.values > VALUES_PER_PEER_MAX || taken.bytes > VALUE_BYTES_PER_PEER_MAX) return false;
    if (!this.#room.take(peer, bytes)) return false;
    this.#taken.set(peer, taken);
    return true;
  }

  #keep(value: ConsensusValue, print: string): ValueId | undefined {
    const canonical = this.#canonicalise(value);
    if (canonical === undefined) return undefined;
    const name = valueName(hashValue(canonical));
    // The root of nothing is what stands for "no value" in messages, so nothing cannot be agreed on.
    if (name === "") return undefined;
    this.#nameByFingerprint.set(print, name);
    this.#byName.set(name, canonical);
    return name;
  }

  /** Forgets all values but one. */
  keepOnly(name: ValueId): void {
    for (const other of this.#byName.keys()) if (other !== name) this.#byName.delete(other);
    this.#nameByFingerprint.clear();
  }

  /** Forgets everything and gives the peers their room back. */
  close(): void {
    this.#byName.clear();
    this.#nameByFingerprint.clear();
    for (const [peer, { bytes }] of this.#taken) this.#room.giveBack(peer, bytes);
    this.#taken.clear();
  }
}
