import type { JsonFields } from "../base/index.ts";
import type { AttesterDuty, Duties, ProposerDuty, ValidatorRecord } from "../ports/index.ts";
import { type ChainSpec, type Epoch, epochOf, type GroupKey, type ValidatorIndex } from "../spec/index.ts";
import { type Answer, type Endpoint } from "./endpoint.ts";
import { BeaconError, bad } from "./errors.ts";
import { KEYS_PER_GET, LIST_BYTES_MAX, LIST_ITEMS_MAX, SYNC_DISTANCE_MAX } from "./limits.ts";
import { parseJson } from "./parse.ts";
import type { Attempt } from "./pool.ts";

const VALIDATORS = "/eth/v1/beacon/states/head/validators";

/** The answer about all that a JSON body names, which may be long. */
export function askList(
  endpoint: Endpoint,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  return endpoint.ask({ method: "POST", path, headers, body, bytesMax: LIST_BYTES_MAX }, signal);
}

/** Validators of the head state among `pubkeys`. Nodes that lack the POST are asked by GET, some keys at a time. */
export function askValidators(pubkeys: readonly GroupKey[]): Attempt<readonly ValidatorRecord[]> {
  const wanted = new Set<GroupKey>(pubkeys);
  return async (endpoint, signal) => {
    const records = await allValidators(endpoint, [...wanted], signal);
    refuseDoubles(records, (record) => record.pubkey, "data[].validator.pubkey");
    refuseDoubles(records, (record) => record.index, "data[].index");
    return records.filter((record) => wanted.has(record.pubkey));
  };
}

async function allValidators(
  endpoint: Endpoint,
  keys: readonly GroupKey[],
  signal: AbortSignal,
): Promise<readonly ValidatorRecord[]> {
  try {
    const body = JSON.stringify({ ids: keys });
    return readValidators(await askList(endpoint, VALIDATORS, body, signal));
  } catch (error) {
    const lacksPost =
      error instanceof BeaconError && [404, 405, 415, 501].includes(Number(error.facts["status"]));
    if (!lacksPost) throw error;
  }
  const records: ValidatorRecord[] = [];
  for (let at = 0; at < keys.length; at += KEYS_PER_GET) {
    const path = `${VALIDATORS}?id=${keys.slice(at, at + KEYS_PER_GET).join(",")}`;
    records.push(
      ...readValidators(await endpoint.ask({ method: "GET", path, bytesMax: LIST_BYTES_MAX }, signal)),
    );
  }
  return records;
}

function readValidators(answer: Answer): readonly ValidatorRecord[] {
  return verified(answer).list("data", LIST_ITEMS_MAX, (item) => ({
    index: item.quoted("index"),
    status: item.text("status"),
    pubkey: item.object("validator").hex("pubkey", 48) as GroupKey,
  }));
}

export function askAttesterDuties(
  chain: ChainSpec,
  epoch: Epoch,
  indices: readonly ValidatorIndex[],
): Attempt<Duties<AttesterDuty>> {
  const wanted = new Set(indices);
  const body = JSON.stringify([...wanted].map(String));
  const path = `/eth/v1/validator/duties/attester/${epoch}`;
  return async (endpoint, signal) => {
    const json = verified(await askList(endpoint, path, body, signal));
    const duties = json.list("data", LIST_ITEMS_MAX, (item) => readAttesterDuty(item, chain, epoch));
    refuseDoubles(duties, (duty) => duty.validatorIndex, "data[].validator_index");
    return {
      dependentRoot: json.hex("dependent_root", 32),
      duties: duties.filter((duty) => wanted.has(duty.validatorIndex)),
    };
  };
}

function readAttesterDuty(item: JsonFields, chain: ChainSpec, epoch: Epoch): AttesterDuty {
  const duty = {
    pubkey: item.hex("pubkey", 48) as GroupKey,
    validatorIndex: item.quoted("validator_index"),
    slot: item.quoted("slot"),
    committeeIndex: item.quoted("committee_index"),
    committeeLength: item.quoted("committee_length"),
    committeesAtSlot: item.quoted("committees_at_slot"),
    validatorCommitteeIndex: item.quoted("validator_committee_index"),
  };
  if (epochOf(chain, duty.slot) !== epoch) throw item.failure("slot", `a slot of epoch ${epoch}`);
  if (duty.committeeIndex >= duty.committeesAtSlot)
    throw item.failure("committee_index", "below committees_at_slot");
  if (duty.validatorCommitteeIndex >= duty.committeeLength)
    throw item.failure("validator_committee_index", "below committee_length");
  return duty;
}

export function askProposerDuties(chain: ChainSpec, epoch: Epoch): Attempt<Duties<ProposerDuty>> {
  const path = `/eth/v1/validator/duties/proposer/${epoch}`;
  return async (endpoint, signal) => {
    const json = verified(await endpoint.ask({ method: "GET", path }, signal));
    const duties = json.list("data", chain.slotsPerEpoch, (item) => {
      const slot = item.quoted("slot");
      if (epochOf(chain, slot) !== epoch) throw item.failure("slot", `a slot of epoch ${epoch}`);
      return {
        pubkey: item.hex("pubkey", 48) as GroupKey,
        validatorIndex: item.quoted("validator_index"),
        slot,
      };
    });
    refuseDoubles(duties, (duty) => duty.slot, "data[].slot");
    return { dependentRoot: json.hex("dependent_root", 32), duties };
  };
}

/**
 * Which of `indices` were seen in `epoch`. Every one of them has to be in the answer: silence about one is not "not seen".
 * Nor is the answer of a node that is still behind, which has seen nobody, whoever signs.
 */
export function askLiveness(
  epoch: Epoch,
  indices: readonly ValidatorIndex[],
): Attempt<ReadonlySet<ValidatorIndex>> {
  const wanted = new Set(indices);
  const body = JSON.stringify([...wanted].map(String));
  const path = `/eth/v1/validator/liveness/${epoch}`;
  return async (endpoint, signal) => {
    await requireFollowing(endpoint, signal);
    if (wanted.size === 0) return wanted;
    const json = verified(await askList(endpoint, path, body, signal));
    const seen = json.list("data", LIST_ITEMS_MAX, (item) => ({
      index: item.quoted("index"),
      live: readLive(item),
    }));
    refuseDoubles(seen, ({ index }) => index, "data[].index");
    const told = new Set(seen.map(({ index }) => index));
    if ([...wanted].some((index) => !told.has(index)))
      throw json.failure("data", "every validator asked for");
    return new Set(seen.filter(({ index, live }) => live && wanted.has(index)).map(({ index }) => index));
  };
}

/** @throws BeaconError `beacon/syncing` - it says that it is behind, and its peers are not. */
async function requireFollowing(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  const answer = await endpoint.ask({ method: "GET", path: "/eth/v1/node/syncing" }, signal);
  const data = parseJson(answer.body).object("data");
  if (data.flag("is_syncing") && data.quoted("sync_distance") > SYNC_DISTANCE_MAX)
    throw new BeaconError("beacon/syncing", "ask the beacon node", {
      facts: { reason: "The node is still behind the chain." },
    });
}

/** Said in so many words: what reads as "not seen" by omission would end a watch that should go on. */
function readLive(item: JsonFields): boolean {
  const live = item.raw("is_live");
  if (typeof live !== "boolean") throw item.failure("is_live", "true or false");
  return live;
}

/** The JSON of an answer that does not rest on blocks whose payload nobody has verified. */
export function verified(answer: Answer, data: "list" | "object" = "list"): JsonFields {
  if (answer.type !== "json") throw bad("content-type", "application/json");
  const json = parseJson(answer.body);
  if (json.flag("execution_optimistic"))
    throw new BeaconError("beacon/syncing", "ask the beacon node", {
      facts: { reason: "The node follows the chain without having verified it (optimistic)." },
    });
  // An absent list would read as an empty one, and "no duties" is not what the node said.
  if (data === "list" && !Array.isArray(json.raw("data"))) throw json.failure("data", "a list");
  return json;
}

export function refuseDoubles<T>(items: readonly T[], key: (item: T) => unknown, where: string): void {
  if (new Set(items.map(key)).size !== items.length) throw bad(where, "each one once");
}
