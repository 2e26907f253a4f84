import { explain } from "../base/index.ts";
import { dutyName } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { ToSign } from "./guard.ts";
import type { Partial } from "./partial-store.ts";
import type { SlotDuty } from "./slot-duty.ts";

/**
 * Makes our partial signatures, keeps them beside those of the peers, and sends them to every peer until they are
 * delivered. `encode` puts a signature into what was decided.
 */
export async function signAndOffer<T>(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  admitted: readonly ToSign<T>[],
  encode: (item: ToSign<T>, signature: Uint8Array) => Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { signer, store, exchange, share, log, metrics } = context;
  if (admitted.length === 0) return;
  // The signer may be another thread: it gets what it needs and not the blocks.
  const requests = admitted.map(({ groupKey, root }) => ({ groupKey, root }));
  const signatures = await signer.sign(requests, signal).catch((error: unknown) => {
    duty.record.blame(
      "signer-failed",
      admitted.map(({ groupKey }) => groupKey),
    );
    log.error("Signer failed", { duty: dutyName(duty.id), why: explain(error) });
    throw error;
  });
  const partials: Partial[] = [];
  for (const [i, item] of admitted.entries()) {
    const signature = signatures[i];
    if (signature === undefined) {
      duty.record.blame("no-key-share", [item.groupKey]);
      log.error("No key share for this validator", { duty: dutyName(duty.id), validator: item.groupKey });
      continue;
    }
    partials.push({
      groupKey: item.groupKey,
      share,
      root: item.root,
      part: item.part ?? 0,
      signature,
      data: encode(item, signature),
    });
  }
  if (partials.length === 0) return;
  metrics.stage(duty.id, "signed");
  duty.record.note("signed", { validators: partials.length });
  exchange.offer(duty.id, partials, signal);
  store.add(duty.id, share, partials);
}
