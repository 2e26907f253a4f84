import { toHex } from "../base/index.ts";
import { json } from "../http/index.ts";
import { type Submission } from "../ports/index.ts";
import { dutyDue, type Slot, type UnixMs } from "../spec/index.ts";
import { clientOf } from "./clients.ts";
import { type ApiCall, currentSlot, reasonOf } from "./context.ts";

/** A selection that came, with what to answer when it reaches the threshold. */
export interface Selection {
  readonly submission: Submission & { readonly kind: "prepare-aggregator" | "prepare-sync-contribution" };
  /** The item as it came, to be answered with another proof. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Sent so long before the client gives up. */
const ANSWER_MARGIN_MS = 1_000;

/**
 * Submits the client's selection proofs and answers with the group's, in the order of the request. Whoever asks for one
 * slot waits until the aggregate is due; for slots further ahead some operators' clients may not have signed yet, so the
 * wait is bounded by what the client allows. What has not reached the threshold by then is left out, unless the client
 * cannot take that (clients.ts).
 */
export async function answerSelections(call: ApiCall, selections: readonly Selection[]): Promise<Response> {
  const client = clientOf(call.request);
  const verdicts = await call.desk.submit(
    selections.map(({ submission }) => submission),
    call.request.signal,
  );
  const latest = Math.max(
    call.clock.now(),
    Math.min(
      call.clock.now() + client.selectionsTimeoutMs - ANSWER_MARGIN_MS,
      Math.max(...selections.map(({ submission }) => usefulUntil(call, submission))),
    ),
  );
  const over = new AbortController();
  const cancel = call.clock.at(latest, () => over.abort(new Error("it is time to answer")));
  const signal = AbortSignal.any([over.signal, call.request.signal]);
  try {
    const proofs = await Promise.all(
      selections.map(({ submission }, i) =>
        verdicts[i] === undefined ? combined(call, submission, signal) : Promise.resolve(undefined),
      ),
    );
    for (const verdict of verdicts) {
      if (verdict === undefined) continue;
      call.log.warn("Selection proof of the validator client refused", { why: reasonOf(verdict) });
      break;
    }
    const data = selections.flatMap(({ json: item }, i) => {
      const proof = proofs[i];
      if (proof !== undefined) return [{ ...item, selection_proof: toHex(proof) }];
      return client.shorterSelections === "refuses" ? [item] : [];
    });
    if (data.length < selections.length || proofs.includes(undefined))
      call.log.debug("Selections below the threshold", {
        of: selections.length,
        reached: proofs.filter((proof) => proof !== undefined).length,
      });
    return json(200, { data });
  } finally {
    cancel();
  }
}

/** When nobody can use the proof any more: the slot's aggregate is due. */
function usefulUntil(call: ApiCall, { slot, kind }: Selection["submission"]): UnixMs {
  const at: Slot = Math.min(slot, currentSlot(call) + 2 * call.chain.slotsPerEpoch);
  return dutyDue(call.chain, {
    slot: at,
    kind: kind === "prepare-aggregator" ? "aggregator" : "sync-contribution",
  });
}

async function combined(
  call: ApiCall,
  { kind, slot, groupKey, signed }: Selection["submission"],
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const which =
    "subcommitteeIndex" in signed
      ? { kind, slot, groupKey, subcommitteeIndex: signed.subcommitteeIndex }
      : { kind, slot, groupKey };
  try {
    return await call.desk.combined(which, signal);
  } catch {
    return undefined; // Not by now.
  }
}
