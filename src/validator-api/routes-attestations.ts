import { acceptsSsz, badRequest, json, octets, queryList } from "../http/index.ts";
import { DeskError } from "../ports/index.ts";
import {
  type electra,
  forkAt,
  type GroupKey,
  isForkPostElectra,
  type phase0,
  type Slot,
  slotStart,
  ssz,
} from "../spec/index.ts";
import { type ApiCall, type ApiRoute, currentSlot, type Handed, submitAll, waitUntil } from "./context.ts";
import { checkForkAt, forkOf, readItems, typeOf } from "./read-body.ts";
import { numberIn } from "./upstream.ts";

/** Votes: what the cluster decided to vote for, and the client's signature of it. */
export const attestationRoutes: readonly ApiRoute[] = [
  {
    name: "attestation_data",
    method: "GET",
    path: "/eth/v1/validator/attestation_data",
    run: attestationData,
  },
  {
    name: "submit_attestations_v2",
    indexed: true,
    method: "POST",
    path: "/eth/v2/beacon/pool/attestations",
    run: submitAttestations,
  },
];

/**
 * In a slot in which none of ours votes there is nothing to wait for: some clients ask all the same, and get the beacon
 * node's view. Who asks when the slot is over gets what lies here.
 */
async function attestationData(call: ApiCall): Promise<Response> {
  const slot = slotIn(call);
  const committee = numberIn(queryList(call.url, "committee_index", 1)[0] ?? "0", "committee_index");
  if (slot > currentSlot(call) + 1) throw badRequest(`slot ${slot} is more than one slot ahead`);
  try {
    const decided = await waitUntil(
      call,
      Math.max(slotStart(call.chain, slot + 1), call.clock.now() + 1),
      "the cluster's decision",
      (signal) => call.desk.decided("attester", slot, signal),
    );
    const data = ofCommittee(call, slot, committee, decided);
    if (data === undefined) return await call.passage.through(call);
    return acceptsSsz(call.request)
      ? octets(ssz.phase0.AttestationData.serialize(data), {
          "eth-consensus-version": forkAt(call.chain, slot),
        })
      : json(200, { data: ssz.phase0.AttestationData.toJson(data) });
  } catch (error) {
    if (error instanceof DeskError && error.code === "duty/not-ours") return call.passage.through(call);
    throw error;
  }
}

/** From Electra on one vote serves all committees, and clients ask for committee 0. */
function ofCommittee(
  { chain }: ApiCall,
  slot: Slot,
  committee: number,
  decided: ReadonlyMap<
    GroupKey,
    { readonly data: phase0.AttestationData; readonly duty: { readonly committeeIndex: number } }
  >,
): phase0.AttestationData | undefined {
  const votes = [...decided.values()];
  const exact = votes.find(({ duty }) => duty.committeeIndex === committee);
  if (exact !== undefined) return exact.data;
  return isForkPostElectra(forkAt(chain, slot)) ? votes[0]?.data : undefined;
}

async function submitAttestations(call: ApiCall): Promise<Response> {
  const fork = forkOf(call.request);
  if (!isForkPostElectra(fork))
    throw badRequest(`attestations of ${fork} are not taken: Electra is the first fork here`);
  const votes = await readItems(call, typeOf<electra.SingleAttestation>(fork, "SingleAttestation"));
  const { byIndex } = await call.validators.get();
  const items = votes.map((vote): Handed => {
    const validator = byIndex.get(vote.attesterIndex);
    if (validator === undefined) return `validator ${vote.attesterIndex} is not one of this cluster's`;
    checkForkAt(call.chain, fork, vote.data.slot);
    return { kind: "attester", slot: vote.data.slot, groupKey: validator.groupKey, signed: { fork, vote } };
  });
  return submitAll(call, items);
}

/** The query's slot. @throws RequestRefused 400 */
export function slotIn(call: ApiCall): Slot {
  return numberIn(queryList(call.url, "slot", 1)[0] ?? "", "slot");
}
