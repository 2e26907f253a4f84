import { dutyName, type GroupKey, operatorOf, type Root } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { DutyPartials, PartJob } from "./partial-store.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** A validator's group signature, verified against its group key (S3), and what it signs. */
export interface GroupSigned {
  readonly groupKey: GroupKey;
  readonly root: Root;
  /** Which of several things that the validator signs in this duty: a sync subcommittee; else 0. */
  readonly part: number;
  readonly signature: Uint8Array;
  /** What was signed, as one of the operators sent it: its root is `root`, its signature is only partial. */
  readonly data: Uint8Array;
}

/**
 * Combines partial signatures as they come, all validators that a message completes in one batch, until every validator of the
 * duty has its signatures or the signal fires. Does not ask whether we decided ourselves: a verified group signature proves
 * that a threshold of operators did.
 *
 * @param expected - Whose signatures are waited for, a validator as often as it signs.
 */
export async function* collect(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  signal: AbortSignal,
  expected: Iterable<GroupKey> = duty.validators.keys(),
): AsyncGenerator<readonly GroupSigned[]> {
  const { cluster, publicShares, store } = context;
  const partials = store.of(duty.id);
  const blamed = new Set<number>();
  const open = new Map<GroupKey, number>();
  for (const groupKey of expected) open.set(groupKey, (open.get(groupKey) ?? 0) + 1);
  while (open.size > 0) {
    const jobs = partials.takeReady(cluster, publicShares);
    if (jobs.length === 0) {
      if (!(await partials.changed(signal))) return;
      continue;
    }
    const signed = await combine(context, duty, { partials, jobs, blamed });
    for (const { groupKey } of signed) {
      const left = (open.get(groupKey) ?? 0) - 1;
      if (left > 0) open.set(groupKey, left);
      else open.delete(groupKey);
    }
    if (signed.length > 0) yield signed;
  }
}

/** Whoever is guilty of a signature that does not verify is left out from now on. */
async function combine(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  {
    partials,
    jobs,
    blamed,
  }: {
    readonly partials: DutyPartials;
    readonly jobs: readonly PartJob[];
    readonly blamed: Set<number>;
  },
): Promise<readonly GroupSigned[]> {
  const { clock, bls, share, metrics } = context;
  const startedAt = clock.now();
  const results = await bls.combine(jobs);
  const signed = jobs.flatMap((job, i): GroupSigned[] => {
    const { groupKey, root, part } = job;
    const { signature, guilty } = results[i] ?? { signature: undefined, guilty: [] };
    for (const liar of guilty) {
      partials.markBad(job, liar);
      blame(context, duty, operatorOf(liar), blamed);
    }
    const data = partials.dataOf(job, share);
    if (signature === undefined || data === undefined) return [];
    partials.combined(job);
    return [{ groupKey, root, part, signature, data }];
  });
  if (signed.length === 0) return [];
  metrics.aggregation(duty.id, (clock.now() - startedAt) / 1000);
  metrics.stage(duty.id, "aggregated");
  duty.record.note("aggregated", { validators: signed.length });
  return signed;
}

/** Counts every bad partial signature, and says it once per duty and peer. */
function blame(context: DutyContext, duty: SlotDuty<unknown>, peer: number, blamed: Set<number>): void {
  context.metrics.badPartial(duty.id, peer);
  if (blamed.has(peer)) return;
  blamed.add(peer);
  context.log.warn("Partial signature is not one of its share", { duty: dutyName(duty.id), peer });
}
