import { AssertionFailed, explain } from "../base/index.ts";
import { logBug } from "../ports/index.ts";
import { dutyName, type GroupKey } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { retry } from "./retry.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** Answers of beacon nodes that know the vote or block already; another operator was quicker. */
const KNOWN = /already[ _-]?(known|seen|exists)|prior ?attestation ?known|duplicate/i;

/**
 * Gives signed work to the beacon node, again and again until it is taken or the signal fires. Every operator does
 * this, so that "already known" is as good as success.
 */
export async function broadcast(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  groupKeys: readonly GroupKey[],
  publish: () => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const { chain, clock, log, metrics } = context;
  const publishOnce = async (): Promise<void> => {
    try {
      await publish();
    } catch (error) {
      if (!KNOWN.test(explain(error))) throw error;
    }
  };
  try {
    const onFailure = (error: unknown, attempts: number): void => {
      duty.record.blame("broadcast-failed", groupKeys);
      if (attempts === 1)
        log.warn("Broadcast failed, trying again", { duty: dutyName(duty.id), why: explain(error) });
    };
    // An answer that stays "no" is not asked for all the time: the duties of an epoch may be waiting.
    await retry(clock, signal, publishOnce, onFailure, chain.slotMs);
  } catch (error) {
    if (error instanceof AssertionFailed) logBug(log, error, { duty: dutyName(duty.id) });
    log.debug("Duty not broadcast", { duty: dutyName(duty.id), validators: groupKeys.length });
    return false;
  }
  duty.record.broadcast(groupKeys);
  metrics.broadcast(duty.id, groupKeys.length);
  metrics.stage(duty.id, "broadcast");
  duty.record.note("broadcast", { validators: groupKeys.length });
  return true;
}

/** The same for what no block has to include by name: it ends when the beacon node has taken it. */
export async function broadcastAndFinish(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  groupKeys: readonly GroupKey[],
  publish: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  duty.record.signed(groupKeys);
  const sent = await broadcast(context, duty, groupKeys, publish, signal);
  for (const groupKey of groupKeys)
    if (sent) duty.record.finish(groupKey, "broadcast");
    else duty.record.finish(groupKey, "failed", "broadcast-failed");
}
