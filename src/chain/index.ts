/**
 * The simulated beacon chain of `trireme chain` and `npm start`: a beacon API server that distributed-validator nodes,
 * Charon nodes and validator clients can be pointed at. Owns a chain of real blocks, verifies every signature it receives,
 * includes what it accepts, and judges each duty of the validators it watches: on time, late, missed, slashable. Knows
 * nothing of clusters, shares or nodes.
 */
export { type ChainActivity, type JudgedKind, judgedKinds, type Slashing } from "./activity.ts";
export { type Chain, type ChainNetwork, startChain } from "./chain.ts";
export type { DutyRecord, DutyState } from "./duty-ledger.ts";
export { formatReport } from "./format-report.ts";
export { interopPublicKey, interopSecretKey } from "./interop.ts";
export { ChainError, type ChainOptions, type ChainValidator } from "./options.ts";
export type { Refusal } from "./refusals.ts";
export type { ChainReport, DutyTally, SlotReport, ValidatorReport } from "./report.ts";
