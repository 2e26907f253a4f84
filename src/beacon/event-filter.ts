import type { ChainEvent } from "../ports/index.ts";
import { SEEN_MAX } from "./limits.ts";

/** Counts with a bound: the longest untouched one is forgotten. */
class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.delete(name);
    this.#counts.set(name, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > SEEN_MAX && oldest !== undefined) this.#counts.delete(oldest);
    return count;
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

/**
 * Several nodes tell of the same events; each is passed on once. A block may become the head twice (a reorganisation and
 * back), so what is compared is how often a node has told it: the second time is news, the second node is not.
 */
export class EventFilter {
  readonly #told = new Counts();
  readonly #byNode = new Map<string, Counts>();

  /** @param node - Name of the node that tells it. */
  isNews(node: string, event: ChainEvent): boolean {
    const name = nameOf(event);
    const own = this.#byNode.get(node) ?? new Counts();
    this.#byNode.set(node, own);
    if (own.add(name) <= this.#told.of(name)) return false;
    this.#told.add(name);
    return true;
  }
}

function nameOf(event: ChainEvent): string {
  return event.kind === "reorg"
    ? `reorg ${event.slot} ${event.oldHead} ${event.newHead}`
    : `${event.kind} ${event.block}`;
}
