import { equalBytes, toHex } from "../base/index.ts";
import type { Aggregate, CommitteeSubscription, SignedAggregate } from "../ports/index.ts";
import { type Attestation, type electra, type Root, type Slot, ssz } from "../spec/index.ts";
import { readVersioned, typesOf } from "./blocks.ts";
import { bad } from "./errors.ts";
import { BETTER_AGGREGATE_MS } from "./limits.ts";
import type { Attempt, Contest } from "./pool.ts";
import { tellJson } from "./publish.ts";

/** An aggregate over exactly the data, and from Electra on of exactly the committee, that were asked for. */
export function askAggregate(slot: Slot, dataRoot: Root, committeeIndex: number): Attempt<Aggregate> {
  const query = `attestation_data_root=${toHex(dataRoot)}&slot=${slot}&committee_index=${committeeIndex}`;
  const path = `/eth/v2/validator/aggregate_attestation?${query}`;
  return async (endpoint, signal) => {
    const { fork, value } = readVersioned<Attestation>(
      await endpoint.ask({ method: "GET", path }, signal),
      ({ Attestation }) => Attestation,
    );
    const found = ssz.phase0.AttestationData.hashTreeRoot(value.data);
    if (!equalBytes(found, dataRoot)) throw bad("data.data", "the vote whose root was given");
    const committees = (value as electra.Attestation).committeeBits?.getTrueBitIndexes();
    if (committees !== undefined && (committees.length !== 1 || committees[0] !== committeeIndex))
      throw bad("data.committee_bits", `committee ${committeeIndex} alone`);
    return { fork, value };
  };
}

export const mostVotes: Contest<Aggregate> = {
  compare: (a, b) => votesIn(a) - votesIn(b),
  graceMs: BETTER_AGGREGATE_MS,
};

function votesIn({ value }: Aggregate): number {
  return value.aggregationBits.getTrueBitIndexes().length;
}

/** @param aggregates - All of one fork. */
export function tellAggregates(fork: string, aggregates: readonly SignedAggregate[]): Attempt<void> {
  const type = typesOf(fork).types.SignedAggregateAndProof;
  const body = aggregates.map(({ value }) => type.toJson(value));
  return tellJson("/eth/v2/validator/aggregate_and_proofs", body, fork);
}

export function tellCommitteeSubscriptions(subscriptions: readonly CommitteeSubscription[]): Attempt<void> {
  const body = subscriptions.map((subscription) => ({
    validator_index: String(subscription.validatorIndex),
    committee_index: String(subscription.committeeIndex),
    committees_at_slot: String(subscription.committeesAtSlot),
    slot: String(subscription.slot),
    is_aggregator: subscription.isAggregator,
  }));
  return tellJson("/eth/v1/validator/beacon_committee_subscriptions", body);
}
