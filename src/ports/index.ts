/**
 * What we ask of the outside world, as types. Everything that has an effect (time, chance, network, disk, beacon node,
 * heavy cryptography) crosses one of these, which is what lets a whole cluster run in one process from a seed.
 */
export type {
  Aggregate,
  AttesterDuty,
  BeaconNode,
  BeaconPassage,
  ChainEvent,
  CommitteeSubscription,
  Duties,
  Fork,
  ForwardedRequest,
  IncludedBlock,
  Proposal,
  ProposerDuty,
  SignedAggregate,
  SignedProposal,
  SyncCommitteeSubscription,
  SyncDuty,
  ValidatorRecord,
} from "./beacon-node.ts";
export type {
  BlsWork,
  CombineJob,
  CombineResult,
  PartialSignature,
  ShareSigner,
  SigningRequest,
} from "./bls.ts";
export type { Channel, Channels } from "./channel.ts";
export { type Clock, sleepUntil } from "./clock.ts";
export type { NoteStore } from "./note-store.ts";
export type { MemoryStanding, SlashingStore } from "./slashing-store.ts";
export { BUG, type Labels, type Logger, logBug, type Meter, silent, unmetered } from "./telemetry.ts";
export type { DutyOutcome, DutyRecord, Stage, TimelineEntry, TimelineSink } from "./timeline.ts";
export type { MessageHandler, ProtocolLimits, Transport } from "./transport.ts";
export {
  type DecidedKind,
  type DecidedOf,
  DeskError,
  type DutyDesk,
  type PartiallySignedKind,
  type PartiallySignedOf,
  type Selected,
  type Sender,
  type Submission,
} from "./validator-client.ts";
