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
} from "../spec/index.ts";
import type { EncodedPartial } from "./codec/sets.ts";
import { LIMITS } from "./limits.ts";

/** A partial signature with the root it claims to sign. */
export interface Partial extends EncodedPartial {
  readonly root: Root;
}

/** Why a partial signature was not kept; `duplicate` is harmless. */
export type NotKept = "duplicate" | "equivocation" | "unknown-validator" | "too-many";

interface Combination {
  /** How many good partials the last attempt had; a new attempt needs more. */
  tried: number;
  done: boolean;
}

/** The partial signatures of one duty. */
export class DutyPartials {
  readonly #byValidator = new Map<GroupKey, Map<ShareIndex, Partial>>();
  readonly #bad = new Map<GroupKey, Set<ShareIndex>>();
  readonly #combinations = new Map<GroupKey, Combination>();
  #wake: (() => void) | undefined;

  add(partial: Partial): NotKept | undefined {
    const byShare = this.#byValidator.get(partial.groupKey) ?? new Map<ShareIndex, Partial>();
    const known = byShare.get(partial.share);
    // The first word of a share counts. A second, different one is not kept, and neither decides anything: the
    // first one is verified when it is combined.
    if (known !== undefined) return equalBytes(known.data, partial.data) ? "duplicate" : "equivocation";
    byShare.set(partial.share, partial);
    this.#byValidator.set(partial.groupKey, byShare);
    return undefined;
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

  /** One job for each validator of which a threshold of shares, not found bad so far, signed the same root. */
  takeReady(
    cluster: Pick<Cluster, "threshold">,
    publicShares: ReadonlyMap<GroupKey, readonly Uint8Array[]>,
  ): readonly CombineJob[] {
    const jobs: CombineJob[] = [];
    for (const groupKey of this.#byValidator.keys()) {
      const combination = this.#combinations.get(groupKey) ?? { tried: 0, done: false };
      const partials = this.#agreeing(groupKey);
      const [first] = partials;
      const shares = publicShares.get(groupKey);
      if (combination.done || first === undefined || shares === undefined) continue;
      if (partials.length < cluster.threshold || partials.length <= combination.tried) continue;
      this.#combinations.set(groupKey, { tried: partials.length, done: false });
      jobs.push({
        groupKey,
        root: first.root,
        threshold: cluster.threshold,
        partials: partials.map(({ share, signature }) => ({ share, signature })),
        publicShares: shares,
      });
    }
    return jobs;
  }

  /** The largest set of good partials over one root. */
  #agreeing(groupKey: GroupKey): readonly Partial[] {
    const bad = this.#bad.get(groupKey);
    const good = [...(this.#byValidator.get(groupKey)?.values() ?? [])].filter(
      ({ share }) => !bad?.has(share),
    );
    const byRoot = Map.groupBy(good, ({ root }) => toHex(root));
    return [...byRoot.values()].toSorted((a, b) => b.length - a.length)[0] ?? [];
  }

  /** What was signed under `root`, as `preferred` sent it when it did. */
  dataOf(groupKey: GroupKey, root: Root, preferred: ShareIndex): Uint8Array | undefined {
    const partials = this.#agreeing(groupKey).filter((partial) => equalBytes(partial.root, root));
    return (partials.find(({ share }) => share === preferred) ?? partials[0])?.data;
  }

  combined(groupKey: GroupKey): void {
    this.#combinations.set(groupKey, { tried: 0, done: true });
  }

  isCombined(groupKey: GroupKey): boolean {
    return this.#combinations.get(groupKey)?.done ?? false;
  }

  markBad(groupKey: GroupKey, share: ShareIndex): void {
    const bad = this.#bad.get(groupKey) ?? new Set();
    this.#bad.set(groupKey, bad.add(share));
    const combination = this.#combinations.get(groupKey);
    if (combination !== undefined && !combination.done) combination.tried = 0;
  }

  hasBad(groupKey: GroupKey): boolean {
    return (this.#bad.get(groupKey)?.size ?? 0) > 0;
  }

  /** Operators that sent a partial signature for this validator. */
  signers(groupKey: GroupKey): readonly OperatorIndex[] {
    return [...(this.#byValidator.get(groupKey)?.keys() ?? [])].map(operatorOf);
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
