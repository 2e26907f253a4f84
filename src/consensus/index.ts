/**
 * Agreement among the operators on what to sign: runs one QBFT instance per duty over Charon's protocol. Owns messages and
 * their signatures, round timers, early messages, help for late operators, and the caps per peer. Does not know what the
 * agreed value means.
 */
export {
  type ConsensusOptions,
  createConsensus,
  type RunningConsensus,
} from "./consensus.ts";
export { ConsensusError } from "./errors.ts";
export { leaderOf } from "./instance.ts";
export type { InstanceView } from "./instances.ts";
export { nextRound, roundEnd } from "./round-timer.ts";
export type { Consensus, ConsensusValue, Decision } from "./types.ts";
export { QBFT_PROTOCOL } from "./wire.ts";
