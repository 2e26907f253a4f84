import type { OperatorIndex, Slot } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * How many blocks each peer makes us read. One validator proposes in a slot, so an honest peer sends one, and blocks are the
 * dearest that a message can hold: half a second for the worst. Each peer has its own account.
 */
export class BlocksRead {
  readonly #byPeer = new Map<OperatorIndex, { readonly slot: Slot; readonly count: number }>();

  /** @param now - The slot it is, whatever slot the blocks are of. @returns False when they are too many; none was counted. */
  take(peer: OperatorIndex, blocks: number, now: Slot): boolean {
    const before = this.#byPeer.get(peer);
    const count = (before?.slot === now ? before.count : 0) + blocks;
    if (count > LIMITS.blocksReadPerSlotMax) return false;
    this.#byPeer.set(peer, { slot: now, count });
    return true;
  }
}
