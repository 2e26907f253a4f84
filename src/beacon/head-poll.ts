import type { Hex } from "../base/index.ts";
import type { ChainEvent } from "../ports/index.ts";
import { type ChainSpec, epochOf, firstSlotOf, type Slot } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import { parseJson } from "./parse.ts";

/** So many empty slots are stepped over on the way to a block. */
const EMPTY_SLOTS_MAX = 8;

type HeadEvent = Extract<ChainEvent, { kind: "head" }>;

/**
 * The head of a node as its event stream would tell it. The dependent roots are the blocks that the duties of the head's
 * epoch and of the one after rest on.
 *
 * @param known - The head that was told last; undefined is answered when it still stands.
 * @throws BeaconError as every request does.
 * @spec beacon-APIs, events, topic "head"
 */
export async function pollHead(
  endpoint: Endpoint,
  chain: ChainSpec,
  known: HeadEvent | undefined,
  signal: AbortSignal,
): Promise<HeadEvent | undefined> {
  const answer = await endpoint.ask({ method: "GET", path: "/eth/v1/beacon/headers/head" }, signal);
  const data = parseJson(answer.body).object("data");
  const slot = data.object("header").object("message").quoted("slot");
  const block = data.hex("root", 32);
  if (block === known?.block) return undefined;
  const epoch = epochOf(chain, slot);
  return {
    kind: "head",
    slot,
    block,
    epochTransition: known !== undefined && epochOf(chain, known.slot) < epoch,
    previousDutyDependentRoot: await rootAt(endpoint, firstSlotOf(chain, epoch - 1) - 1, signal),
    currentDutyDependentRoot: await rootAt(endpoint, firstSlotOf(chain, epoch) - 1, signal),
  };
}

/** The block at `slot` or the last one before it; the genesis block for slots before genesis. */
async function rootAt(endpoint: Endpoint, slot: Slot, signal: AbortSignal): Promise<Hex> {
  for (let at = Math.max(slot, 0); ; at--) {
    try {
      const answer = await endpoint.ask({ method: "GET", path: `/eth/v1/beacon/blocks/${at}/root` }, signal);
      return parseJson(answer.body).object("data").hex("root", 32);
    } catch (error) {
      const empty = error instanceof BeaconError && error.facts["status"] === 404;
      if (!empty || at === 0 || at <= slot - EMPTY_SLOTS_MAX) throw error;
    }
  }
}
