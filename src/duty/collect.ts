import { dutyName, type GroupKey, operatorOf, type Root } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
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
 * Combines partial signatures as they come, all validators that a message completes in one batch, until every
 * validator of the duty has its signature (`expected` of them, where one signs several) or the signal fires. Does not ask whether we decided ourselves: a verified
 * group signature proves that a threshold of operators did.
 */
export async function* collect(
  context: DutyContext,
  duty: SlotDuty<unknown>,
  signal: AbortSignal,
  expected: number = duty.validators.size,
): AsyncGenerator<readonly GroupSigned[]> {
  const { clock, cluster, publicShares, bls, store, share, metrics } = context;
  const partials = store.of(duty.id);
  const blamed = new Set<number>();
  let open = expected;
  while (open > 0) {
    const jobs = partials.takeReady(cluster, publicShares);
    if (jobs.length === 0) {
      if (!(await partials.changed(signal))) return;
      continue;
    }
    const startedAt = clock.now();
    const results = await bls.combine(jobs);
    const signed: GroupSigned[] = [];
    for (const [i, job] of jobs.entries()) {
      const { groupKey, root, part } = job;
      const { signature, guilty } = results[i] ?? { signature: undefined, guilty: [] };
      for (const liar of guilty) {
        partials.markBad(job, liar);
        blame(context, duty, operatorOf(liar), blamed);
      }
      const data = partials.dataOf(job, share);
      if (signature === undefined || data === undefined) continue;
      partials.combined(job);
      signed.push({ groupKey, root, part, signature, data });
      if (duty.validators.has(groupKey)) open--;
    }
    if (signed.length === 0) continue;
    metrics.aggregation(duty.id, (clock.now() - startedAt) / 1000);
    metrics.stage(duty.id, "aggregated");
    duty.record.note("aggregated", { validators: signed.length });
    yield signed;
  }
}

/** Counts every bad partial signature, and says it once per duty and peer. */
function blame(context: DutyContext, duty: SlotDuty<unknown>, peer: number, blamed: Set<number>): void {
  context.metrics.badPartial(duty.id, peer);
  if (blamed.has(peer)) return;
  blamed.add(peer);
  context.log.warn("Partial signature is not one of its share", { duty: dutyName(duty.id), peer });
}
