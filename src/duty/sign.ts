import { explain } from "../base/index.ts";
import type { ShareSigner } from "../ports/index.ts";
import { dutyName, type GroupKey } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { ToSign } from "./guard.ts";
import { partName } from "./known-by-slot.ts";
import type { Partial } from "./partial-store.ts";
import type { SlotDuty } from "./slot-duty.ts";

/**
 * Has our share sign what was admitted: at once by the built-in signer, or, where it does not sign this kind, by the validator
 * client, which finds it on the desk. `encode` puts a signature into what was decided.
 */
export async function signAndOffer<T>(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  admitted: readonly ToSign<T>[],
  encode: (item: ToSign<T>, signature: Uint8Array) => Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { hasClient, signerOf } = context.signing;
  if (isDoubted(context, duty, admitted)) return;
  const signer = signerOf(duty.id.kind);
  if (signer === undefined)
    duty.record.blame(
      "client-silent",
      admitted.map(({ groupKey }) => groupKey),
    );
  if (hasClient) layOut(context, duty, admitted, encode, signal);
  if (signer === undefined || admitted.length === 0) return;
  release(context, duty, await signAll(context, signer, duty, admitted, encode, signal), signal);
}

/** A node that doubts its slashing memory signs nothing, and what it has signed counts no more (docs/adr/0210). */
function isDoubted(
  { memory }: DutyContext,
  duty: SlotDuty<unknown>,
  items: readonly { readonly groupKey: GroupKey }[],
): boolean {
  if (memory.state !== "doubted") return false;
  duty.record.blame(
    "slashing-memory-doubted",
    items.map(({ groupKey }) => groupKey),
  );
  return true;
}

async function signAll<T>(
  { share, log }: DutyContext,
  signer: ShareSigner,
  duty: SlotDuty<unknown>,
  admitted: readonly ToSign<T>[],
  encode: (item: ToSign<T>, signature: Uint8Array) => Uint8Array,
  signal: AbortSignal,
): Promise<readonly Partial[]> {
  // The signer may be another thread: it gets what it needs and not the blocks.
  const requests = admitted.map(({ groupKey, root }) => ({ groupKey, root }));
  const signatures = await signer.sign(requests, signal).catch((error: unknown) => {
    // The duty's deadline passed, or the node stops: the signer is not to blame.
    if (signal.aborted) throw error;
    duty.record.blame(
      "signer-failed",
      admitted.map(({ groupKey }) => groupKey),
    );
    log.error("Signer failed", { duty: dutyName(duty.id), why: explain(error) });
    throw error;
  });
  return admitted.flatMap((item, i): Partial[] => {
    const { groupKey, root, part = 0 } = item;
    const signature = signatures[i];
    if (signature !== undefined)
      return [{ groupKey, share, root, part, signature, data: encode(item, signature) }];
    duty.record.blame("no-key-share", [groupKey]);
    log.error("No key share for this validator", { duty: dutyName(duty.id), validator: groupKey });
    return [];
  });
}

/** Lays it on the desk. An empty list is an answer too: the client then knows that there is nothing to sign. */
function layOut<T>(
  { offers }: DutyContext,
  duty: SlotDuty<unknown>,
  admitted: readonly ToSign<T>[],
  encode: (item: ToSign<T>, signature: Uint8Array) => Uint8Array,
  signal: AbortSignal,
): void {
  const items = admitted.map((item) => ({
    groupKey: item.groupKey,
    part: item.part ?? 0,
    root: item.root,
    value: item.value,
    encode: (signature: Uint8Array) => encode(item, signature),
  }));
  offers.put(duty, items, signal);
}

/**
 * Keeps our partial signatures beside those of the peers, and sends them to every peer until they are delivered. The first
 * word counts: a client may sign two things at the same time, and peers must not be told both.
 */
export function release(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  made: readonly Partial[],
  signal: AbortSignal,
): void {
  const { exchange, store, share, metrics } = context;
  const before = store.peek(duty.id);
  const said = new Set<string>();
  const partials = made.filter(({ groupKey, part }) => {
    const name = partName(groupKey, part);
    const isFirst = !before.has(groupKey, part, share) && !said.has(name);
    said.add(name);
    return isFirst;
  });
  if (partials.length === 0 || isDoubted(context, duty, partials)) return;
  metrics.stage(duty.id, "signed");
  duty.record.note("signed", { validators: partials.length });
  exchange.offer(duty.id, partials, signal);
  store.add(duty.id, share, partials);
}
