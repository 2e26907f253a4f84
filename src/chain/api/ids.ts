import type { Hex } from "../../base/index.ts";
import { type Epoch, epochOf, firstSlotOf, type Slot } from "../../spec/index.ts";
import type { ChainBlock } from "../block-tree.ts";
import { currentSlot } from "../world.ts";
import { badRequest, type Call, hexBytes, notFound, param, wholeNumber } from "./call.ts";

/** A state by the API's ids: the newest block up to its slot carries it. */
export interface NamedState {
  readonly slot: Slot;
  readonly epoch: Epoch;
  readonly block: ChainBlock;
  readonly finalized: boolean;
}

/** @throws RequestRefused 400 for what is no id, 404 for a state that is not here. */
export function stateOf(call: Call): NamedState {
  const { world, at } = call;
  const id = param(call, "state");
  const now = currentSlot(world, at);
  const ofSlot = (slot: Slot, block = world.tree.upTo(slot)): NamedState => ({
    slot,
    epoch: epochOf(world.spec, slot),
    block,
    finalized: isFinal(call, block),
  });
  if (id === "head") return ofSlot(now);
  if (id.startsWith("0x")) {
    hexBytes(id, 32, "state id");
    const block = world.tree.byState(id.toLowerCase() as Hex);
    if (block === undefined) throw notFound("state is not known");
    return ofSlot(block.slot, block);
  }
  const slot = namedSlot(call, id, "state id");
  if (slot > now) throw notFound("state is not known: its slot has not begun");
  const block = world.tree.upTo(slot);
  if (block.slot === 0 && slot > 0 && world.tree.at(0) === undefined)
    throw notFound("state is no longer kept");
  return ofSlot(slot, block);
}

/** A block by the API's ids; undefined for a slot without one. */
export function blockOf(call: Call): ChainBlock {
  const { world } = call;
  const id = param(call, "block");
  if (id === "head") return world.tree.head;
  const block = id.startsWith("0x")
    ? (hexBytes(id, 32, "block id"), world.tree.get(id.toLowerCase() as Hex))
    : id === "finalized" || id === "justified"
      ? world.tree.upTo(namedSlot(call, id, "block id"))
      : id === "genesis"
        ? world.tree.genesis
        : world.tree.at(namedSlot(call, id, "block id"));
  if (block === undefined) throw notFound("block is not known");
  return block;
}

function namedSlot({ world }: Call, id: string, what: string): Slot {
  switch (id) {
    case "genesis":
      return 0;
    case "finalized":
      return firstSlotOf(world.spec, world.checkpoints.now.finalized.epoch);
    case "justified":
      return firstSlotOf(world.spec, world.checkpoints.now.currentJustified.epoch);
    default:
      return wholeNumber(id, what);
  }
}

export function isFinal({ world }: Call, block: ChainBlock): boolean {
  return block.slot <= firstSlotOf(world.spec, world.checkpoints.now.finalized.epoch);
}

/** An epoch in the path, not later than the one after the present. */
export function dutyEpoch(call: Call): Epoch {
  const epoch = wholeNumber(param(call, "epoch"), "epoch");
  const next = epochOf(call.world.spec, currentSlot(call.world, call.at)) + 1;
  if (epoch > next) throw badRequest(`Request epoch ${epoch} can not be greater than next epoch ${next}`);
  return epoch;
}
