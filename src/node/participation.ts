import type { OperatorIndex, Slot } from "../spec/index.ts";
import type { DutyDigest } from "../telemetry/index.ts";

/** In how many of the duties that the cluster did lately an operator's partial signatures were seen here. */
export interface Participation {
  readonly operator: OperatorIndex;
  readonly signed: number;
  readonly of: number;
}

/** Messages of a duty that is over for us may still be on their way. */
const SETTLED_AFTER_SLOTS = 1;

/** Counts over the duties of slots from `from` on that the cluster signed; those of this and the last slot do not count yet. */
export function participation(
  duties: readonly DutyDigest[],
  operators: readonly OperatorIndex[],
  { from, now }: { readonly from: Slot; readonly now: Slot },
): readonly Participation[] {
  const signed = duties.filter(
    ({ slot, broadcastAt }) => broadcastAt !== undefined && slot >= from && slot < now - SETTLED_AFTER_SLOTS,
  );
  return operators.map((operator) => ({
    operator,
    signed: signed.filter(({ signers }) => signers.includes(operator)).length,
    of: signed.length,
  }));
}
