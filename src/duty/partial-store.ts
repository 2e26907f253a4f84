import { hash } from "node:crypto";
import { equalBytes, toHex } from "../base/index.ts";
import type { Cluster } from "../cluster/index.ts";
import type { CombineJob } from "../ports/index.ts";
import {
  type DutyId,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  operatorOf,
  type Root,
  type ShareIndex,
  SYNC_SUBCOMMITTEES,
} from "../spec/index.ts";
import type { EncodedPartial } from "./codec/sets.ts";
import { partName } from "./known-by-slot.ts";
import { LIMITS } from "./limits.ts";

/** A partial signature with the root it claims to sign. */
export interface Partial extends EncodedPartial {
  readonly root: Root;
  /** Which of several things that the validator signs in this duty: a sync subcommittee; else 0. */
  readonly part: number;
}

/** A combination to be made of one part of a validator's duty. */
export interface PartJob extends CombineJob {
  readonly part: number;
}

/** What a threshold of shares has to sign: one part of one validator's duty, by `partName`. */
type Subject = string;

const PARTS: readonly number[] = Array.from({ length: SYNC_SUBCOMMITTEES }, (_, i) => i);

/** Why a partial signature was not kept; `duplicate` is harmless. */
export type NotKept = "duplicate" | "equivocation" | "unknown-validator" | "too-many";

/**
 * What is kept of a share's word once the group signature is there: enough to tell the same again from something else. Two
 * words with one fingerprint (one pair in four billion, or made so on purpose) are taken for one, which then changes nothing.
 */
type Fingerprint = number;

function fingerprintOf(data: Uint8Array): Fingerprint {
  return hash("sha256", data, "buffer").readInt32BE();
}

/** The partial signatures of one duty. */
export class DutyPartials {
  /** Words on what is still to be combined. */
  readonly #bySubject = new Map<Subject, Map<ShareIndex, Partial>>();
  /**
   * Who has signed what is combined. Proofs are kept for two epochs, of hundreds of validators in every slot: whole, they
   * would be hundreds of megabytes.
   */
  readonly #combined = new Map<Subject, Map<ShareIndex, Fingerprint>>();
  readonly #bad = new Map<Subject, Set<ShareIndex>>();
  /** How many good partials the last attempt to combine had; a new attempt needs more. */
  readonly #tried = new Map<Subject, number>();
  /** Who has said anything here. */
  readonly #heard = new Set<ShareIndex>();
  #wake: (() => void) | undefined;

  add(partial: Partial): NotKept | undefined {
    const subject = partName(partial.groupKey, partial.part);
    // The first word of a share counts. A second, different one is not kept, and neither decides anything: the
    // first one is verified when it is combined.
    const said = this.#said(subject, partial);
    if (said !== undefined) return said ? "duplicate" : "equivocation";
    this.#heard.add(partial.share);
    const combined = this.#combined.get(subject);
    if (combined !== undefined) combined.set(partial.share, fingerprintOf(partial.data));
    else {
      const byShare = this.#bySubject.get(subject) ?? new Map<ShareIndex, Partial>();
      this.#bySubject.set(subject, byShare.set(partial.share, partial));
    }
    return undefined;
  }

  /** Whether a share's word on a subject is this one; undefined when it has said nothing. */
  #said(subject: Subject, { share, data }: Pick<Partial, "share" | "data">): boolean | undefined {
    const known = this.#bySubject.get(subject)?.get(share);
    if (known !== undefined) return equalBytes(known.data, data);
    const fingerprint = this.#combined.get(subject)?.get(share);
    return fingerprint === undefined ? undefined : fingerprint === fingerprintOf(data);
  }

  #sharesOf(subject: Subject): ReadonlyMap<ShareIndex, unknown> | undefined {
    return this.#bySubject.get(subject) ?? this.#combined.get(subject);
  }

  /** Whether a share has said exactly this of a validator, of whatever part. */
  repeats(share: ShareIndex, { groupKey, data }: EncodedPartial): boolean {
    if (!this.#heard.has(share)) return false;
    return PARTS.some((part) => this.#said(partName(groupKey, part), { share, data }) === true);
  }

  /** Whether a share's word on this part is here. */
  has(groupKey: GroupKey, part: number, share: ShareIndex): boolean {
    return this.#sharesOf(partName(groupKey, part))?.has(share) ?? false;
  }

  /** Whether the group's signature of this part is there, and so on its way to everybody. */
  isCombined(groupKey: GroupKey, part: number): boolean {
    return this.#combined.has(partName(groupKey, part));
  }

  /** Wakes whoever waits in `changed`. */
  announce(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Settles at the next `announce`, with false when the signal fires first. */
  changed(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(false);
      const onAbort = (): void => resolve(false);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#wake = () => {
        signal.removeEventListener("abort", onAbort);
        resolve(true);
      };
    });
  }

  /** One job for each validator, and part of its duty, of which a threshold of shares, not found bad so far, signed the same root. */
  takeReady(
    cluster: Pick<Cluster, "threshold">,
    publicShares: ReadonlyMap<GroupKey, readonly Uint8Array[]>,
  ): readonly PartJob[] {
    const jobs: PartJob[] = [];
    for (const [subject, byShare] of this.#bySubject) {
      if (byShare.size < cluster.threshold) continue;
      const partials = this.#agreeing(subject);
      const [first] = partials;
      const shares = first && publicShares.get(first.groupKey);
      if (first === undefined || shares === undefined) continue;
      const tried = this.#tried.get(subject) ?? 0;
      if (partials.length < cluster.threshold || partials.length <= tried) continue;
      this.#tried.set(subject, partials.length);
      jobs.push({
        groupKey: first.groupKey,
        part: first.part,
        root: first.root,
        threshold: cluster.threshold,
        partials: partials.map(({ share, signature }) => ({ share, signature })),
        publicShares: shares,
      });
    }
    return jobs;
  }

  /** What was said on a subject by those not found bad so far. */
  #good(subject: Subject): readonly Partial[] {
    const bad = this.#bad.get(subject);
    return [...(this.#bySubject.get(subject)?.values() ?? [])].filter(({ share }) => !bad?.has(share));
  }

  /** The largest set of good partials over one root. */
  #agreeing(subject: Subject): readonly Partial[] {
    const good = this.#good(subject);
    const [first] = good;
    if (first === undefined || good.every(({ root }) => equalBytes(root, first.root))) return good;
    const byRoot = Map.groupBy(good, ({ root }) => toHex(root));
    return [...byRoot.values()].toSorted((a, b) => b.length - a.length)[0] ?? [];
  }

  /** What was signed under `root`, as `preferred` sent it when it did; more may have signed something else meanwhile. */
  dataOf({ groupKey, part, root }: PartJob, preferred: ShareIndex): Uint8Array | undefined {
    const same = this.#good(partName(groupKey, part)).filter((partial) => equalBytes(partial.root, root));
    return (same.find(({ share }) => share === preferred) ?? same[0])?.data;
  }

  /** Its group signature is there; from now on only who signed is kept. */
  combined({ groupKey, part }: PartJob): void {
    const subject = partName(groupKey, part);
    const byShare = [...(this.#bySubject.get(subject) ?? [])];
    this.#combined.set(subject, new Map(byShare.map(([share, { data }]) => [share, fingerprintOf(data)])));
    this.#bySubject.delete(subject);
    this.#tried.delete(subject);
  }

  markBad({ groupKey, part }: PartJob, share: ShareIndex): void {
    const subject = partName(groupKey, part);
    const bad = this.#bad.get(subject) ?? new Set();
    this.#bad.set(subject, bad.add(share));
    this.#tried.delete(subject);
  }

  hasBad(groupKey: GroupKey): boolean {
    return PARTS.some((part) => (this.#bad.get(partName(groupKey, part))?.size ?? 0) > 0);
  }

  /** Operators that sent a partial signature for any validator. */
  get everyone(): ReadonlySet<OperatorIndex> {
    return new Set([...this.#heard].map(operatorOf));
  }

  /** Operators that sent a partial signature for this validator, for whatever part. */
  signers(groupKey: GroupKey): readonly OperatorIndex[] {
    const shares = PARTS.flatMap((part) => [...(this.#sharesOf(partName(groupKey, part))?.keys() ?? [])]);
    return [...new Set(shares)].map(operatorOf);
  }
}

/** Partial signatures of all duties until their deadline, those included that come before we know the duty. */
export class PartialStore {
  readonly #duties = new Map<string, DutyPartials>();
  readonly #used = new Map<ShareIndex, { readonly dutyBytes: Map<string, number>; bytes: number }>();
  readonly #known: ReadonlySet<GroupKey>;

  constructor(groupKeys: Iterable<GroupKey>) {
    this.#known = new Set(groupKeys);
  }

  of(duty: DutyId): DutyPartials {
    const name = dutyName(duty);
    const known = this.#duties.get(name);
    if (known !== undefined) return known;
    const made = new DutyPartials();
    this.#duties.set(name, made);
    return made;
  }

  /** The same to look at: keeps nothing for a duty that is over, whose work may end after it was forgotten. */
  peek(duty: DutyId): DutyPartials {
    return this.#duties.get(dutyName(duty)) ?? new DutyPartials();
  }

  /** Of each of what a share sent: why it need not even be decoded, if it need not. */
  spare(
    duty: DutyId,
    share: ShareIndex,
    partials: readonly EncodedPartial[],
  ): readonly ("unknown-validator" | "duplicate" | undefined)[] {
    const known = this.peek(duty);
    return partials.map((partial) => {
      if (!this.#known.has(partial.groupKey)) return "unknown-validator";
      return known.repeats(share, partial) ? "duplicate" : undefined;
    });
  }

  /** Keeps what is new, all of one share. @returns Why each of the others was not kept. */
  add(duty: DutyId, share: ShareIndex, partials: readonly Partial[]): readonly NotKept[] {
    const name = dutyName(duty);
    const used = this.#used.get(share) ?? { dutyBytes: new Map<string, number>(), bytes: 0 };
    this.#used.set(share, used);
    const refused: NotKept[] = [];
    const store = this.of(duty);
    for (const partial of partials) {
      const before = used.dutyBytes.get(name);
      const tooMany =
        (before === undefined && used.dutyBytes.size >= LIMITS.dutiesPerPeerMax) ||
        used.bytes + partial.data.length > LIMITS.bytesPerPeerMax;
      const why = !this.#known.has(partial.groupKey)
        ? "unknown-validator"
        : tooMany
          ? "too-many"
          : store.add(partial);
      if (why !== undefined) {
        refused.push(why);
        continue;
      }
      used.dutyBytes.set(name, (before ?? 0) + partial.data.length);
      used.bytes += partial.data.length;
    }
    store.announce();
    return refused;
  }

  /** Forgets a duty; called at its deadline. */
  forget(duty: DutyId): void {
    const name = dutyName(duty);
    this.#duties.delete(name);
    for (const used of this.#used.values()) {
      used.bytes -= used.dutyBytes.get(name) ?? 0;
      used.dutyBytes.delete(name);
    }
  }

  get dutyCount(): number {
    return this.#duties.size;
  }
}
