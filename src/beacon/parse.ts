import { JsonFields } from "../base/index.ts";
import type { AttesterDuty, ProposerDuty, ValidatorRecord } from "../ports/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { BeaconError } from "./errors.ts";

export function bad(where: string, wanted: string): BeaconError {
  return new BeaconError("beacon/bad-answer", "read the beacon node's answer", { facts: { where, wanted } });
}

/** @throws BeaconError `beacon/bad-answer` */
export function parseJson(body: Uint8Array): JsonFields {
  return JsonFields.parse(new TextDecoder().decode(body), "answer", bad);
}

/** More validators or duties than exist anywhere. */
export const LIST_MAX = 2_000_000;

export function validatorRecord(item: JsonFields): ValidatorRecord {
  return {
    index: item.quoted("index"),
    status: item.text("status"),
    pubkey: item.object("validator").hex("pubkey", 48) as GroupKey,
  };
}

export function attesterDuty(item: JsonFields): AttesterDuty {
  return {
    pubkey: item.hex("pubkey", 48) as GroupKey,
    validatorIndex: item.quoted("validator_index"),
    slot: item.quoted("slot"),
    committeeIndex: item.quoted("committee_index"),
    committeeLength: item.quoted("committee_length"),
    committeesAtSlot: item.quoted("committees_at_slot"),
    validatorCommitteeIndex: item.quoted("validator_committee_index"),
  };
}

export function proposerDuty(item: JsonFields): ProposerDuty {
  return {
    pubkey: item.hex("pubkey", 48) as GroupKey,
    validatorIndex: item.quoted("validator_index"),
    slot: item.quoted("slot"),
  };
}
