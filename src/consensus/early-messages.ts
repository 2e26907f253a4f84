import type { QbftMessage } from "../qbft/index.ts";
import { EARLY_MESSAGES_MAX } from "./limits.ts";

/** What peers say before we join an instance. One author's messages push out only that author's; the latest say most about where it is. */
export class EarlyMessages {
  #messages: QbftMessage[] = [];

  keep(message: QbftMessage): "too-many" | undefined {
    this.#messages.push(message);
    const own = this.#messages.filter(({ source }) => source === message.source);
    if (own.length <= EARLY_MESSAGES_MAX) return undefined;
    this.#messages.splice(this.#messages.indexOf(own[0] as QbftMessage), 1);
    return "too-many";
  }

  /** Who has prepared something in a round. */
  preparersOf(round: number): Set<number> {
    const prepares = this.#messages.filter((early) => early.kind === "prepare" && early.round === round);
    return new Set(prepares.map(({ source }) => source));
  }

  /** All of them, in the order in which they came; none is kept. */
  takeAll(): readonly QbftMessage[] {
    const all = this.#messages;
    this.#messages = [];
    return all;
  }
}
