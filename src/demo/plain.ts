import { printable } from "../base/index.ts";
import type { ChainActivity } from "../chain/index.ts";

/** Kinds of which every duty has its line; of the others, which come by the dozen, only what went wrong. */
const EACH: readonly string[] = ["attester", "proposer", "aggregator"];

/** One thing that happened as one line; undefined for what is not worth one. */
export function plainLine(event: ChainActivity): string | undefined {
  switch (event.kind) {
    case "slot":
      return event.slot % 8 === 0 ? `slot ${event.slot}, epoch ${event.epoch}` : undefined;
    case "received":
      if (event.onTime && !EACH.includes(event.duty)) return undefined;
      return `  ${event.slot}/${event.duty} of validator ${event.validator}: ${event.onTime ? "on time" : "LATE"}, ${event.afterDueMs < 0 ? "" : "+"}${Math.round(event.afterDueMs)} ms after it was due`;
    case "missed":
      return `  ${event.slot}/${event.duty} of validator ${event.validator}: MISSED`;
    case "slashable":
      return `  SLASHABLE ${event.slashing.offence} of validator ${event.slashing.validator}`;
    case "refused":
      return printable(`  refused ${event.what}: ${event.reason}`);
    case "finalized":
      return `  epoch ${event.epoch} is final`;
    case "block":
    case "included":
      return undefined;
  }
}
