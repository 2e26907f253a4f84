import { fromHex } from "../base/index.ts";
import { isSignature, type SignatureSet, verifyEach } from "./bls.ts";
import { cheapestPartials, combineUnverified } from "./threshold.ts";

/** See `CombineJob` in ports/bls.ts: partial signatures of one validator over one root. */
export interface SlotJob {
  readonly groupKey: string;
  readonly root: Uint8Array;
  readonly threshold: number;
  readonly partials: readonly { readonly share: number; readonly signature: Uint8Array }[];
  readonly publicShares: readonly Uint8Array[];
}

export interface SlotResult<Share extends number = number> {
  readonly signature: Uint8Array | undefined;
  readonly guilty: readonly Share[];
}

/**
 * Combines the partial signatures of a slot and verifies the results together (design: verify late and together). Only
 * where a result is wrong are its partials checked against the public shares; the bad ones are blamed and the rest is
 * combined again. A signature that comes out is a signature of the group key over the root (S3). Never throws.
 */
export function combineSlot(jobs: readonly SlotJob[]): SlotResult[] {
  const results: SlotResult[] = jobs.map(() => ({ signature: undefined, guilty: [] }));
  const combined = jobs.map((job) => combineOptimistically(job));
  const checked: { readonly at: number; readonly set: SignatureSet }[] = [];
  for (const [at, signature] of combined.entries()) {
    const job = jobs[at] as SlotJob;
    if (signature !== undefined)
      checked.push({ at, set: { publicKey: fromHex(job.groupKey), root: job.root, signature } });
  }
  const verdicts = verifyEach(checked.map(({ set }) => set));
  const good = new Set(checked.filter((_, i) => verdicts[i]).map(({ at }) => at));
  for (const [at, job] of jobs.entries()) {
    results[at] = good.has(at) ? { signature: combined[at], guilty: [] } : combineWithoutGuilty(job);
  }
  return results;
}

function distinct(job: SlotJob): { index: number; signature: Uint8Array }[] {
  const byShare = new Map<number, Uint8Array>();
  for (const { share, signature } of job.partials) {
    const exists = Number.isInteger(share) && share >= 1 && share <= job.publicShares.length;
    if (exists && !byShare.has(share)) byShare.set(share, signature);
  }
  return [...byShare].map(([index, signature]) => ({ index, signature }));
}

function combineOptimistically(job: SlotJob): Uint8Array | undefined {
  const partials = distinct(job);
  if (partials.length < job.threshold) return undefined;
  try {
    return combineUnverified(cheapestPartials(partials, job.threshold));
  } catch {
    return undefined;
  }
}

function combineWithoutGuilty(job: SlotJob): SlotResult {
  const partials = distinct(job);
  const verdicts = verifyEach(
    partials.map(({ index, signature }) => ({
      publicKey: job.publicShares[index - 1] as Uint8Array,
      root: job.root,
      signature,
    })),
  );
  const guilty = partials
    .filter(({ signature }, i) => !verdicts[i] || !isSignature(signature))
    .map(({ index }) => index);
  const strangers = job.partials
    .map(({ share }) => share)
    .filter((share) => !partials.some(({ index }) => index === share));
  const honest = partials.filter(({ index }) => !guilty.includes(index));
  const blamed = [...new Set([...guilty, ...strangers])];
  if (honest.length < job.threshold) return { signature: undefined, guilty: blamed };
  const signature = combineUnverified(cheapestPartials(honest, job.threshold));
  // The public shares of the lock could themselves be wrong: nothing leaves unverified.
  const right = verifyEach([{ publicKey: fromHex(job.groupKey), root: job.root, signature }])[0];
  return { signature: right ? signature : undefined, guilty: blamed };
}
