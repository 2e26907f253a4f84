import { equalBytes, toHex } from "../base/index.ts";
import {
  acceptsSsz,
  hexBytes,
  json,
  listOf,
  notFound,
  octets,
  param,
  queryList,
  RequestRefused,
  readJson,
} from "../http/index.ts";
import { DeskError } from "../ports/index.ts";
import { dutyDue, slotStart, ssz } from "../spec/index.ts";
import {
  type ApiCall,
  type ApiRoute,
  currentSlot,
  type Handed,
  ownValidator,
  reasonOf,
  submitAll,
  waitUntil,
} from "./context.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "./limits.ts";
import { indexOf, readItems } from "./read-body.ts";
import { readSelection } from "./routes-aggregates.ts";
import { slotIn } from "./routes-attestations.ts";
import { answerSelections, type Selection } from "./selections.ts";
import { numberIn } from "./upstream.ts";

/** Sync committees: the head to sign, messages, who contributes, contributions. */
export const syncRoutes: readonly ApiRoute[] = [
  { name: "block_root", method: "GET", path: "/eth/v1/beacon/blocks/:block_id/root", run: blockRoot },
  {
    name: "submit_sync_committee_messages",
    indexed: true,
    method: "POST",
    path: "/eth/v1/beacon/pool/sync_committees",
    run: submitMessages,
  },
  {
    name: "aggregate_sync_committee_selections",
    method: "POST",
    path: "/eth/v1/validator/sync_committee_selections",
    run: syncSelections,
  },
  {
    name: "sync_committee_contribution",
    method: "GET",
    path: "/eth/v1/validator/sync_committee_contribution",
    run: contribution,
  },
  {
    name: "submit_contribution_and_proofs",
    indexed: true,
    method: "POST",
    path: "/eth/v1/validator/contribution_and_proofs",
    run: submitContributions,
  },
];

/**
 * The head that the client's sync messages are about. The messages of a slot combine only when enough operators sign the
 * same head, so the cluster's is given in slots with sync duties, and the beacon node's otherwise or when there is none
 * soon after messages are due.
 */
async function blockRoot(call: ApiCall): Promise<Response> {
  if (param(call, "block_id") !== "head") return call.passage.through(call);
  const slot = currentSlot(call);
  const due = dutyDue(call.chain, { slot, kind: "sync-message" });
  const latest = due + Math.floor(call.chain.slotMs / 12);
  if (call.clock.now() >= latest) return call.passage.through(call);
  try {
    const decided = await waitUntil(call, latest, "the cluster's head", (signal) =>
      call.desk.decided("sync-message", slot, signal),
    );
    const [head] = decided.values();
    if (head === undefined) return await call.passage.through(call);
    return json(200, {
      execution_optimistic: false,
      finalized: false,
      data: { root: toHex(head.beaconBlockRoot) },
    });
  } catch (error) {
    if (error instanceof DeskError || error instanceof RequestRefused) return call.passage.through(call);
    throw error;
  }
}

async function submitMessages(call: ApiCall): Promise<Response> {
  const messages = await readItems(call, ssz.altair.SyncCommitteeMessage);
  const { byIndex } = await call.validators.get();
  const items = messages.map((signed): Handed => {
    const validator = byIndex.get(signed.validatorIndex);
    if (validator === undefined) return `validator ${signed.validatorIndex} is not one of this cluster's`;
    return { kind: "sync-message", slot: signed.slot, groupKey: validator.groupKey, signed };
  });
  return submitAll(call, items);
}

async function syncSelections(call: ApiCall): Promise<Response> {
  const items = listOf(await readJson(call.request, BODY_BYTES_MAX), ITEMS_MAX);
  const selections: Selection[] = [];
  for (const [i, item] of items.entries()) {
    const { slot, validatorIndex, selectionProof, from } = readSelection(item, i);
    const subcommitteeIndex = indexOf(from["subcommittee_index"], `item ${i}: subcommittee_index`);
    const { groupKey } = await ownValidator(call, validatorIndex);
    selections.push({
      submission: {
        kind: "prepare-sync-contribution",
        slot,
        groupKey,
        signed: { slot, validatorIndex, selectionProof, subcommitteeIndex },
      },
      json: from,
    });
  }
  return answerSelections(call, selections);
}

async function contribution(call: ApiCall): Promise<Response> {
  const slot = slotIn(call);
  const subcommittee = numberIn(queryList(call.url, "subcommittee_index", 1)[0] ?? "", "subcommittee_index");
  const root = hexBytes(call.url.searchParams.get("beacon_block_root"), 32, "beacon_block_root");
  try {
    const decided = await waitUntil(
      call,
      slotStart(call.chain, slot + 1),
      "the cluster's contribution",
      (signal) => call.desk.decided("sync-contribution", slot, signal),
    );
    const found = [...decided.values()]
      .flat()
      .find((one) => one.subcommitteeIndex === subcommittee && equalBytes(one.beaconBlockRoot, root));
    if (found === undefined)
      throw notFound(`the cluster decided on no contribution of subcommittee ${subcommittee} to this head`);
    const type = ssz.altair.SyncCommitteeContribution;
    return acceptsSsz(call.request) ? octets(type.serialize(found)) : json(200, { data: type.toJson(found) });
  } catch (error) {
    if (error instanceof DeskError) throw notFound(reasonOf(error));
    throw error;
  }
}

async function submitContributions(call: ApiCall): Promise<Response> {
  const contributions = await readItems(call, ssz.altair.SignedContributionAndProof);
  const { byIndex } = await call.validators.get();
  const items = contributions.map((signed): Handed => {
    const { aggregatorIndex, contribution: made } = signed.message;
    const validator = byIndex.get(aggregatorIndex);
    if (validator === undefined) return `aggregator ${aggregatorIndex} is not one of this cluster's`;
    return { kind: "sync-contribution", slot: made.slot, groupKey: validator.groupKey, signed };
  });
  return submitAll(call, items);
}
