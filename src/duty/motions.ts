import { toHex } from "../base/index.ts";
import { type DutyId, type GroupKey, operatorOf, type ShareIndex } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { DutyRecord } from "./duty-record.ts";
import { LIMITS } from "./limits.ts";
import type { Partial } from "./partial-store.ts";
import { decodeStandingNote, encodeStandingNote } from "./standing-note.ts";

/** Kinds without a deadline: their partial signatures are kept, on disk, until a threshold of operators has signed. */
export type StandingKind = "exit" | "builder-registration";
export type StandingId = DutyId & { readonly kind: StandingKind };

export function isStanding(id: DutyId): id is StandingId {
  return id.kind === "exit" || id.kind === "builder-registration";
}

/** A partial signature that stands for as long as it takes. */
export interface StandingPartial {
  readonly id: StandingId;
  readonly partial: Partial;
}

/** Everybody's partial signatures of one message. */
export interface Motion {
  readonly id: StandingId;
  readonly groupKey: GroupKey;
  readonly root: Uint8Array;
  readonly partials: Map<ShareIndex, Partial>;
  readonly record: DutyRecord;
  /** The group signature, once there. */
  signature: Uint8Array | undefined;
}

const NOTE_PREFIX = "standing/";

/** What operators have signed so far, in memory and as one note on disk for each validator. */
export class Motions {
  readonly #context: DutyContext;
  readonly #byName = new Map<string, Motion>();
  #loading: Promise<void> | undefined;

  constructor(context: DutyContext) {
    this.#context = context;
  }

  /**
   * Takes up what an earlier life of this node had written down. Whatever comes waits for it: a note is written whole, so
   * one that was not read yet would lose what it had.
   *
   * @throws StorageError - asked again the next time.
   */
  ready(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { notes, publicShares, chain } = this.#context;
    for (const key of await notes.noteKeys(NOTE_PREFIX)) {
      const note = await notes.readNote(key);
      const groupKey = key.slice(NOTE_PREFIX.length) as GroupKey;
      if (note === undefined || !publicShares.has(groupKey)) continue;
      for (const one of decodeStandingNote(note, groupKey, chain)) this.add(one);
    }
  }

  all(): Iterable<Motion> {
    return this.#byName.values();
  }

  /** The motion that a partial signature belongs to. */
  of(id: StandingId, partial: Partial): Motion | undefined {
    return this.#byName.get(nameOf(id, partial));
  }

  /** @returns Whether it was new. */
  add({ id, partial }: StandingPartial): boolean {
    const { groupKey, root, share } = partial;
    let motion = this.of(id, partial);
    if (motion?.partials.has(share)) return false;
    if (motion === undefined) {
      this.#forgetOldest(id.kind, groupKey, share);
      const record = this.#context.recordOf(id, [groupKey]);
      motion = { id, groupKey, root, partials: new Map(), record, signature: undefined };
      this.#byName.set(nameOf(id, partial), motion);
    }
    motion.partials.set(share, partial);
    const stage = share === this.#context.share ? "signed" : "partial-received";
    motion.record.note(stage, { from: operatorOf(share) });
    return true;
  }

  /** A share that signs one exit after the other displaces its own, not those of others. */
  #forgetOldest(kind: StandingKind, groupKey: GroupKey, share: ShareIndex): void {
    const ofShare = [...this.all()].filter(
      (motion) => motion.id.kind === kind && motion.groupKey === groupKey && motion.partials.has(share),
    );
    const [oldest] = ofShare;
    if (oldest === undefined || ofShare.length < LIMITS.standingPerShareMax) return;
    oldest.partials.delete(share);
    if (oldest.partials.size === 0) this.forget(oldest);
  }

  forget({ id, ...motion }: Motion): void {
    this.#byName.delete(nameOf(id, motion));
  }

  /** What was signed for a validator is on disk when it settles. */
  write(groupKey: GroupKey): Promise<void> {
    const note = [...this.all()]
      .filter((motion) => motion.groupKey === groupKey)
      .flatMap(({ id, partials }) => [...partials.values()].map((partial) => ({ id, partial })));
    return this.#context.notes.writeNote(
      NOTE_PREFIX + groupKey,
      note.length === 0 ? undefined : encodeStandingNote(note),
    );
  }
}

export function nameOf({ kind }: StandingId, { groupKey, root }: Pick<Motion, "groupKey" | "root">): string {
  return `${kind}/${groupKey}/${toHex(root)}`;
}
