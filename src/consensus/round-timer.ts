import { type ChainSpec, type DutyId, slotStart, type UnixMs } from "../spec/index.ts";

/** Slots shorter than this exist on test chains only; there, rounds shrink with the slot: a second becomes an eighth of it. */
const SHORTEST_REAL_SLOT_MS = 5_000;
const TEST_ROUNDS_PER_SLOT = 8;
const ROUND_MS = 1_000;
const PROPOSAL_EXTRA_MS = 500;

/**
 * When a round ends. Rounds are counted from the duty's start by the wall clock and not from when we joined, so that all
 * operators change rounds together: round r ends r seconds after the duty's start, half a second later for proposals
 * (fetching a block takes that long). A second start in the same round doubles its length: a leader has spoken. These
 * are Charon's "eager double linear" timers, equal to the millisecond for real slot lengths.
 */
export function roundEnd(
  chain: ChainSpec,
  duty: DutyId,
  round: number,
): { readonly first: UnixMs; readonly extended: UnixMs } {
  const scale = chain.slotMs >= SHORTEST_REAL_SLOT_MS ? 1 : chain.slotMs / TEST_ROUNDS_PER_SLOT / ROUND_MS;
  const lengthMs = Math.floor(
    scale * (round * ROUND_MS + (duty.kind === "proposer" ? PROPOSAL_EXTRA_MS : 0)),
  );
  const first = slotStart(chain, duty.slot) + Math.floor(startShare(duty) * chain.slotMs) + lengthMs;
  return { first, extended: first + lengthMs };
}

/** Where in the slot Charon starts a duty; thirds, whatever the chain's basis points say. */
function startShare(duty: DutyId): number {
  if (duty.kind === "attester") return 1 / 3;
  return duty.kind === "aggregator" || duty.kind === "sync-contribution" ? 2 / 3 : 0;
}
