import type { ConsensusValue } from "../consensus/index.ts";
import type { AttesterDuty, ProposerDuty, SyncDuty } from "../ports/index.ts";
import type { DutyKind } from "../spec/index.ts";
import type { UnsignedDataOf } from "./codec/kinds.ts";
import type { GroupSigned } from "./collect.ts";
import type { ToSign } from "./guard.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** The stages of a duty on whose data the cluster agrees. Exchanging one (trace it, delay it, break it) means passing another object. */
export interface AgreedStages<D, T> {
  /** Our own proposal, fetched from the beacon node; tries until the signal fires. */
  fetch(duty: SlotDuty<D>, signal: AbortSignal): Promise<ConsensusValue>;
  /** What the quorum decided, for those validators that may sign it. Owns `proposal`. */
  agree(
    duty: SlotDuty<D>,
    proposal: Promise<ConsensusValue>,
    signal: AbortSignal,
  ): Promise<readonly ToSign<T>[]>;
  /** Those that the slashing memory admitted. */
  guard(duty: SlotDuty<D>, decided: readonly ToSign<T>[], signal: AbortSignal): Promise<readonly ToSign<T>[]>;
  /** Signs with our share and sends to every peer. */
  offer(duty: SlotDuty<D>, admitted: readonly ToSign<T>[], signal: AbortSignal): Promise<void>;
  /** Group signatures as they become possible; ends with the last one or with the signal. */
  collect(duty: SlotDuty<D>, signal: AbortSignal): AsyncIterable<readonly GroupSigned[]>;
  /** Gives them to the beacon node; tries until the signal fires. Never rejects. */
  broadcast(duty: SlotDuty<D>, signed: readonly GroupSigned[], signal: AbortSignal): Promise<void>;
}
export type AttesterStages = AgreedStages<AttesterDuty, UnsignedDataOf["attester"]>;
export type ProposerStages = AgreedStages<ProposerDuty, UnsignedDataOf["proposer"]>;

/** Votes, blocks, aggregates and contributions of one slot. Everything stops when `signal` fires: at the deadline or at shutdown. */
export async function performAgreedDuty<D, T>(
  duty: SlotDuty<D>,
  stages: AgreedStages<D, T>,
  signal: AbortSignal,
): Promise<void> {
  const vote = async (): Promise<void> => {
    const proposal = stages.fetch(duty, signal); // Consensus joins at once; it waits for this only when it leads.
    const decided = await stages.agree(duty, proposal, signal);
    const admitted = await stages.guard(duty, decided, signal); // In the slashing memory before anyone signs it.
    await stages.offer(duty, admitted, signal);
  };
  // Peers may decide and sign before us, or without us.
  await allToTheEnd(combineAndBroadcast(duty, stages, signal), vote());
}

/** Lets each end by itself; then the last failure in the list is told. */
async function allToTheEnd(...works: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  const failure = ends.findLast((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

async function combineAndBroadcast<D>(
  duty: SlotDuty<D>,
  stages: Pick<AgreedStages<D, unknown>, "collect" | "broadcast">,
  signal: AbortSignal,
): Promise<void> {
  const sending: Promise<void>[] = [];
  for await (const signed of stages.collect(duty, signal)) {
    const sent = stages.broadcast(duty, signed, signal);
    sent.catch(() => {}); // Told below, when all are done.
    sending.push(sent);
  }
  await Promise.all(sending);
}

/** The stages of a sync message: each operator signs the head that it sees, without agreement; nothing is slashable. */
export type SyncMessageStages = Pick<AgreedStages<SyncDuty, never>, "collect" | "broadcast"> & {
  /** Signs the head with our share and sends to every peer. */
  offer(duty: SlotDuty<SyncDuty>, signal: AbortSignal): Promise<void>;
};

export async function performSyncMessageDuty(
  duty: SlotDuty<SyncDuty>,
  stages: SyncMessageStages,
  signal: AbortSignal,
): Promise<void> {
  await allToTheEnd(combineAndBroadcast(duty, stages, signal), stages.offer(duty, signal));
}

/** The stages of a randao or a selection proof: what is signed is known to all, and nothing is slashable or broadcast. */
export interface ProofStages<D> {
  offer(duty: SlotDuty<D>, signal: AbortSignal): Promise<void>;
  collect(duty: SlotDuty<D>, signal: AbortSignal): AsyncIterable<readonly GroupSigned[]>;
  /** Hands the group signatures to the duties that need them. */
  reveal(duty: SlotDuty<D>, signed: readonly GroupSigned[]): void;
}

/** Kinds of duty that `performProofDuty` does. */
export function isProof(kind: DutyKind): boolean {
  return kind === "randao" || kind === "prepare-aggregator" || kind === "prepare-sync-contribution";
}

/** Kinds that are signed without agreement. */
export function isUnagreed(kind: DutyKind): boolean {
  return isProof(kind) || kind === "sync-message";
}

export async function performProofDuty<D>(
  duty: SlotDuty<D>,
  stages: ProofStages<D>,
  signal: AbortSignal,
): Promise<void> {
  const combineAndReveal = async (): Promise<void> => {
    for await (const signed of stages.collect(duty, signal)) stages.reveal(duty, signed);
  };
  // Other duties need the proof of a validator for which our share does not sign, too.
  await allToTheEnd(combineAndReveal(), stages.offer(duty, signal));
}
