import { assert, explain, toHex } from "../base/index.ts";
import type { Sender, Submission } from "../ports/index.ts";
import {
  type DutyId,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  operatorOf,
  type ShareIndex,
} from "../spec/index.ts";
import { type SignedCodec, signedCodecOf, signedCodecs } from "./codec/kinds.ts";
import type { DutyContext } from "./context.ts";
import { deskError } from "./desk-error.ts";
import type { DutyRecord } from "./duty-record.ts";
import { claimOf, NOT_JUDGED } from "./judge.ts";
import { LIMITS } from "./limits.ts";
import type { Partial } from "./partial-store.ts";
import { readSubmission } from "./read-submission.ts";
import type { Registrations } from "./registrations.ts";
import { decodeStandingNote, encodeStandingNote } from "./standing-note.ts";
import type { Validators } from "./validators.ts";
import { whoseSignature } from "./whose-signature.ts";

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
interface Motion {
  readonly id: StandingId;
  readonly groupKey: GroupKey;
  readonly root: Uint8Array;
  readonly partials: Map<ShareIndex, Partial>;
  readonly record: DutyRecord;
  /** The group signature, once there. */
  signature: Uint8Array | undefined;
}

export interface StandingContext {
  readonly registrations: Registrations;
  readonly validators: Validators;
}

const NOTE_PREFIX = "standing/";
type StandingSubmission = Submission & { readonly kind: StandingKind };

/**
 * Exits and changes of builder registrations, signed by operators one after the other, perhaps days apart. Each partial
 * signature is verified when it comes and written down before it is passed on; a restarted node sends its own again.
 */
export class Standing {
  readonly #context: DutyContext;
  readonly #more: StandingContext;
  readonly #signal: AbortSignal;
  readonly #motions = new Map<string, Motion>();
  /** Partial signatures of a peer that wait to be verified. */
  readonly #waiting = new Map<OperatorIndex, number>();
  #turn: Promise<void> = Promise.resolve();
  #loading: Promise<void> | undefined;
  /** Motions and peers that were told our part again in this epoch. */
  readonly #repeated = new Set<string>();

  constructor(context: DutyContext, more: StandingContext, signal: AbortSignal) {
    this.#context = context;
    this.#more = more;
    this.#signal = signal;
  }

  /**
   * Takes up what an earlier life of this node had written down. Whatever comes waits for it: a note is written whole, so
   * one that was not read yet would lose what it had.
   *
   * @throws StorageError - asked again the next time.
   */
  #ready(): Promise<void> {
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
      for (const one of decodeStandingNote(note, groupKey, chain)) this.#add(one);
    }
  }

  /**
   * A signature by the validator client.
   *
   * @throws DeskError
   */
  async submit(item: StandingSubmission, signal: AbortSignal, from: Sender): Promise<void> {
    const { groupKey } = item;
    const { share, publicShares, chain, judge } = this.#context;
    if (!publicShares.has(groupKey)) throw deskError("duty/not-ours");
    if (item.kind === "exit") this.#requireOwnIndex(item);
    const id = { slot: item.slot, kind: item.kind };
    const { root, signature, part } = readSubmission(item, chain);
    const partial = { groupKey, share, part, root, signature, data: encodeSigned(item) };
    if (item.kind === "builder-registration" && this.#saysNothingNew(item) && !this.#lacksOurs(id, partial))
      return;
    const [right] = await judge.verify([claimOf(this.#context, partial)], from, signal);
    if (right === undefined) throw deskError("duty/unavailable", id, NOT_JUDGED);
    if (!right)
      throw deskError("duty/wrong-share", id, await whoseSignature(this.#context, partial, { from, signal }));
    signal.throwIfAborted();
    await this.#keep([{ id, partial }]);
    this.#send({ id, partial });
  }

  #requireOwnIndex({ slot, groupKey, signed }: Submission & { readonly kind: "exit" }): void {
    const validator = this.#more.validators.of(groupKey);
    const id: DutyId = { slot, kind: "exit" };
    if (validator === undefined) throw deskError("duty/not-known-yet", id);
    if (validator.index !== signed.message.validatorIndex) throw deskError("duty/not-ours", id);
  }

  /** Clients register at their own time, every epoch; what the cluster has registered already needs no new signature. */
  #saysNothingNew({
    groupKey,
    signed: { message },
  }: Submission & { readonly kind: "builder-registration" }): boolean {
    const current = this.#more.registrations.of(groupKey)?.message;
    return (
      current !== undefined &&
      toHex(current.feeRecipient) === toHex(message.feeRecipient) &&
      current.gasLimit === message.gasLimit
    );
  }

  /**
   * Whether operators sign this very message and we have not. The group signature may have been made of the others'
   * parts, one of them a liar's that it gave to us alone, so that the others still need ours.
   */
  #lacksOurs(id: StandingId, partial: Partial): boolean {
    return this.#motions.get(nameOf(id, partial))?.partials.has(partial.share) === false;
  }

  /** Partial signatures of a peer. Verified in turn and bit by bit: each costs what a thousand ordinary ones cost together. */
  receive(id: StandingId, from: OperatorIndex, partials: readonly Partial[]): "too-many" | undefined {
    const known = partials.filter(({ groupKey }) => this.#context.publicShares.has(groupKey));
    const isKept = (partial: Partial): boolean =>
      this.#motions.get(nameOf(id, partial))?.partials.has(partial.share) === true;
    const fresh = known.filter((partial) => !isKept(partial));
    for (const partial of known.filter(isKept)) this.#repeatTo(from, id, partial);
    const waiting = (this.#waiting.get(from) ?? 0) + fresh.length;
    if (waiting > LIMITS.standingWaitingMax) return "too-many";
    this.#waiting.set(from, waiting);
    this.#turn = this.#turn
      .then(() => this.#takeInTurn(id, fresh))
      .catch((error: unknown) => {
        const { log } = this.#context;
        if (!this.#signal.aborted)
          log.warn("Standing signatures not kept", { duty: dutyName(id), why: explain(error) });
      })
      .finally(() => this.#waiting.set(from, (this.#waiting.get(from) ?? 0) - fresh.length));
    return undefined;
  }

  async #takeInTurn(id: StandingId, partials: readonly Partial[]): Promise<void> {
    for (let done = 0; done < partials.length && !this.#signal.aborted; done += LIMITS.standingPerTurn) {
      const some = partials
        .slice(done, done + LIMITS.standingPerTurn)
        .map((partial) => ({ ...partial, data: inOurWords(id, partial.data) }));
      const right = await this.#context.bls.verify(some.map((partial) => claimOf(this.#context, partial)));
      const wrong = some.find((_, i) => !right[i]);
      if (wrong !== undefined) {
        this.#context.metrics.badPartial(id, operatorOf(wrong.share));
        this.#context.log.warn("Partial signature is not one of its share", {
          duty: dutyName(id),
          peer: operatorOf(wrong.share),
        });
      }
      await this.#keep(some.filter((_, i) => right[i]).map((partial) => ({ id, partial })));
    }
  }

  /** On disk when it settles, and combined where it completes a threshold. */
  async #keep(verified: readonly StandingPartial[]): Promise<void> {
    await this.#ready();
    // Ours is written though it is known: the disk may have failed when it came first, and its sender is told that it is kept.
    const touched = verified.filter(
      (one) => this.#add(one) !== undefined || one.partial.share === this.#context.share,
    );
    for (const groupKey of new Set(touched.map(({ partial }) => partial.groupKey)))
      await this.#write(groupKey);
    const motions = touched.flatMap(({ id, partial }) => this.#motions.get(nameOf(id, partial)) ?? []);
    for (const motion of new Set(motions)) await this.#combine(motion);
  }

  /** @returns The motion when this was new to it. */
  #add({ id, partial }: StandingPartial): Motion | undefined {
    const name = nameOf(id, partial);
    const { groupKey, root, share } = partial;
    let motion = this.#motions.get(name);
    if (motion?.partials.has(share)) return undefined;
    if (motion === undefined) {
      this.#forgetOldest(id.kind, groupKey, share);
      const record = this.#context.recordOf(id, [groupKey]);
      motion = { id, groupKey, root, partials: new Map(), record, signature: undefined };
      this.#motions.set(name, motion);
    }
    motion.partials.set(share, partial);
    motion.record.note(share === this.#context.share ? "signed" : "partial-received", {
      from: operatorOf(share),
    });
    return motion;
  }

  /** A share that signs one exit after the other displaces its own, not those of others. */
  #forgetOldest(kind: StandingKind, groupKey: GroupKey, share: ShareIndex): void {
    const ofShare = [...this.#motions].filter(
      ([, motion]) => motion.id.kind === kind && motion.groupKey === groupKey && motion.partials.has(share),
    );
    const [oldest] = ofShare;
    if (oldest === undefined || ofShare.length < LIMITS.standingPerShareMax) return;
    const [name, motion] = oldest;
    motion.partials.delete(share);
    if (motion.partials.size === 0) this.#motions.delete(name);
  }

  #write(groupKey: GroupKey): Promise<void> {
    const all = [...this.#motions.values()].filter((motion) => motion.groupKey === groupKey);
    const note = all.flatMap(({ id, partials }) =>
      [...partials.values()].map((partial) => ({ id, partial })),
    );
    return this.#context.notes.writeNote(
      NOTE_PREFIX + groupKey,
      note.length === 0 ? undefined : encodeStandingNote(note),
    );
  }

  async #combine(motion: Motion): Promise<void> {
    const { bls, cluster, publicShares } = this.#context;
    const { groupKey, root, partials, record } = motion;
    if (motion.signature !== undefined || partials.size < cluster.threshold) return;
    const [result] = await bls.combine([
      {
        groupKey,
        root,
        threshold: cluster.threshold,
        partials: [...partials.values()].map(({ share, signature }) => ({ share, signature })),
        publicShares: publicShares.get(groupKey) ?? [],
      },
    ]);
    if (result?.signature === undefined) return;
    motion.signature = result.signature;
    record.note("aggregated", { validators: 1 });
    record.signed([groupKey]);
    await this.#publish(motion);
  }

  /** Who says again what we know has no group signature yet, and may lack our part: it is told again, once an epoch. */
  #repeatTo(peer: OperatorIndex, id: StandingId, partial: Partial): void {
    const motion = this.#motions.get(nameOf(id, partial));
    const ours = motion?.partials.get(this.#context.share);
    const name = `${peer} ${nameOf(id, partial)}`;
    if (motion === undefined || ours === undefined || this.#repeated.has(name)) return;
    this.#repeated.add(name);
    this.#context.exchange.offerTo(peer, motion.id, [ours], this.#signal);
  }

  /** At the start and once an epoch: what the chain has not seen yet is sent again, to peers and to the beacon node. */
  async onEpoch(): Promise<void> {
    this.#repeated.clear();
    await this.#ready();
    for (const motion of this.#motions.values()) {
      if (motion.id.kind === "exit" && this.#hasLeft(motion.groupKey)) await this.#end(motion);
      else if (motion.signature === undefined) await this.#combine(motion);
      else if (motion.id.kind === "exit") await this.#publish(motion);
    }
    this.#sendOurs();
  }

  #hasLeft(groupKey: GroupKey): boolean {
    return /^(active_exiting|active_slashed|exited|withdrawal)/.test(
      this.#more.validators.of(groupKey)?.status ?? "",
    );
  }

  async #end(motion: Motion): Promise<void> {
    for (const [name, one] of this.#motions) if (one === motion) this.#motions.delete(name);
    motion.record.finish(motion.groupKey, "included");
    await this.#write(motion.groupKey);
  }

  async #publish({ id, groupKey, partials, signature, record }: Motion): Promise<void> {
    const { beacon, log } = this.#context;
    const [partial] = partials.values();
    assert(partial !== undefined && signature !== undefined, "published before it was signed");
    if (id.kind === "builder-registration") {
      const { registration } = signedCodecs[id.kind].decode(partial.data);
      this.#more.registrations.adopt(groupKey, { message: registration.message, signature });
      log.info("Builder registration changed by the operators", { validator: groupKey });
      return record.finish(groupKey, "broadcast");
    }
    const { message } = signedCodecs.exit.decode(partial.data);
    try {
      await beacon.publishExit({ message, signature }, this.#signal);
    } catch (error) {
      log.warn("Voluntary exit not taken; it is sent again next epoch", {
        validator: groupKey,
        why: explain(error),
      });
      return record.blame("broadcast-failed");
    }
    log.info("Voluntary exit sent", { validator: groupKey, epoch: message.epoch });
    record.broadcast([groupKey]);
    record.note("broadcast", { validators: 1 });
    record.finish(groupKey, "broadcast");
  }

  /** Ours that are no group signature yet; a peer that has one already counts it as a duplicate. */
  #sendOurs(): void {
    for (const { id, partials, signature } of this.#motions.values()) {
      const partial = partials.get(this.#context.share);
      if (partial !== undefined && signature === undefined) this.#send({ id, partial });
    }
  }

  #send({ id, partial }: StandingPartial): void {
    this.#context.exchange.offer(id, [partial], this.#signal);
  }
}

function nameOf({ kind }: StandingId, { groupKey, root }: Partial): string {
  return `${kind}/${groupKey}/${toHex(root)}`;
}

/** What a peer sent, encoded by us: it stays for days, on disk too, so that what JSON allows beside the value must not. */
function inOurWords({ kind }: StandingId, data: Uint8Array): Uint8Array {
  const codec: SignedCodec<unknown> = signedCodecOf(kind);
  return codec.encode(codec.decode(data));
}

function encodeSigned(item: StandingSubmission): Uint8Array {
  return item.kind === "exit"
    ? signedCodecs.exit.encode(item.signed)
    : signedCodecs["builder-registration"].encode({ version: 0, registration: item.signed });
}
