import { type ChainSpec, type DutyId, slotStart, type UnixMs } from "../spec/index.ts";
import { ROUND_MAX } from "./limits.ts";

/** Slots shorter than this exist on test chains only; there, rounds shrink with the slot: a second becomes an eighth of it. */
const SHORTEST_REAL_SLOT_MS = 5_000;
const TEST_ROUNDS_PER_SLOT = 8;
const ROUND_MS = 1_000;
const PROPOSAL_EXTRA_MS = 500;
/** A slot of twelve seconds: as long as a duty can still be in good time, no second is lost. */
const EVERY_ROUND_UNTIL = 12;
/** Up to here, five slots, we take part in one round of n + 1, then in one of 4n + 1. */
const OFTEN_UNTIL = 60;
const RARE = 4;

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
  const scale = scaleOf(chain);
  const lengthMs = Math.floor(
    scale * (round * ROUND_MS + (duty.kind === "proposer" ? PROPOSAL_EXTRA_MS : 0)),
  );
  const first = dutyStart(chain, duty) + lengthMs;
  return { first, extended: first + lengthMs };
}

/**
 * The round to ask for when the timer of round `after` has fired: the first of those we take part in that is not over by
 * the clock. All operators that run this program take part in the same rounds; `docs/adr/0180` says why not in all.
 */
export function nextRound(
  chain: ChainSpec,
  duty: DutyId,
  {
    after,
    operatorCount,
    now,
  }: { readonly after: number; readonly operatorCount: number; readonly now: UnixMs },
): number {
  const over = Math.floor((now - dutyStart(chain, duty)) / (scaleOf(chain) * ROUND_MS));
  let round = Math.max(after + 1, Math.min(over - 1, ROUND_MAX));
  while (!takesPart(round, operatorCount) || (roundEnd(chain, duty, round).first <= now && round < ROUND_MAX))
    round++;
  return round;
}

/** Every round at first; later one in so many that each operator leads in turn. */
function takesPart(round: number, operatorCount: number): boolean {
  const everyRoundUntil = Math.max(EVERY_ROUND_UNTIL, 2 * operatorCount);
  if (round <= everyRoundUntil) return true;
  const stride = (round <= OFTEN_UNTIL ? 1 : RARE) * operatorCount + 1;
  return (round - everyRoundUntil) % stride === 0;
}

const scaleOf = (chain: ChainSpec): number =>
  chain.slotMs >= SHORTEST_REAL_SLOT_MS ? 1 : chain.slotMs / TEST_ROUNDS_PER_SLOT / ROUND_MS;

const dutyStart = (chain: ChainSpec, duty: DutyId): UnixMs =>
  slotStart(chain, duty.slot) + Math.floor(startShare(duty) * chain.slotMs);

/** Where in the slot Charon starts a duty; thirds, whatever the chain's basis points say. */
function startShare(duty: DutyId): number {
  if (duty.kind === "attester") return 1 / 3;
  return duty.kind === "aggregator" || duty.kind === "sync-contribution" ? 2 / 3 : 0;
}
