import { equalBytes } from "../base/index.ts";
import {
  acceptsSsz,
  badRequest,
  hexBytes,
  json,
  listOf,
  notFound,
  octets,
  queryList,
  RequestRefused,
  readJson,
} from "../http/index.ts";
import { DeskError } from "../ports/index.ts";
import {
  type Attestation,
  type electra,
  type ForkName,
  isForkPostElectra,
  type phase0,
  slotStart,
  ssz,
} from "../spec/index.ts";
import {
  type ApiCall,
  type ApiRoute,
  type Handed,
  ownValidator,
  reasonOf,
  submitAll,
  waitUntil,
} from "./context.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "./limits.ts";
import { checkForkAt, forkOf, indexOf, readItems, typeOf } from "./read-body.ts";
import { slotIn } from "./routes-attestations.ts";
import { answerSelections, type Selection } from "./selections.ts";
import { numberIn } from "./upstream.ts";

/** Aggregation of votes: who aggregates, what, and the client's signature of it. */
export const aggregateRoutes: readonly ApiRoute[] = [
  {
    name: "aggregate_beacon_committee_selections",
    method: "POST",
    path: "/eth/v1/validator/beacon_committee_selections",
    run: committeeSelections,
  },
  {
    name: "aggregate_attestation_v2",
    method: "GET",
    path: "/eth/v2/validator/aggregate_attestation",
    run: aggregateAttestation,
  },
  {
    name: "submit_aggregate_and_proofs_v2",
    indexed: true,
    method: "POST",
    path: "/eth/v2/validator/aggregate_and_proofs",
    run: submitAggregates,
  },
];

async function committeeSelections(call: ApiCall): Promise<Response> {
  const items = listOf(await readJson(call.request, BODY_BYTES_MAX), ITEMS_MAX);
  const selections: Selection[] = [];
  for (const [i, item] of items.entries()) {
    const { slot, validatorIndex, selectionProof, from } = readSelection(item, i);
    const { groupKey } = await ownValidator(call, validatorIndex);
    selections.push({
      submission: {
        kind: "prepare-aggregator",
        slot,
        groupKey,
        signed: { slot, validatorIndex, selectionProof },
      },
      json: from,
    });
  }
  return answerSelections(call, selections);
}

/** @throws RequestRefused 400 */
export function readSelection(
  item: unknown,
  place: number,
): {
  readonly slot: number;
  readonly validatorIndex: number;
  readonly selectionProof: Uint8Array;
  readonly from: Readonly<Record<string, unknown>>;
} {
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw badRequest(`item ${place} is not an object`);
  const from = item as Record<string, unknown>;
  return {
    slot: indexOf(from["slot"], `item ${place}: slot`),
    validatorIndex: indexOf(from["validator_index"], `item ${place}: validator_index`),
    selectionProof: hexBytes(String(from["selection_proof"]), 96, `item ${place}: selection_proof`),
    from,
  };
}

async function aggregateAttestation(call: ApiCall): Promise<Response> {
  const slot = slotIn(call);
  const root = hexBytes(call.url.searchParams.get("attestation_data_root"), 32, "attestation_data_root");
  const committee = numberIn(queryList(call.url, "committee_index", 1)[0] ?? "", "committee_index");
  try {
    // A validator's own slot ends before the aggregate is of use to anyone; the next one's block still takes it.
    const decided = await waitUntil(
      call,
      slotStart(call.chain, slot + 1),
      "the cluster's aggregate",
      (signal) => call.desk.decided("aggregator", slot, signal),
    );
    for (const { fork, value } of decided.values()) {
      if (!isOf(value, committee)) continue;
      if (!equalBytes(ssz.phase0.AttestationData.hashTreeRoot(value.data), root)) continue;
      const type = typeOf<Attestation>(fork as ForkName, "Attestation");
      const headers = { "eth-consensus-version": fork };
      return acceptsSsz(call.request)
        ? octets(type.serialize(value), headers)
        : json(200, { version: fork, data: type.toJson(value) }, headers);
    }
    throw notFound(
      `the cluster decided on no aggregate of committee ${committee} with this attestation data root`,
    );
  } catch (error) {
    if (error instanceof DeskError) throw notFound(reasonOf(error));
    // The specification has no 503 here: an aggregate that did not come in time is not there.
    if (error instanceof RequestRefused && error.status === 503) throw notFound(error.message);
    throw error;
  }
}

function isOf(value: Attestation, committee: number): boolean {
  return "committeeBits" in value
    ? committee < value.committeeBits.bitLen && value.committeeBits.get(committee)
    : value.data.index === committee;
}

type SignedAggregate = electra.SignedAggregateAndProof | phase0.SignedAggregateAndProof;

async function submitAggregates(call: ApiCall): Promise<Response> {
  const fork = forkOf(call.request);
  if (!isForkPostElectra(fork))
    throw badRequest(`aggregates of ${fork} are not taken: Electra is the first fork here`);
  const aggregates = await readItems(call, typeOf<SignedAggregate>(fork, "SignedAggregateAndProof"));
  const { byIndex } = await call.validators.get();
  const items = aggregates.map((value): Handed => {
    const { aggregatorIndex, aggregate } = value.message;
    const validator = byIndex.get(aggregatorIndex);
    if (validator === undefined) return `aggregator ${aggregatorIndex} is not one of this cluster's`;
    checkForkAt(call.chain, fork, aggregate.data.slot);
    return {
      kind: "aggregator",
      slot: aggregate.data.slot,
      groupKey: validator.groupKey,
      signed: { fork, value },
    };
  });
  return submitAll(call, items);
}
