/**
 * The workflow of a duty: scripts (schedule, fetch, agree, guard, sign, collect, combine, broadcast, watch inclusion) over the
 * stages of each kind, Charon's encodings of what is agreed and signed, and the exchange of partial signatures. Time,
 * network, beacon node, keys and slashing memory come through ports.
 */

export { CAUSES, type Cause } from "./causes.ts";
export { CodecError } from "./codec/codec-error.ts";
export {
  type AgreedKind,
  type SignedCodec,
  type SignedDataOf,
  type SignedKind,
  signedCodecs,
  type UnsignedDataOf,
  unsignedCodecs,
} from "./codec/kinds.ts";
export {
  canonicalise,
  decodePartials,
  decodeUnsignedSet,
  type EncodedPartial,
  encodePartials,
  encodeUnsignedSet,
} from "./codec/sets.ts";
export {
  DoppelgangerWatch,
  type DoppelgangerWatchOptions,
  type DoubleEvidence,
  type DoubleHeard,
  type WatchReason,
  type WatchStatus,
} from "./doppelganger.ts";
export { ExchangeError, PARSIGEX_PROTOCOL } from "./exchange.ts";
export { dutyGate } from "./gate.ts";
export type { MemoryState } from "./memory-health.ts";
export {
  createDutyRunner,
  type DutyRunner,
  type DutyRunnerOptions,
  type DutyRunnerStatus,
} from "./runner.ts";
export { byClient, byClientButAggregation, bySigner, type Signing } from "./signing.ts";
