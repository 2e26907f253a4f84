/**
 * EIP-3076: is this vote safe after that history? The rule itself (`judge`), one validator's memory with its pruning, and
 * the interchange file that moves a memory between clients. Pure: where the history is kept is storage's business.
 */
export {
  type Interchange,
  type InterchangeKind,
  interchangeOf,
  mergeInterchanges,
  renamed,
  requireSameChain,
  SlashingError,
  type ValidatorRecord,
  writeInterchange,
} from "./interchange.ts";
export { judge, type SigningHistory } from "./judge.ts";
export { interchangeLimits, keptVotes } from "./limits.ts";
export { parseInterchange } from "./parse-interchange.ts";
export { exportedRecord, importedFloors, ValidatorMemory } from "./validator-memory.ts";
export {
  type AttestationFloor,
  effectiveFloor,
  type Floors,
  raisedFloors,
  type SignedAttestation,
  type SignedBlock,
  type SlashableVote,
  type Verdict,
} from "./votes.ts";
