import { type Hex, present, toHex } from "../base/index.ts";
import type { fulu, Root, Slot, ValidatorIndex } from "../spec/index.ts";

/** A block and what the chain knows of the state after it. */
export interface ChainBlock {
  readonly slot: Slot;
  readonly root: Root;
  readonly rootHex: Hex;
  readonly parentRoot: Root;
  readonly stateRoot: Root;
  readonly proposerIndex: ValidatorIndex;
  readonly signed: fulu.SignedBeaconBlock;
  /** The randao mix after the block. */
  readonly mix: Uint8Array;
}

/**
 * The chain of blocks. A block joins when it builds on the head and belongs to the present slot, so there is one branch
 * and never a reorganisation; what comes too late stays outside, as most of what comes late does on mainnet.
 */
export class BlockTree {
  readonly genesis: ChainBlock;
  readonly #byRoot = new Map<Hex, ChainBlock>();
  readonly #bySlot = new Map<Slot, ChainBlock>();
  readonly #byState = new Map<Hex, ChainBlock>();
  #head: ChainBlock;

  constructor(genesis: ChainBlock) {
    this.genesis = genesis;
    this.#head = genesis;
    this.#keep(genesis);
  }

  get head(): ChainBlock {
    return this.#head;
  }

  /** The new head. The caller has checked that it builds on the old one. */
  extend(block: ChainBlock): void {
    this.#head = block;
    this.#keep(block);
  }

  get(root: Hex): ChainBlock | undefined {
    return this.#byRoot.get(root);
  }

  byState(stateRoot: Hex): ChainBlock | undefined {
    return this.#byState.get(stateRoot);
  }

  /** The block of exactly this slot. */
  at(slot: Slot): ChainBlock | undefined {
    return this.#bySlot.get(slot);
  }

  /** The newest block of `slot` or before it, as far back as blocks are kept; before that, genesis. */
  upTo(slot: Slot): ChainBlock {
    if (slot >= this.#head.slot) return this.#head;
    const oldest = present(this.#bySlot.keys().next().value, "the tree keeps at least its head");
    for (let at = slot; at >= oldest; at--) {
      const block = this.#bySlot.get(at);
      if (block !== undefined) return block;
    }
    return this.genesis;
  }

  /** Forgets blocks before `slot`, but never genesis' root or the head. */
  prune(slot: Slot): void {
    for (const block of this.#bySlot.values()) {
      if (block.slot >= slot || block === this.#head) break;
      this.#bySlot.delete(block.slot);
      if (block === this.genesis) continue;
      this.#byRoot.delete(block.rootHex);
      this.#byState.delete(toHex(block.stateRoot));
    }
  }

  get size(): number {
    return this.#byRoot.size;
  }

  #keep(block: ChainBlock): void {
    this.#byRoot.set(block.rootHex, block);
    this.#bySlot.set(block.slot, block);
    this.#byState.set(toHex(block.stateRoot), block);
  }
}
