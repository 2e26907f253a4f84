import { fromHex } from "../base/index.ts";
import type { GroupKey, Root, ShareIndex } from "../spec/index.ts";
import { isSignature, ParsedKeys, type SignatureSet, verify, verifyAll, verifyEach } from "./bls.ts";
import { cheapestPartials, combineUnverified } from "./threshold.ts";

/** Partial signatures of one validator over one root. The same shape as `CombineJob` in ports, which tells more. */
export interface SlotJob {
  readonly groupKey: GroupKey;
  readonly root: Root;
  readonly threshold: number;
  readonly partials: readonly { readonly share: ShareIndex; readonly signature: Uint8Array }[];
  readonly publicShares: readonly Uint8Array[];
}

export interface SlotResult {
  /** 96 bytes, verified against the group key; undefined when too few partials were good. */
  readonly signature: Uint8Array | undefined;
  /** Shares that sent something that is not their signature of the root. Never an honest one. */
  readonly guilty: readonly ShareIndex[];
}

interface Partial {
  readonly index: ShareIndex;
  readonly signature: Uint8Array;
}

/** A job whose signature is still to be found. */
interface OpenJob {
  readonly at: number;
  readonly job: SlotJob;
  /** One per share that exists, in the order of arrival. */
  readonly partials: readonly Partial[];
}

interface Candidate {
  readonly open: OpenJob;
  readonly signature: Uint8Array;
}

/**
 * Combines the partial signatures of a slot and verifies the results together (design: verify late and together).
 *
 * When the batch fails, bisection finds one wrong job, and the public shares tell whose partial was bad. A share that lied
 * once is then avoided in all other jobs that can do without it, and the rest is tried as a batch again. So one lying
 * operator costs about two batches, however many of its partials are bad; those that were never needed are not judged and
 * not blamed. A signature that comes out is a signature of the group key over the root (S3). Never throws for bad input.
 */
export function combineSlot(jobs: readonly SlotJob[], keys: ParsedKeys = new ParsedKeys()): SlotResult[] {
  const signatures = jobs.map((): Uint8Array | undefined => undefined);
  const guilty = jobs.map(() => new Set<ShareIndex>());
  const liars = new Set<ShareIndex>();
  let open = jobs.map((job, at) => openJob(job, at, guilty[at] as Set<ShareIndex>));

  // Each turn settles a job and finds a new liar, or ends.
  while (open.length > 0) {
    const liarsBefore = liars.size;
    const { ready, doubtful } = chooseAndCombine(open, liars, guilty);
    for (const job of doubtful) settleWithCare(job, keys, signatures, guilty, liars);
    if (verifyAll(ready.map(claim), keys)) {
      for (const { open: done, signature } of ready) signatures[done.at] = signature;
      break;
    }
    const { good, wrong, unknown } = findWrong(ready, keys);
    for (const { open: done, signature } of good) signatures[done.at] = signature;
    settleWithCare(wrong, keys, signatures, guilty, liars);
    open = unknown;
    if (liars.size === liarsBefore) {
      // Partials that all fit their public shares make a wrong signature: the lock is inconsistent. No one is to blame.
      for (const job of unknown) settleWithCare(job, keys, signatures, guilty, liars);
      break;
    }
  }
  return jobs.map((_, at) => ({ signature: signatures[at], guilty: [...(guilty[at] as Set<ShareIndex>)] }));
}

/**
 * The signatures of jobs in which everybody was honest, as one batch; undefined as soon as anything is wrong, which
 * `combineSlot` then sorts out. So its time is bounded by the number of jobs, whatever the operators send.
 */
export function combineHonest(jobs: readonly SlotJob[], keys: ParsedKeys): SlotResult[] | undefined {
  const guilty = jobs.map(() => new Set<ShareIndex>());
  const open = jobs.map((job, at) => openJob(job, at, guilty[at] as Set<ShareIndex>));
  const { ready } = chooseAndCombine(open, new Set(), guilty);
  const allGood = ready.length === jobs.length && guilty.every(({ size }) => size === 0);
  if (!allGood || !verifyAll(ready.map(claim), keys)) return undefined;
  return ready.map(({ signature }) => ({ signature, guilty: [] }));
}

/** Sorts out what can be judged without cryptography, and blames it: shares that do not exist, two answers of one share. */
function openJob(job: SlotJob, at: number, guilty: Set<ShareIndex>): OpenJob {
  const byShare = new Map<ShareIndex, Uint8Array>();
  for (const { share, signature } of job.partials) {
    const exists = Number.isInteger(share) && share >= 1 && share <= job.publicShares.length;
    const earlier = byShare.get(share);
    if (!exists || signature.length !== SIGNATURE_BYTES) guilty.add(share);
    else if (earlier === undefined) byShare.set(share, signature);
    // A key has one signature of a root, so of two different ones at least one is bad.
    else if (Buffer.compare(earlier, signature) !== 0) guilty.add(share);
  }
  const partials = [...byShare].map(([index, signature]) => ({ index, signature }));
  // An equivocator's partial comes last: it is used only when nothing else is there.
  return {
    at,
    job,
    partials: partials.toSorted((a, b) => Number(guilty.has(a.index)) - Number(guilty.has(b.index))),
  };
}

const SIGNATURE_BYTES = 96;

/**
 * Partials that are no points of the group are found here: telling costs a twentieth of a verification.
 * `doubtful` are the jobs that cannot do without a liar.
 */
function chooseAndCombine(
  open: readonly OpenJob[],
  liars: Set<ShareIndex>,
  guilty: readonly Set<ShareIndex>[],
): { readonly ready: Candidate[]; readonly doubtful: OpenJob[] } {
  const ready: Candidate[] = [];
  const doubtful: OpenJob[] = [];
  for (const from of open) {
    const { job } = from;
    let rest = from;
    let signature = combineTrusted(rest, liars);
    if (signature === "unreadable") {
      const points = from.partials.filter((partial) => isSignature(partial.signature));
      for (const partial of from.partials) {
        if (points.includes(partial)) continue;
        guilty[from.at]?.add(partial.index);
        liars.add(partial.index);
      }
      rest = { ...from, partials: points };
      signature = combineTrusted(rest, liars);
    }
    if (signature instanceof Uint8Array) ready.push({ open: rest, signature });
    else if (rest.partials.length >= job.threshold) doubtful.push(rest);
  }
  return { ready, doubtful };
}

function combineTrusted(
  { job, partials }: OpenJob,
  liars: ReadonlySet<ShareIndex>,
): Uint8Array | "too few" | "unreadable" {
  const trusted = partials.filter(({ index }) => !liars.has(index));
  if (trusted.length < job.threshold || job.threshold < 1) return "too few";
  try {
    return combineUnverified(cheapestPartials(trusted, job.threshold));
  } catch {
    return "unreadable";
  }
}

function claim({ open, signature }: Candidate): SignatureSet {
  return claimOf(open.job, signature);
}

function claimOf(job: SlotJob, signature: Uint8Array): SignatureSet {
  return { publicKey: groupKeyBytes(job.groupKey), root: job.root, signature };
}

/** No bytes at all, and so never verified, where the text is not a key. */
function groupKeyBytes(groupKey: GroupKey): Uint8Array {
  try {
    return fromHex(groupKey, 48);
  } catch {
    return new Uint8Array(0);
  }
}

/** One wrong candidate of a batch that failed, by bisection: costs about as much as the batch did. */
function findWrong(
  batch: readonly Candidate[],
  keys: ParsedKeys,
): { readonly good: Candidate[]; readonly wrong: OpenJob; readonly unknown: OpenJob[] } {
  const good: Candidate[] = [];
  const unknown: OpenJob[] = [];
  let failing = batch;
  while (failing.length > 1) {
    const middle = failing.length >>> 1;
    const [left, right] = [failing.slice(0, middle), failing.slice(middle)];
    if (verifyAll(left.map(claim), keys)) {
      good.push(...left);
      failing = right;
    } else {
      unknown.push(...right.map(({ open }) => open));
      failing = left;
    }
  }
  return { good, wrong: (failing[0] as Candidate).open, unknown };
}

/**
 * Checks the partials of the job against their public shares, blames the bad ones and combines the rest. Known liars are
 * judged first: where nothing can be made without them, their bad partial ends the matter at the price of one check.
 */
function settleWithCare(
  { at, job, partials }: OpenJob,
  keys: ParsedKeys,
  signatures: (Uint8Array | undefined)[],
  guilty: readonly Set<ShareIndex>[],
  liars: Set<ShareIndex>,
): void {
  if (job.threshold < 1) return;
  const claimOfShare = ({ index, signature }: Partial): SignatureSet => ({
    publicKey: job.publicShares[index - 1] as Uint8Array,
    root: job.root,
    signature,
  });
  const blame = ({ index }: Partial): void => {
    guilty[at]?.add(index);
    liars.add(index);
  };
  const suspects = partials.filter(({ index }) => liars.has(index));
  const exposed = suspects.filter((partial) => !verify(claimOfShare(partial), keys));
  exposed.forEach(blame);
  const rest = partials.filter((partial) => !exposed.includes(partial));
  if (rest.length < job.threshold) return;

  const verdicts = verifyEach(rest.map(claimOfShare), keys);
  rest.filter((_, i) => !verdicts[i]).forEach(blame);
  const honest = rest.filter((_, i) => verdicts[i]);
  if (honest.length < job.threshold) return;
  const signature = combineUnverified(cheapestPartials(honest, job.threshold));
  // The public shares of the lock could themselves be wrong: nothing leaves unverified.
  if (verify(claimOf(job, signature), keys)) signatures[at] = signature;
}
