import { equalBytes, fromHex, toHex } from "../base/index.ts";
import type { SyncCommitteeSubscription, SyncDuty } from "../ports/index.ts";
import {
  type altair,
  type Epoch,
  type GroupKey,
  type Root,
  type Slot,
  ssz,
  type ValidatorIndex,
} from "../spec/index.ts";
import { askList, refuseDoubles, verified } from "./duties.ts";
import { BeaconError, bad } from "./errors.ts";
import { BETTER_AGGREGATE_MS, BETTER_VOTE_MS, LIST_ITEMS_MAX } from "./limits.ts";
import { parseJson, readContainer, type SszType } from "./parse.ts";
import type { Attempt, Contest } from "./pool.ts";
import { tellJson } from "./publish.ts";

type Contribution = altair.SyncCommitteeContribution;
const contributionType = ssz.altair.SyncCommitteeContribution as unknown as SszType<Contribution>;

export function askSyncDuties(
  epoch: Epoch,
  indices: readonly ValidatorIndex[],
): Attempt<readonly SyncDuty[]> {
  const wanted = new Set(indices);
  const body = JSON.stringify([...wanted].map(String));
  const path = `/eth/v1/validator/duties/sync/${epoch}`;
  return async (endpoint, signal) => {
    const json = verified(await askList(endpoint, path, body, signal));
    const duties = json.list("data", LIST_ITEMS_MAX, (item) => ({
      pubkey: item.hex("pubkey", 48) as GroupKey,
      validatorIndex: item.quoted("validator_index"),
      positions: readPositions(item.raw("validator_sync_committee_indices")),
    }));
    refuseDoubles(duties, (duty) => duty.validatorIndex, "data[].validator_index");
    return duties.filter((duty) => wanted.has(duty.validatorIndex));
  };
}

/** @spec altair SYNC_COMMITTEE_SIZE */
const SYNC_COMMITTEE_SIZE = 512;

function readPositions(list: unknown): readonly number[] {
  const where = "data[].validator_sync_committee_indices";
  if (!Array.isArray(list) || list.length === 0) throw bad(where, "a list with at least one place");
  const places = list.map((place) =>
    typeof place === "string" && /^\d{1,3}$/.test(place) ? Number(place) : SYNC_COMMITTEE_SIZE,
  );
  if (places.some((place) => place >= SYNC_COMMITTEE_SIZE))
    throw bad(where, `numbers below ${SYNC_COMMITTEE_SIZE}`);
  refuseDoubles(places, (place) => place, where);
  return places;
}

/** Root of the head block, from a node that has verified it. */
export const askHeadRoot: Attempt<Root> = async (endpoint, signal) => {
  const answer = await endpoint.ask({ method: "GET", path: "/eth/v1/beacon/blocks/head/root" }, signal);
  return fromHex(verified(answer, "object").object("data").hex("root", 32), 32);
};

/** Of two nodes the one that has seen the newer block: a message about an older one is paid by no block. */
export function newestHead(now: Slot, slotOf: (block: string) => Slot | undefined): Contest<Root> {
  const slot = (root: Root): number => slotOf(toHex(root)) ?? -1;
  return {
    compare: (a, b) => slot(a) - slot(b),
    unbeatable: (root) => slot(root) === now,
    graceMs: BETTER_VOTE_MS,
  };
}

export function tellSyncMessages(messages: readonly altair.SyncCommitteeMessage[]): Attempt<void> {
  const body = messages.map((message) => ssz.altair.SyncCommitteeMessage.toJson(message));
  return tellJson("/eth/v1/beacon/pool/sync_committees", body);
}

/** A contribution of exactly the slot, subcommittee and block that were asked for. */
export function askContribution(
  slot: Slot,
  subcommitteeIndex: number,
  blockRoot: Root,
): Attempt<Contribution> {
  const query = `slot=${slot}&subcommittee_index=${subcommitteeIndex}&beacon_block_root=${toHex(blockRoot)}`;
  const path = `/eth/v1/validator/sync_committee_contribution?${query}`;
  return async (endpoint, signal) => {
    const answer = await endpoint.ask({ method: "GET", path }, signal);
    if (answer.type !== "json") throw bad("content-type", "application/json");
    const value = readContainer(contributionType, parseJson(answer.body).raw("data"), "data");
    if (value.slot !== slot) throw bad("data.slot", String(slot));
    if (value.subcommitteeIndex !== subcommitteeIndex)
      throw bad("data.subcommittee_index", String(subcommitteeIndex));
    if (!equalBytes(value.beaconBlockRoot, blockRoot)) throw bad("data.beacon_block_root", toHex(blockRoot));
    if (messagesIn(value) === 0) throw noMessages();
    return value;
  };
}

/** Others answer 404; Prysm makes a contribution of nothing, which is worth nothing and which no node would take back. */
function noMessages(): BeaconError {
  return new BeaconError("beacon/refused", "ask the beacon node", {
    facts: { status: 404, reason: "The node knows no sync message for this block in this subcommittee." },
  });
}

export const mostMessages: Contest<Contribution> = {
  compare: (a, b) => messagesIn(a) - messagesIn(b),
  graceMs: BETTER_AGGREGATE_MS,
};

function messagesIn({ aggregationBits }: Contribution): number {
  return aggregationBits.getTrueBitIndexes().length;
}

export function tellContributions(
  contributions: readonly altair.SignedContributionAndProof[],
): Attempt<void> {
  const body = contributions.map((value) => ssz.altair.SignedContributionAndProof.toJson(value));
  return tellJson("/eth/v1/validator/contribution_and_proofs", body);
}

export function tellSyncSubscriptions(subscriptions: readonly SyncCommitteeSubscription[]): Attempt<void> {
  const body = subscriptions.map(({ validatorIndex, positions, untilEpoch }) => ({
    validator_index: String(validatorIndex),
    sync_committee_indices: positions.map(String),
    until_epoch: String(untilEpoch),
  }));
  return tellJson("/eth/v1/validator/sync_committee_subscriptions", body);
}
