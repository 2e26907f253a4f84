import { toHex } from "../base/index.ts";
import { json, RequestRefused } from "../http/index.ts";
import type { DeskError, Selected, Submission } from "../ports/index.ts";
import { dutyDue, type Slot, type UnixMs } from "../spec/index.ts";
import { clientOf, type ValidatorClientTraits } from "./clients.ts";
import { type ApiCall, currentSlot, reasonOf, statusOf } from "./context.ts";

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
 * cannot take that (clients.ts). When too many wait, whoever waits for the most is answered now.
 */
export async function answerSelections(call: ApiCall, selections: readonly Selection[]): Promise<Response> {
  const client = clientOf(call.request);
  const verdicts = await call.desk.submit(
    selections.map(({ submission }) => submission),
    call.request.signal,
    call.from,
  );
  refuseWhole(client, verdicts);
  const latest = Math.max(
    call.clock.now(),
    Math.min(
      call.clock.now() + client.selectionsTimeoutMs - ANSWER_MARGIN_MS,
      Math.max(...selections.map(({ submission }) => usefulUntil(call, submission))),
      votesAt(call, client, selections),
    ),
  );
  const over = new AbortController();
  const cancel = call.clock.at(latest, () => over.abort(new Error("it is time to answer")));
  const signal = AbortSignal.any([over.signal, call.request.signal]);
  const taken = selections.filter((_, i) => verdicts[i] === undefined);
  const giveBack = call.waiting.take(call.from.address, taken.length, () =>
    over.abort(new Error("too many wait for selections")),
  );
  try {
    const reached = await call.desk.combined(taken.map(selected), signal);
    const byTaken = new Map(taken.map((selection, i) => [selection, reached[i]]));
    const proofs = selections.map((selection) => byTaken.get(selection));
    for (const verdict of verdicts) {
      if (verdict === undefined) continue;
      call.warnSome("Selection proof of the validator client refused", { why: reasonOf(verdict) });
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
    giveBack();
    cancel();
  }
}

/**
 * When none of them was taken the client hears why; unless it needs an answer to do anything at all.
 *
 * @throws RequestRefused
 */
function refuseWhole(client: ValidatorClientTraits, verdicts: readonly (DeskError | undefined)[]): void {
  const [first] = verdicts;
  if (first === undefined || verdicts.includes(undefined) || client.shorterSelections === "refuses") return;
  throw new RequestRefused(statusOf(first, 400), reasonOf(first));
}

/** Before the next votes are due, for a client that votes only with the answer in its hands. */
function votesAt(
  call: ApiCall,
  { votesWaitForSelections = false }: ValidatorClientTraits,
  selections: readonly Selection[],
): UnixMs {
  if (!votesWaitForSelections || selections[0]?.submission.kind !== "prepare-aggregator") return Infinity;
  const { chain, clock } = call;
  const margin = Math.floor(chain.slotMs / 12);
  const before = (slot: Slot): UnixMs => dutyDue(chain, { slot, kind: "attester" }) - margin;
  const now = currentSlot(call);
  return before(now) > clock.now() ? before(now) : before(now + 1);
}

/** When nobody can use the proof any more: the slot's aggregate is due. */
function usefulUntil(call: ApiCall, { slot, kind }: Selection["submission"]): UnixMs {
  const at: Slot = Math.min(slot, currentSlot(call) + 2 * call.chain.slotsPerEpoch);
  return dutyDue(call.chain, {
    slot: at,
    kind: kind === "prepare-aggregator" ? "aggregator" : "sync-contribution",
  });
}

function selected({ submission: { kind, slot, groupKey, signed } }: Selection): Selected {
  return "subcommitteeIndex" in signed
    ? { kind, slot, groupKey, subcommitteeIndex: signed.subcommitteeIndex }
    : { kind, slot, groupKey };
}
