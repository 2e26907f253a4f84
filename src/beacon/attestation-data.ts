import { toHex } from "../base/index.ts";
import { type ChainSpec, epochOf, type phase0, type Slot, ssz } from "../spec/index.ts";
import { bad } from "./errors.ts";
import { BETTER_VOTE_MS } from "./limits.ts";
import { parseJson, readContainer, type SszType } from "./parse.ts";
import type { Attempt, Contest } from "./pool.ts";

type AttestationData = phase0.AttestationData;
const type = ssz.phase0.AttestationData as unknown as SszType<AttestationData>;

/** Vote data for exactly the slot and committee asked for, with a source and target that can be. */
export function askAttestationData(
  chain: ChainSpec,
  slot: Slot,
  committeeIndex: number,
): Attempt<AttestationData> {
  const path = `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=${committeeIndex}`;
  return async (endpoint, signal) => {
    const answer = await endpoint.ask({ method: "GET", path }, signal);
    if (answer.type !== "json") throw bad("content-type", "application/json");
    const data = readContainer(type, parseJson(answer.body).raw("data"), "data");
    if (data.slot !== slot) throw bad("data.slot", String(slot));
    if (data.index !== committeeIndex) throw bad("data.index", String(committeeIndex));
    if (data.target.epoch !== epochOf(chain, slot))
      throw bad("data.target.epoch", String(epochOf(chain, slot)));
    if (data.source.epoch > data.target.epoch) throw bad("data.source.epoch", "not after the target's");
    return data;
  };
}

/**
 * A node that has seen a newer block votes for it; the others would vote for its parent. A head that no event told of may be
 * newer or made up, so it loses against a known one.
 */
export function newestVote(
  slot: Slot,
  slotOf: (block: string) => Slot | undefined,
): Contest<AttestationData> {
  const headSlot = (data: AttestationData): number => slotOf(toHex(data.beaconBlockRoot)) ?? -1;
  return {
    compare: (a, b) => headSlot(a) - headSlot(b) || a.source.epoch - b.source.epoch,
    unbeatable: (data) => headSlot(data) === slot,
    graceMs: BETTER_VOTE_MS,
  };
}
