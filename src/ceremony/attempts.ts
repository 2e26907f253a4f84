import { equalBytes } from "../base/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { lied } from "./errors.ts";
import type { JournalRecord } from "./journal.ts";
import { BEGINNINGS_MAX } from "./limits.ts";
import type { Remembering } from "./mailbox.ts";

/**
 * Which attempt at the ceremony each Trireme is in: sixteen random bytes drawn when its journal is begun. Who has lost its
 * journal comes with others, and is recognised by that before its new messages mix with its old ones.
 */
export class Attempts {
  /** Ours. */
  readonly own: Uint8Array;
  readonly #journal: Remembering;
  readonly #peers = new Map<OperatorIndex, Uint8Array>();
  readonly #beginnings = new Map<OperatorIndex, number>();

  constructor(own: Uint8Array, records: readonly JournalRecord[], journal: Remembering) {
    this.own = own;
    this.#journal = journal;
    for (const record of records)
      if (record.kind === "attempt") this.#peers.set(record.peer as OperatorIndex, record.attempt);
  }

  /** What we know of a peer; empty for nothing. */
  of(peer: OperatorIndex): Uint8Array {
    return this.#peers.get(peer) ?? new Uint8Array(0);
  }

  /** Remembers a peer's attempt; false when it had another one before. */
  async learn(peer: OperatorIndex, attempt: Uint8Array): Promise<boolean> {
    const known = this.#peers.get(peer);
    if (known !== undefined) return equalBytes(known, attempt);
    this.#peers.set(peer, attempt);
    await this.#journal.append({ kind: "attempt", peer, attempt });
    return true;
  }

  /**
   * Before the first step nothing is lost when a peer begins anew.
   *
   * @throws CeremonyError `ceremony/lied` - it does so again and again; nothing of it is remembered.
   */
  async relearn(peer: OperatorIndex, attempt: Uint8Array): Promise<void> {
    const beginnings = (this.#beginnings.get(peer) ?? 0) + 1;
    if (beginnings > BEGINNINGS_MAX) throw lied(peer, "begins the ceremony anew again and again");
    this.#beginnings.set(peer, beginnings);
    this.#peers.delete(peer);
    await this.learn(peer, attempt);
  }
}
