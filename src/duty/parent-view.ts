import { toHex } from "../base/index.ts";
import { type BeaconNode, type Clock, sleepUntil } from "../ports/index.ts";
import type { ChainSpec, Root, Slot } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

interface ViewContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly beacon: Pick<BeaconNode, "headRoot" | "block">;
}

/**
 * Whether our own beacon node knows `parentRoot` as a block on which one of `slot` can be built: its head, or one that is
 * newer or hardly older (docs/adr/0081). A block on anything else is lost. Asked again for a moment, as the parent may be on
 * its way to us; a beacon node that does not answer contradicts nobody.
 */
export async function canBeParent(
  { clock, chain, beacon }: ViewContext,
  slot: Slot,
  parentRoot: Root,
  signal: AbortSignal,
): Promise<boolean> {
  const parent = toHex(parentRoot);
  const late = new AbortController();
  const cancel = clock.at(clock.now() + LIMITS.parentWait * chain.slotMs, () => late.abort());
  const either = AbortSignal.any([signal, late.signal]);
  const ask = <T>(question: Promise<T>): Promise<T | "silent"> => question.catch(() => "silent" as const);
  let contradicted = false;
  try {
    while (!either.aborted) {
      const headRoot = await ask(beacon.headRoot(either)); // The usual case, and the cheapest question.
      if (headRoot !== "silent" && toHex(headRoot) === parent) return true;
      const found = await ask(beacon.block(parent, either));
      if (found === undefined) contradicted = true;
      else if (found !== "silent") {
        const head = await ask(beacon.block("head", either));
        const headSlot = head === "silent" || head === undefined ? found.slot : head.slot;
        return found.slot < slot && headSlot - found.slot <= LIMITS.parentBehindMax;
      }
      await sleepUntil(clock, clock.now() + LIMITS.viewWait * chain.slotMs, either).catch(() => {});
    }
  } finally {
    cancel();
  }
  return !contradicted;
}
