import { explain } from "../base/index.ts";
import type { DutyRecord, Logger } from "../ports/index.ts";
import type { Slot } from "../spec/index.ts";
import type { NodeStore } from "../storage/index.ts";
import { DUTIES_IN_MEMORY, SLOTS_RETOLD } from "../telemetry/index.ts";

/**
 * The duties of the last slots that an earlier life of this node saved, latest first. To be read once, before the first duty:
 * the thread that reads them admits votes too. Never fails; without them the dashboard begins empty.
 */
export async function earlierDuties(
  store: Pick<NodeStore, "duties">,
  { now, log }: { readonly now: Slot; readonly log: Logger },
): Promise<readonly DutyRecord[]> {
  try {
    const saved = await store.duties({ limit: DUTIES_IN_MEMORY });
    return saved.filter(({ duty: { slot } }) => slot > now - SLOTS_RETOLD);
  } catch (error) {
    log.debug("Duties of an earlier life not read", { why: explain(error) });
    return [];
  }
}
