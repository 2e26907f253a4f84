import type { Consensus } from "../consensus/index.ts";
import { dutyName, type GroupKey } from "../spec/index.ts";
import type { AgreedKind, UnsignedDataOf } from "./codec/kinds.ts";
import { decodeUnsignedSet } from "./codec/sets.ts";
import type { DutyContext } from "./context.ts";
import type { SlotDuty } from "./slot-duty.ts";

type Proposed = Parameters<Consensus["agree"]>[1];
/** Whether a value that the leader of a round proposes may be voted for. */
export type Opinion = Proposed["acceptable"];

/** What the quorum decided, perhaps without our vote. */
export async function agree<K extends AgreedKind>(
  { consensus, metrics }: DutyContext,
  kind: K,
  duty: SlotDuty<unknown>,
  proposed: Proposed,
  signal: AbortSignal,
): Promise<ReadonlyMap<GroupKey, UnsignedDataOf[K]>> {
  const { value, round } = await consensus.agree(duty.id, proposed, signal);
  metrics.stage(duty.id, "decided");
  duty.record.note("decided", { round });
  return decodeUnsignedSet(kind, value);
}

/** Says why a value is not voted for. */
export function refuse({ log }: DutyContext, { id }: SlotDuty<unknown>, why: string): false {
  log.warn("A proposed value is not acceptable", { duty: dutyName(id), why });
  return false;
}

/** Whether every operator has led in vain: then they know different things, and what they can agree on is better than nothing. */
export function allHaveLed({ cluster }: DutyContext, round: number): boolean {
  return round > cluster.operators.length;
}
