import { AssertionFailed, equalBytes, explain, Turns } from "../base/index.ts";
import {
  type DecidedKind,
  type DecidedOf,
  DeskError,
  type DutyDesk,
  type Selected,
  type Sender,
  type Submission,
} from "../ports/index.ts";
import {
  type altair,
  type DutyId,
  dutyDeadline,
  dutyDue,
  dutyName,
  type GroupKey,
  type Slot,
} from "../spec/index.ts";
import type { UnsignedAttestation } from "./codec/attestation.ts";
import type { SignedAggregateVersioned } from "./codec/kinds.ts";
import type { DutyContext } from "./context.ts";
import { deskError } from "./desk-error.ts";
import { claimOf, NOT_JUDGED } from "./judge.ts";
import type { Known } from "./known.ts";
import { type KnownBySlot, partName } from "./known-by-slot.ts";
import { LIMITS } from "./limits.ts";
import type { DutyOffer, Offer } from "./offers.ts";
import { Outboxes } from "./outboxes.ts";
import type { Partial } from "./partial-store.ts";
import { differenceOf, type Read, readSubmission, sameButForTheHead } from "./read-submission.ts";
import type { Standing } from "./standing.ts";
import { whoseSignature } from "./whose-signature.ts";

export interface DeskContext {
  readonly known: Known;
  readonly standing: Standing;
  /** Whether the validators of a duty are known, and how many have it. */
  readonly members: (id: DutyId) => number | undefined;
  /** Begins a duty ahead of its time, where its kind can be: clients sign selection proofs as soon as they know of them. */
  readonly beginEarly: (id: DutyId) => void;
  readonly hasBegun: (id: DutyId) => boolean;
  /** Fires when nothing may be signed any more. */
  readonly closing: AbortSignal;
}

/** A signature of the client that says what it should, still to be verified. */
interface Claim {
  readonly offer: DutyOffer;
  readonly partial: Partial;
}
/** Who hands items in, until when he waits, and what lies here for each of them. */
interface Handing {
  readonly from: Sender;
  readonly signal: AbortSignal;
  readonly offerOf: (id: DutyId) => Promise<DutyOffer>;
}
/** Taken before, so that nothing is left to do. */
const TAKEN = "taken";

/** What of a signed duty is laid out for the client, by kind. */
const DECIDED: { readonly [K in DecidedKind]: (values: readonly never[]) => DecidedOf[K] } = {
  attester: ([vote]: readonly UnsignedAttestation[]) => vote as DecidedOf["attester"],
  proposer: ([proposal]: readonly DecidedOf["proposer"][]) => proposal as DecidedOf["proposer"],
  aggregator: ([signed]: readonly SignedAggregateVersioned[]) => {
    const { fork, value } = signed as SignedAggregateVersioned;
    return { fork, value: value.message.aggregate };
  },
  "sync-message": ([message]: readonly altair.SyncCommitteeMessage[]) => message as DecidedOf["sync-message"],
  "sync-contribution": (messages: readonly altair.ContributionAndProof[]) =>
    messages.map(({ contribution }) => contribution),
};

/** Where a validator client reads what was decided, and leaves its signatures of exactly that. */
export class Desk implements DutyDesk {
  readonly #context: DutyContext;
  readonly #more: DeskContext;
  readonly #outboxes: Outboxes;
  readonly #turns: Turns<string>;

  constructor(context: DutyContext, more: DeskContext) {
    const { clock } = context;
    this.#turns = new Turns((give) => clock.at(clock.now(), give));
    this.#context = context;
    this.#more = more;
    this.#outboxes = new Outboxes(context);
  }

  async decided<K extends DecidedKind>(
    kind: K,
    slot: Slot,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<GroupKey, DecidedOf[K]>> {
    const id = { slot, kind };
    this.#requireOurs(id);
    const { items } = await this.#inTime(id, signal, (either) => this.#context.offers.wait(id, either));
    const values = Map.groupBy(items.values(), ({ groupKey }) => groupKey);
    return new Map(
      [...values].map(([groupKey, parts]) => [
        groupKey,
        DECIDED[kind](parts.map(({ value }) => value as never)),
      ]),
    );
  }

  combined(items: readonly Selected[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]> {
    const { clock, chain } = this.#context;
    const proofs = items.map((item): Uint8Array | undefined =>
      this.#selectionsOf(item).known(...placeOf(item)),
    );
    const deadlines = items.map((id) => dutyDeadline(chain, id) ?? Number.MAX_SAFE_INTEGER);
    const last = Math.max(...deadlines, clock.now());
    return new Promise((resolve) => {
      const cancels: (() => void)[] = [];
      const end = (): void => {
        for (const cancel of cancels) cancel();
        signal.removeEventListener("abort", end);
        resolve(proofs);
      };
      let open = 0;
      for (const [i, item] of items.entries()) {
        if (proofs[i] !== undefined || (deadlines[i] ?? 0) <= clock.now()) continue;
        open++;
        const take = (proof: Uint8Array): void => {
          proofs[i] = proof;
          if (--open === 0) end();
        };
        cancels.push(this.#selectionsOf(item).watch(...placeOf(item), take));
      }
      if (open === 0 || signal.aborted) return end();
      cancels.push(clock.at(last, end));
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #selectionsOf({ kind }: Selected): KnownBySlot<Uint8Array> {
    const { selections, syncSelections } = this.#more.known;
    return kind === "prepare-aggregator" ? selections : syncSelections;
  }

  async submit(
    items: readonly Submission[],
    signal: AbortSignal,
    from: Sender = { address: "" },
  ): Promise<readonly (DeskError | undefined)[]> {
    const of: Handing = { from, signal, offerOf: this.#offersFor(signal) };
    const claims = await this.#claims(items, of);
    return this.#taken(claims, of).catch((error: unknown) => claims.map(() => asDeskError(error)));
  }

  /** Bit by bit, since thousands of them are hashed. */
  async #claims(
    items: readonly Submission[],
    of: Handing,
  ): Promise<readonly (Claim | DeskError | typeof TAKEN)[]> {
    const all: Promise<readonly (Claim | DeskError | typeof TAKEN)[]>[] = [];
    for (let at = 0; at < items.length; at += LIMITS.partialsPerTurn) {
      if (at > 0) await this.#turns.next(of.from.address);
      const some = items.slice(at, at + LIMITS.partialsPerTurn);
      const claims = Promise.all(some.map((item) => this.#claim(item, of).catch(asDeskError)));
      claims.catch(() => {}); // Heard below.
      all.push(claims);
    }
    return (await Promise.all(all)).flat();
  }

  /** What the client says it signed, compared with what lies here for it. Nothing has been verified yet. */
  async #claim(item: Submission, { from, signal, offerOf }: Handing): Promise<Claim | typeof TAKEN> {
    if (item.kind === "exit" || item.kind === "builder-registration") {
      await this.#more.standing.submit(item, signal, from);
      return TAKEN;
    }
    const id: DutyId = { slot: item.slot, kind: item.kind };
    this.#requireOurs(id);
    const read = readSubmission(item, this.#context.chain);
    const offer = await offerOf(id);
    const own = offer.items.get(partName(item.groupKey, read.part));
    if (own === undefined) throw withheld(offer, item.groupKey);
    // A share's first word counts; the same one may come again.
    if (this.#context.store.peek(id).has(item.groupKey, read.part, this.#context.share)) return TAKEN;
    return { offer, partial: this.#partialOf(item, read, own) };
  }

  /** What lies here, by duty; looked for once for all items of a request. */
  #offersFor(signal: AbortSignal): (id: DutyId) => Promise<DutyOffer> {
    const found = new Map<string, Promise<DutyOffer>>();
    return (id) => {
      const name = dutyName(id);
      const offer = found.get(name) ?? this.#offerOf(id, signal);
      found.set(name, offer);
      return offer;
    };
  }

  async #offerOf(id: DutyId, signal: AbortSignal): Promise<DutyOffer> {
    const { offers } = this.#context;
    if (offers.of(id) === undefined) this.#more.beginEarly(id);
    const offer = offers.of(id);
    if (offer !== undefined) return offer;
    // A client may see the block before we do, and a head needs no agreement: it is signed in a moment.
    if (id.kind === "sync-message") return this.#inTime(id, signal, (either) => offers.wait(id, either));
    throw deskError("duty/not-decided", id);
  }

  #partialOf(item: Submission, read: Read, own: Offer): Partial {
    const { groupKey, part } = own;
    const { share } = this.#context;
    const { signature, root } = read;
    const id = { slot: item.slot, kind: item.kind };
    if (equalBytes(root, own.root))
      return { groupKey, share, part, root, signature, data: own.encode(signature) };
    // A sync message names the head that its signer sees; no two have to see the same one.
    if (item.kind !== "sync-message")
      throw deskError("duty/not-what-was-decided", id, differenceOf(item, own.value));
    return { groupKey, share, part, root, signature, data: sameButForTheHead(item.signed, own.value) };
  }

  /** Sends what is right on its way. Per claim: undefined when it was. */
  async #taken(
    claims: readonly (Claim | DeskError | typeof TAKEN)[],
    of: Handing,
  ): Promise<readonly (DeskError | undefined)[]> {
    const open = claims.filter(isClaim);
    const right = await this.#context.judge.verify(
      open.map(({ partial }) => claimOf(this.#context, partial)),
      of.from,
      of.signal,
    );
    const judgedAs = new Map(open.map((claim, i) => [claim, right[i]]));
    for (const claim of open)
      if (judgedAs.get(claim) === true) this.#outboxes.put(claim.offer, claim.partial);
    const wrong = open.find((claim) => judgedAs.get(claim) === false);
    const whose = wrong === undefined ? "" : await this.#whose(wrong, of);
    return claims.map((claim) => {
      if (claim === TAKEN) return undefined;
      if (!isClaim(claim)) return claim;
      const { id } = claim.offer.duty;
      switch (judgedAs.get(claim)) {
        case true:
          return undefined;
        case false:
          return deskError("duty/wrong-share", id, whose);
        case undefined:
          return deskError("duty/unavailable", id, NOT_JUDGED);
      }
    });
  }

  #whose({ offer, partial }: Claim, { from, signal }: Handing): Promise<string> {
    const isPublic = this.#context.store.peek(offer.duty.id).isCombined(partial.groupKey, partial.part);
    return whoseSignature(this.#context, partial, { from, signal, isPublic });
  }

  /** @throws DeskError when there is nothing to wait for. */
  #requireOurs(id: DutyId): void {
    const why = this.#silentBecause(id);
    if (why !== undefined) throw deskError("duty/unavailable", id, why);
    const deadline = dutyDeadline(this.#context.chain, id);
    if (deadline !== undefined && deadline <= this.#context.clock.now()) throw deskError("duty/too-late", id);
    const members = this.#more.members(id);
    if (members === undefined) throw deskError("duty/not-known-yet", id);
    if (members === 0) throw deskError("duty/not-ours", id);
  }

  /** Why nothing may be signed for a duty now; undefined when it may. */
  #silentBecause(id: DutyId): string | undefined {
    const { memory, watch } = this.#context;
    if (this.#more.closing.aborted) return "the node is stopping";
    if (memory.state === "doubted") return "a bug was found on the way to the slashing memory; see the log";
    if (watch === undefined || watch.maySign(id)) return undefined;
    return watch.over
      ? "the node was started within this slot"
      : "the node watches for a double before it signs";
  }

  /** Ends at the duty's deadline at the latest; and soon after it is due when it turns out that nobody has it. */
  async #inTime<T>(id: DutyId, signal: AbortSignal, work: (either: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, chain } = this.#context;
    const over = new AbortController();
    const deadline = dutyDeadline(chain, id) ?? Number.MAX_SAFE_INTEGER;
    const cancels = [clock.at(deadline, () => over.abort(deskError("duty/too-late", id)))];
    if (id.kind === "aggregator" || id.kind === "sync-contribution") {
      // Who aggregates is known by the time it is due.
      const known = Math.max(clock.now(), dutyDue(chain, id)) + LIMITS.aggregatorsKnownMs;
      const look = (): void => {
        if (!this.#more.hasBegun(id)) over.abort(deskError("duty/not-ours", id));
      };
      cancels.push(clock.at(known, look));
    }
    try {
      return await work(AbortSignal.any([signal, over.signal]));
    } finally {
      for (const cancel of cancels) cancel();
    }
  }
}

/** Where a selection proof becomes known. */
function placeOf({ kind, slot, groupKey, subcommitteeIndex = 0 }: Selected): [slot: Slot, name: string] {
  return [slot, kind === "prepare-aggregator" ? groupKey : partName(groupKey, subcommitteeIndex)];
}

function isClaim(claim: Claim | DeskError | typeof TAKEN): claim is Claim {
  return claim !== TAKEN && !(claim instanceof DeskError);
}

/** Why a validator that has the duty has nothing to sign in it. */
function withheld({ duty }: DutyOffer, groupKey: GroupKey): DeskError {
  return deskError(
    duty.record.causeOf(groupKey) === "refused-by-slashing-memory" ? "duty/slashable" : "duty/not-decided",
    duty.id,
  );
}

/** @throws AssertionFailed - a bug of ours is nobody's answer. */
function asDeskError(error: unknown): DeskError {
  if (error instanceof AssertionFailed) throw error;
  return error instanceof DeskError ? error : deskError("duty/unavailable", undefined, explain(error));
}
