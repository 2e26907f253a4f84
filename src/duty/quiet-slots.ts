import type { Slot } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

/**
 * The slots whose selection proofs are begun in the quiet middle of `slot`. "ahead" is this slot and the next, whatever they
 * cost: proofs that are begun in the middle of their own slot come too late for its contributions where a whole sync
 * committee signs, and everything after is one slot's work per slot. "early" is as far as duties are known, bit by bit.
 *
 * @param more.end - The first slot whose duties are not known.
 * @param more.size - How many validators have the duty in a slot that has not begun; 0 for one that has.
 */
export function quietSlots(
  begins: "ahead" | "early",
  slot: Slot,
  more: { readonly end: Slot; readonly size: (slot: Slot) => number },
): readonly Slot[] {
  if (begins === "ahead") return [slot, slot + 1].filter((one) => more.size(one) > 0);
  const slots: Slot[] = [];
  let budget: number = LIMITS.earlyPerSlotMax;
  for (let ahead = slot; ahead < more.end && budget > 0; ahead++) {
    const size = more.size(ahead);
    budget -= size;
    if (size > 0) slots.push(ahead);
  }
  return slots;
}
