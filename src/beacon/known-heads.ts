import type { Hex } from "../base/index.ts";
import type { ChainEvent } from "../ports/index.ts";
import type { Slot } from "../spec/index.ts";
import { HEADS_MAX } from "./limits.ts";

/** The slots of the last blocks that events told of. */
export class KnownHeads {
  readonly #slots = new Map<Hex, Slot>();

  remember(event: ChainEvent): void {
    if (event.kind === "reorg") return;
    this.#slots.set(event.block, event.slot);
    const [oldest] = this.#slots.keys();
    if (this.#slots.size > HEADS_MAX && oldest !== undefined) this.#slots.delete(oldest);
  }

  readonly slotOf = (block: string): Slot | undefined => this.#slots.get(block as Hex);
}
