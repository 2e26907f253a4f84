import type { ConsensusValue } from "../consensus/index.ts";
import type { AttesterDuty, ProposerDuty } from "../ports/index.ts";
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

/** The votes of all our validators in one slot. Everything stops when `signal` fires: at the deadline or at shutdown. */
export async function performAttesterDuty(
  duty: SlotDuty<AttesterDuty>,
  stages: AttesterStages,
  signal: AbortSignal,
): Promise<void> {
  const sent = combineAndBroadcast(duty, stages, signal); // Peers may decide and sign before us, or without us.
  try {
    const proposal = stages.fetch(duty, signal); // Consensus joins at once; it waits for this only when it leads.
    const decided = await stages.agree(duty, proposal, signal);
    const admitted = await stages.guard(duty, decided, signal); // In the slashing memory before anyone signs it.
    await stages.offer(duty, admitted, signal);
  } finally {
    await sent;
  }
}

/** The block of one slot, local or blinded; its randao was signed before. */
export async function performProposerDuty(
  duty: SlotDuty<ProposerDuty>,
  stages: ProposerStages,
  signal: AbortSignal,
): Promise<void> {
  const sent = combineAndBroadcast(duty, stages, signal);
  try {
    const proposal = stages.fetch(duty, signal); // Waits for the randao, then for the block; every operator fetches.
    const decided = await stages.agree(duty, proposal, signal);
    const admitted = await stages.guard(duty, decided, signal);
    await stages.offer(duty, admitted, signal);
  } finally {
    await sent;
  }
}

async function combineAndBroadcast<D, T>(
  duty: SlotDuty<D>,
  stages: AgreedStages<D, T>,
  signal: AbortSignal,
): Promise<void> {
  const sending: Promise<void>[] = [];
  for await (const signed of stages.collect(duty, signal))
    sending.push(stages.broadcast(duty, signed, signal));
  await Promise.all(sending);
}

/** The stages of a randao: the epoch is known to all, so there is nothing to fetch or agree on, and nothing slashable. */
export interface RandaoStages {
  offer(duty: SlotDuty<ProposerDuty>, signal: AbortSignal): Promise<void>;
  collect(duty: SlotDuty<ProposerDuty>, signal: AbortSignal): AsyncIterable<readonly GroupSigned[]>;
  /** Hands the group signature to the proposer duty of the same slot. */
  reveal(duty: SlotDuty<ProposerDuty>, signed: readonly GroupSigned[]): void;
}

/** The proposer's share of the chain's randomness, made before its slot so that the block can be requested when it starts. */
export async function performRandaoDuty(
  duty: SlotDuty<ProposerDuty>,
  stages: RandaoStages,
  signal: AbortSignal,
): Promise<void> {
  await stages.offer(duty, signal);
  for await (const signed of stages.collect(duty, signal)) stages.reveal(duty, signed);
}
