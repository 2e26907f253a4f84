import { type Hex, toHex } from "../../base/index.ts";
import { acceptsSsz, json } from "../../http/index.ts";
import { epochOf, slotStart, ssz as types } from "../../spec/index.ts";
import { FORK_NAME } from "../chain-spec.ts";
import { voteData } from "../progress.ts";
import { SYNC_SUBCOMMITTEES } from "../roster.ts";
import { currentSlot, isFuture } from "../world.ts";
import { answer, ssz } from "./answer.ts";
import { badRequest, type Call, hexBytes, notFound, type Route, wholeNumber } from "./call.ts";

/** What validators vote on. */
export const voteRoutes: readonly Route[] = [
  { method: "GET", path: "/eth/v1/validator/attestation_data", run: attestationData },
  {
    method: "GET",
    path: "/eth/v1/validator/aggregate_attestation",
    run: () => {
      throw badRequest("this chain is past Electra: use version 2 of this endpoint");
    },
  },
  { method: "GET", path: "/eth/v2/validator/aggregate_attestation", run: aggregateAttestation },
  { method: "GET", path: "/eth/v1/validator/sync_committee_contribution", run: contribution },
];

/** Waits out a client's clock that runs ahead by less than the disparity that gossip allows. */
export async function reachSlot(call: Call, slot: number): Promise<void> {
  const { world, at } = call;
  if (isFuture(world, slot, at)) throw badRequest("slot is in the future");
  if (slot > currentSlot(world, at) || at < slotStart(world.spec, 0))
    await call.reach(slotStart(world.spec, slot), call.request.signal);
}

async function attestationData(call: Call): Promise<Response> {
  const { world, url } = call;
  const slot = wholeNumber(url.searchParams.get("slot"), "slot");
  // Without meaning since Electra: one answer serves all committees. Clients of both habits are around.
  const committee = url.searchParams.get("committee_index");
  if (committee !== null) wholeNumber(committee, "committee_index");
  await reachSlot(call, slot);
  if (epochOf(world.spec, slot) < epochOf(world.spec, currentSlot(world, call.at)) - 1)
    throw badRequest("slot is too long ago");
  const data = voteData(world, slot);
  if (data === undefined) throw badRequest("slot is too long ago");
  if (acceptsSsz(call.request)) return ssz(types.phase0.AttestationData.serialize(data));
  return answer(types.phase0.AttestationData.toJson(data));
}

function aggregateAttestation({ world, url, request }: Call): Response {
  const dataRoot = toHex(
    hexBytes(url.searchParams.get("attestation_data_root"), 32, "attestation_data_root"),
  );
  const committee = wholeNumber(url.searchParams.get("committee_index"), "committee_index");
  const slot = wholeNumber(url.searchParams.get("slot"), "slot");
  const attestation = world.attestations.aggregate(dataRoot satisfies Hex, committee);
  if (attestation === undefined || attestation.data.slot !== slot)
    throw notFound("no attestation with this data root is known");
  if (acceptsSsz(request)) return ssz(types.fulu.Attestation.serialize(attestation));
  return json(
    200,
    { version: FORK_NAME, data: types.fulu.Attestation.toJson(attestation) },
    { "eth-consensus-version": FORK_NAME },
  );
}

function contribution({ world, url, request }: Call): Response {
  const slot = wholeNumber(url.searchParams.get("slot"), "slot");
  const subcommittee = wholeNumber(url.searchParams.get("subcommittee_index"), "subcommittee_index");
  const root = hexBytes(url.searchParams.get("beacon_block_root"), 32, "beacon_block_root");
  if (subcommittee >= SYNC_SUBCOMMITTEES) throw badRequest("there are four subcommittees, 0 to 3");
  const found = world.sync.contribution(slot, root, subcommittee);
  if (found === undefined) throw notFound("no message of this subcommittee for this root is known");
  if (acceptsSsz(request)) return ssz(types.altair.SyncCommitteeContribution.serialize(found));
  return answer(types.altair.SyncCommitteeContribution.toJson(found));
}
