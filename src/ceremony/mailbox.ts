import { equalBytes } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { Changes } from "./changes.ts";
import { lied } from "./errors.ts";
import type { JournalRecord } from "./journal.ts";
import type { MailMax } from "./limits.ts";

/** Where records go; they are on the disk for good when the promise settles. */
export interface Remembering {
  append(record: JournalRecord): Promise<void>;
}

/**
 * The messages of the ceremony by author and name, each once: the first counts, and it is in the journal before anybody
 * sees it, so that after a restart everything that we answered on is still there.
 */
export class Mailbox {
  /** Tells of every new message. */
  readonly arrived: Changes = new Changes();
  readonly #journal: Remembering;
  readonly #log: Logger;
  readonly #messages = new Map<OperatorIndex, Map<string, Uint8Array>>();
  readonly #arriving = new Map<string, Promise<void>>();
  /** What has been taken in of each peer, on its way to the journal or there. */
  readonly #taken = new Map<OperatorIndex, MailMax>();
  readonly #max: MailMax;

  /** @param max - What one peer may have here in all. */
  constructor(journal: Remembering, log: Logger, max: MailMax) {
    this.#journal = journal;
    this.#log = log;
    this.#max = max;
  }

  /** Puts back what the journal remembers. */
  restore(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record.kind !== "received") continue;
      this.#of(record.peer as OperatorIndex).set(record.id, record.message);
      this.#take(record.peer as OperatorIndex, record.message.length);
    }
  }

  get(from: OperatorIndex, id: string): Uint8Array | undefined {
    return this.#messages.get(from)?.get(id);
  }

  /** How many messages of a peer have names that begin so. */
  count(from: OperatorIndex, prefix: string): number {
    return [...this.#of(from).keys()].filter((id) => id.startsWith(prefix)).length;
  }

  /**
   * Takes a message in. Settles when it is remembered, or was already there.
   *
   * @returns "another" when one of this name but not the same was there.
   * @throws CeremonyError `ceremony/lied` - it is more than a peer has to say in this ceremony; nothing of it is kept.
   */
  async deliver(from: OperatorIndex, id: string, message: Uint8Array): Promise<"first" | "same" | "another"> {
    const key = `${from} ${id}`;
    for (let before = this.#arriving.get(key); before !== undefined; before = this.#arriving.get(key))
      await before;
    const known = this.get(from, id);
    if (known !== undefined) {
      // An honest program sends the same bytes again or none; the first ones were what others saw, too.
      if (equalBytes(known, message)) return "same";
      this.#log.warn("A peer sent another message under a name it had used", {
        operator: from,
        message: id,
      });
      return "another";
    }
    const taken = this.#taken.get(from) ?? { messages: 0, bytes: 0 };
    if (taken.messages >= this.#max.messages || taken.bytes + message.length > this.#max.bytes)
      throw lied(from, "has sent more than it has to say in this ceremony");
    this.#take(from, message.length);
    const remembered = this.#journal
      .append({ kind: "received", peer: from, id, message })
      .then(() => void this.#of(from).set(id, message))
      .finally(() => void this.#arriving.delete(key));
    this.#arriving.set(key, remembered);
    await remembered;
    this.arrived.tell();
    return "first";
  }

  #take(from: OperatorIndex, length: number): void {
    const { messages, bytes } = this.#taken.get(from) ?? { messages: 0, bytes: 0 };
    this.#taken.set(from, { messages: messages + 1, bytes: bytes + length });
  }

  #of(from: OperatorIndex): Map<string, Uint8Array> {
    let messages = this.#messages.get(from);
    if (messages === undefined) {
      messages = new Map();
      this.#messages.set(from, messages);
    }
    return messages;
  }
}
