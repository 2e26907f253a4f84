import { epochOf } from "../spec/index.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import type { DoppelgangerWatch } from "./doppelganger.ts";
import type { SlotDuty } from "./slot-duty.ts";

/**
 * A duty while this node watches for a double: it says and signs nothing, and combines what the others signed, which
 * explains why the validator is seen on the chain.
 */
export async function observeDuty(
  context: DutyContext,
  watch: DoppelgangerWatch,
  duty: SlotDuty<unknown>,
  signal: AbortSignal,
): Promise<void> {
  duty.record.blame("watching-for-a-double");
  for await (const signed of collect(context, duty, signal))
    watch.explain(
      epochOf(context.chain, duty.id.slot),
      signed.map(({ groupKey }) => groupKey),
    );
}
