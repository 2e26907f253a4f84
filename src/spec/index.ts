/**
 * What the consensus specification defines: slots and epochs, containers, domains and signing roots, chain timing,
 * and the kinds of duties. The one home of `@lodestar/*` and `@chainsafe/ssz`; nothing of the specification is retyped.
 */
import "./hasher.ts";

export { BitArray } from "@chainsafe/ssz";
export { ForkName, ForkSeq, isForkPostElectra, isForkPostGloas } from "@lodestar/params";
export {
  type Attestation,
  type altair,
  type BeaconBlock,
  type BlindedBeaconBlock,
  type bellatrix,
  type deneb,
  type electra,
  type fulu,
  type phase0,
  type SignedBeaconBlock,
  type SignedBlindedBeaconBlock,
  type SingleAttestation,
  ssz,
  sszTypesFor,
} from "@lodestar/types";
export {
  EPOCHS_PER_SYNC_COMMITTEE_PERIOD,
  isAggregator,
  isSyncAggregator,
  SYNC_SUBCOMMITTEES,
  subcommitteesOf,
} from "./aggregators.ts";
export {
  type ChainSpec,
  dutyDeadline,
  dutyDue,
  dutyOnTimeUntil,
  epochOf,
  firstSlotOf,
  readChainSpec,
  SpecError,
  slotAt,
  slotStart,
} from "./chain-spec.ts";
export { countItems } from "./count-items.ts";
export { type DomainName, domainAt, forkAt, genesisDomain, signingRoot } from "./domains.ts";
export {
  type DutyId,
  type DutyKind,
  dutyKindOfWire,
  dutyKinds,
  dutyMetricName,
  dutyName,
  dutyWireNumber,
} from "./duty.ts";
export { containerFromJson } from "./from-json.ts";
export { listType } from "./list-type.ts";
export { requireSamePreset } from "./preset.ts";
export {
  type Epoch,
  type GroupKey,
  type OperatorIndex,
  operatorOf,
  type Root,
  type ShareIndex,
  type Slot,
  shareIndexOf,
  type UnixMs,
  type ValidatorIndex,
} from "./units.ts";
