import type { ValueId } from "../qbft/index.ts";
import { VALUE_BYTES_PER_PEER_MAX, VALUES_PER_PEER_MAX } from "./limits.ts";
import type { PeerRoom } from "./peer-room.ts";
import type { Pieces } from "./pieces.ts";
import type { ConsensusValue } from "./types.ts";
import { fingerprint, hashValueInPieces, valueName } from "./wire.ts";

/**
 * The values of one instance, canonical, by name. A value is read and hashed once, however many votes repeat it, and only
 * when something is about it that is not known yet. Long ones are read in pieces.
 */
export class ValueStore {
  readonly #byName = new Map<ValueId, ConsensusValue>();
  readonly #nameByFingerprint = new Map<string, ValueId>();
  /** Values that are being read, by fingerprint; all who wait for one do its pieces. */
  readonly #underWay = new Map<string, Pieces<void>>();
  /** What each peer made us read, whether it was worth keeping or not. */
  readonly #taken = new Map<number, { readonly values: number; readonly bytes: number }>();
  readonly #room: PeerRoom;
  readonly #canonicalise: (value: ConsensusValue) => ConsensusValue | undefined;
  /** Nothing more is read: one value is all that is needed from now on, or none. */
  #settled = false;

  constructor(room: PeerRoom, canonicalise: (value: ConsensusValue) => ConsensusValue | undefined) {
    this.#room = room;
    this.#canonicalise = canonicalise;
  }

  get(name: ValueId): ConsensusValue | undefined {
    return this.#byName.get(name);
  }

  knowsAll(names: readonly ValueId[]): boolean {
    return names.every((name) => this.#byName.has(name));
  }

  /** Keeps a value of our own. @returns its name; undefined when it cannot be read. */
  *keep(value: ConsensusValue): Pieces<ValueId | undefined> {
    const print = yield* fingerprint(value);
    yield* this.#read(value, print);
    return this.#nameByFingerprint.get(print);
  }

  /**
   * Reads what a peer sent, until everything that is `wanted` is known. Room is taken before a value is read, so that what
   * cannot be read, or is not what it was said to be, is paid for too.
   */
  *keepFrom(
    peer: number,
    values: readonly ConsensusValue[],
    wanted: readonly ValueId[],
  ): Pieces<"unreadable-value" | "too-many" | undefined> {
    let unreadable = false;
    for (const value of values) {
      if (this.#settled || this.knowsAll(wanted)) return undefined;
      const print = yield* fingerprint(value);
      if (this.#settled) return undefined;
      if (this.#nameByFingerprint.has(print)) continue;
      if (!this.#underWay.has(print) && !this.#takeRoom(peer, value.bytes.length)) return "too-many";
      yield* this.#read(value, print);
      if (!this.#nameByFingerprint.has(print)) unreadable = true;
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

  /** Until it is read, or nobody needs it any more. Who waits for the same bytes does a piece whenever it is his turn. */
  *#read(value: ConsensusValue, print: string): Pieces<void> {
    if (this.#settled) return;
    const work = this.#underWay.get(print) ?? this.#reading(value, print);
    this.#underWay.set(print, work);
    while (this.#underWay.get(print) === work) {
      if (work.next().done === true) this.#underWay.delete(print);
      else yield;
    }
  }

  *#reading(value: ConsensusValue, print: string): Pieces<void> {
    yield;
    const canonical = this.#canonicalise(value);
    if (canonical === undefined) return;
    yield;
    const name = valueName(yield* hashValueInPieces(canonical));
    // The root of nothing is what stands for "no value" in messages, so nothing cannot be agreed on.
    if (name === "") return;
    this.#nameByFingerprint.set(print, name);
    this.#byName.set(name, canonical);
  }

  /** Forgets all values but one, and reads no other. */
  keepOnly(name: ValueId): void {
    this.#settle();
    for (const other of this.#byName.keys()) if (other !== name) this.#byName.delete(other);
  }

  /** Forgets everything and gives the peers their room back. */
  close(): void {
    this.#settle();
    this.#byName.clear();
    for (const [peer, { bytes }] of this.#taken) this.#room.giveBack(peer, bytes);
    this.#taken.clear();
  }

  #settle(): void {
    this.#settled = true;
    this.#nameByFingerprint.clear();
    this.#underWay.clear();
  }
}
