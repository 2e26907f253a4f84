import { assert, explain, toHex } from "../base/index.ts";
import type { Sender, Submission } from "../ports/index.ts";
import {
  type DutyId,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  operatorOf,
  type phase0,
} from "../spec/index.ts";
import { type SignedCodec, signedCodecOf, signedCodecs } from "./codec/kinds.ts";
import type { DutyContext } from "./context.ts";
import { deskError } from "./desk-error.ts";
import { claimOf, NOT_JUDGED } from "./judge.ts";
import { LIMITS } from "./limits.ts";
import {
  type Motion,
  Motions,
  nameOf,
  type StandingId,
  type StandingKind,
  type StandingPartial,
} from "./motions.ts";
import type { Partial } from "./partial-store.ts";
import { readSubmission } from "./read-submission.ts";
import type { Registration, Registrations } from "./registrations.ts";
import type { Validators } from "./validators.ts";
import { whoseSignature } from "./whose-signature.ts";

export interface StandingContext {
  readonly registrations: Registrations;
  readonly validators: Validators;
}

type StandingSubmission = Submission & { readonly kind: StandingKind };

/**
 * Exits and changes of builder registrations, signed by operators one after the other, perhaps days apart. Each partial
 * signature is verified when it comes and written down before it is passed on; a restarted node sends its own again.
 */
export class Standing {
  readonly #context: DutyContext;
  readonly #more: StandingContext;
  readonly #signal: AbortSignal;
  readonly #motions: Motions;
  /** Partial signatures of a peer that wait to be verified. */
  readonly #waiting = new Map<OperatorIndex, number>();
  #turn: Promise<void> = Promise.resolve();
  /** Motions and peers that were told our part again in this epoch. */
  readonly #repeated = new Set<string>();

  constructor(context: DutyContext, more: StandingContext, signal: AbortSignal) {
    this.#context = context;
    this.#more = more;
    this.#signal = signal;
    this.#motions = new Motions(context);
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
    if (!right) {
      const isPublic = this.#motions.of(id, partial)?.signature !== undefined;
      const whose = await whoseSignature(this.#context, partial, { from, signal, isPublic });
      throw deskError("duty/wrong-share", id, whose);
    }
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
    const { registrations } = this.#more;
    return (
      registrations.feeRecipientOf(groupKey) === toHex(message.feeRecipient) &&
      registrations.of(groupKey)?.message.gasLimit === message.gasLimit
    );
  }

  /**
   * Whether operators sign this very message and we have not. The group signature may have been made of the others'
   * parts, one of them a liar's that it gave to us alone, so that the others still need ours.
   */
  #lacksOurs(id: StandingId, partial: Partial): boolean {
    return this.#motions.of(id, partial)?.partials.has(partial.share) === false;
  }

  /** Partial signatures of a peer. Verified in turn and bit by bit: each costs what a thousand ordinary ones cost together. */
  receive(id: StandingId, from: OperatorIndex, partials: readonly Partial[]): "too-many" | undefined {
    const known = partials.filter(({ groupKey }) => this.#context.publicShares.has(groupKey));
    const isKept = (partial: Partial): boolean =>
      this.#motions.of(id, partial)?.partials.has(partial.share) === true;
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
    await this.#motions.ready();
    // Ours is written though it is known: the disk may have failed when it came first, and its sender is told that it is kept.
    const touched = verified.filter(
      (one) => this.#motions.add(one) || one.partial.share === this.#context.share,
    );
    for (const groupKey of new Set(touched.map(({ partial }) => partial.groupKey)))
      await this.#motions.write(groupKey);
    const motions = touched.flatMap(({ id, partial }) => this.#motions.of(id, partial) ?? []);
    for (const motion of new Set(motions)) await this.#combine(motion);
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
    const motion = this.#motions.of(id, partial);
    const ours = motion?.partials.get(this.#context.share);
    const name = `${peer} ${nameOf(id, partial)}`;
    if (motion === undefined || ours === undefined || this.#repeated.has(name)) return;
    this.#repeated.add(name);
    this.#context.exchange.offerTo(peer, motion.id, [ours], this.#signal);
  }

  /** At the start and once an epoch: what the chain has not seen yet is sent again, to peers and to the beacon node. */
  async onEpoch(): Promise<void> {
    this.#repeated.clear();
    await this.#motions.ready();
    for (const motion of this.#motions.all()) {
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
    this.#motions.forget(motion);
    motion.record.finish(motion.groupKey, "included");
    await this.#motions.write(motion.groupKey);
  }

  async #publish(motion: Motion): Promise<void> {
    const { id, partials, signature } = motion;
    const [partial] = partials.values();
    assert(partial !== undefined && signature !== undefined, "published before it was signed");
    if (id.kind === "exit")
      return this.#sendExit(motion, signedCodecs.exit.decode(partial.data).message, signature);
    const { registration } = signedCodecs[id.kind].decode(partial.data);
    this.#adopt(motion, { message: registration.message, signature });
  }

  #adopt({ groupKey, record }: Motion, registration: Registration): void {
    this.#more.registrations.adopt(groupKey, registration);
    this.#context.log.info("Builder registration changed by the operators", { validator: groupKey });
    record.finish(groupKey, "broadcast");
  }

  async #sendExit(
    { groupKey, record }: Motion,
    message: phase0.VoluntaryExit,
    signature: Uint8Array,
  ): Promise<void> {
    const { beacon, log } = this.#context;
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
    for (const { id, partials, signature } of this.#motions.all()) {
      const partial = partials.get(this.#context.share);
      if (partial !== undefined && signature === undefined) this.#send({ id, partial });
    }
  }

  #send({ id, partial }: StandingPartial): void {
    this.#context.exchange.offer(id, [partial], this.#signal);
  }
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
