import { assert } from "../base/index.ts";
import type { Slot } from "./units.ts";

/** Every kind of duty with the number and the name that it has on Charon's wire. The numbers never change. */
const KINDS = {
  proposer: { wire: 1, charon: "proposer" },
  attester: { wire: 2, charon: "attester" },
  signature: { wire: 3, charon: "signature" },
  exit: { wire: 4, charon: "exit" },
  "builder-registration": { wire: 6, charon: "builder_registration" },
  randao: { wire: 7, charon: "randao" },
  "prepare-aggregator": { wire: 8, charon: "prepare_aggregator" },
  aggregator: { wire: 9, charon: "aggregator" },
  "sync-message": { wire: 10, charon: "sync_message" },
  "prepare-sync-contribution": { wire: 11, charon: "prepare_sync_contribution" },
  "sync-contribution": { wire: 12, charon: "sync_contribution" },
  "info-sync": { wire: 13, charon: "info_sync" },
} as const;

/** One task of the cluster in one slot. */
export type DutyKind = keyof typeof KINDS;
export const dutyKinds: readonly DutyKind[] = Object.keys(KINDS) as DutyKind[];

/** Names a duty everywhere: in consensus, on the wire, in logs, traces and metrics. */
export interface DutyId {
  readonly slot: Slot;
  readonly kind: DutyKind;
}

/** "<slot>/<kind>": the duty's name for people and for map keys. */
export function dutyName(duty: DutyId): string {
  return `${duty.slot}/${duty.kind}`;
}

/** The number of a duty kind on Charon's wire (core/types.go). */
export function dutyWireNumber(kind: DutyKind): number {
  return KINDS[kind].wire;
}

/** The kind's name in Charon's logs and metric labels. */
export function dutyMetricName(kind: DutyKind): string {
  return KINDS[kind].charon;
}

const byWire = new Map<number, DutyKind>(dutyKinds.map((kind) => [KINDS[kind].wire, kind]));
assert(byWire.size === dutyKinds.length, "two duty kinds with one number");

/** The kind of a number received from a peer; undefined for one that nobody uses. */
export function dutyKindOfWire(number: number): DutyKind | undefined {
  return byWire.get(number);
}
