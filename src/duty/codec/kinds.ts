import type { Proposal, SignedProposal } from "../../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  type DutyKind,
  domainAt,
  epochOf,
  type Root,
  SYNC_SUBCOMMITTEES,
  signingRoot,
  ssz,
} from "../../spec/index.ts";
import {
  attestationSigningRoot,
  decodeSignedAttestation,
  decodeUnsignedAttestation,
  encodeSignedAttestation,
  encodeUnsignedAttestation,
  type SignedAttestation,
  type UnsignedAttestation,
} from "./attestation.ts";
import { CodecError } from "./codec-error.ts";
import { typeNamed } from "./fork-types.ts";
import {
  decodeProposal,
  decodeSignedProposal,
  encodeProposal,
  encodeSignedProposal,
  proposalSigningRoot,
  unsignedProposal,
} from "./proposal.ts";
import { decodeRandao, encodeRandao, randaoSigningRoot, type SignedRandao } from "./randao.ts";
import {
  type BeaconCommitteeSelection,
  bareSignatureCodec,
  beaconSelectionCodec,
  type Codec,
  jsonCodec,
  oneOrMoreCodec,
  type Registration,
  registrationCodec,
  type SyncCommitteeSelection,
  sszCodec,
  syncSelectionCodec,
  type Versioned,
  versionedCodec,
} from "./ssz-kinds.ts";

/** What one share signs in a duty of one kind: its encoding, its signature, and the 32 bytes that were signed. */
export interface SignedCodec<T> extends Codec<T> {
  signature(value: T): Uint8Array;
  /** Undefined for what is not signed for the chain. */
  signingRoot(value: T, chain: ChainSpec): Root | undefined;
  /** Which of several things that one validator signs in one duty this is; 0 when there is only one. */
  part?(value: T): number;
  /** Whether this can have been signed in that duty, as far as the value itself tells. */
  fits?(value: T, duty: DutyId, chain: ChainSpec): boolean;
}

type ValueOf<T extends { defaultValue(): unknown }> = ReturnType<T["defaultValue"]>;
type Aggregate = ValueOf<typeof ssz.electra.Attestation> | ValueOf<typeof ssz.phase0.Attestation>;
type SignedAggregate =
  | ValueOf<typeof ssz.electra.SignedAggregateAndProof>
  | ValueOf<typeof ssz.phase0.SignedAggregateAndProof>;
export type AggregateVersioned = Versioned<Aggregate>;
export type SignedAggregateVersioned = Versioned<SignedAggregate>;
type Exit = ValueOf<typeof ssz.phase0.SignedVoluntaryExit>;
type SyncMessage = ValueOf<typeof ssz.altair.SyncCommitteeMessage>;
type Contribution = ValueOf<typeof ssz.altair.SyncCommitteeContribution>;
type SignedContribution = ValueOf<typeof ssz.altair.SignedContributionAndProof>;

/** What the cluster agrees on, per validator; kinds without consensus have none. */
export interface UnsignedDataOf {
  readonly attester: UnsignedAttestation;
  readonly proposer: Proposal;
  readonly aggregator: AggregateVersioned;
  readonly "sync-contribution": readonly Contribution[];
}
export type AgreedKind = keyof UnsignedDataOf;

export interface SignedDataOf {
  readonly attester: SignedAttestation;
  readonly proposer: SignedProposal;
  readonly randao: SignedRandao;
  readonly signature: Uint8Array;
  readonly exit: Exit;
  readonly "builder-registration": Registration;
  readonly "prepare-aggregator": BeaconCommitteeSelection;
  readonly aggregator: SignedAggregateVersioned;
  readonly "sync-message": SyncMessage;
  readonly "prepare-sync-contribution": SyncCommitteeSelection;
  readonly "sync-contribution": SignedContribution;
}
export type SignedKind = keyof SignedDataOf;

/** One row per kind that the cluster agrees on. */
export const unsignedCodecs: { readonly [K in AgreedKind]: Codec<UnsignedDataOf[K]> } = {
  attester: { encode: encodeUnsignedAttestation, decode: decodeUnsignedAttestation },
  proposer: { encode: encodeProposal, decode: decodeProposal },
  aggregator: versionedCodec("aggregate", "attestation", "Attestation"),
  "sync-contribution": oneOrMoreCodec("sync contribution", ssz.altair.SyncCommitteeContribution),
};

/** One row per kind that is signed. A new kind is a row here, a script, and nothing else on the wire. */
export const signedCodecs: { readonly [K in SignedKind]: SignedCodec<SignedDataOf[K]> } = {
  attester: {
    encode: encodeSignedAttestation,
    decode: decodeSignedAttestation,
    signature: ({ attestation }) => attestation.signature,
    signingRoot: ({ attestation }, chain) => attestationSigningRoot(chain, attestation.data),
    fits: ({ attestation }, duty) => attestation.data.slot === duty.slot,
  },
  proposer: {
    encode: encodeSignedProposal,
    decode: decodeSignedProposal,
    signature: ({ signedBlock }) => signedBlock.signature,
    signingRoot: (proposal, chain) => proposalSigningRoot(chain, unsignedProposal(proposal)),
    fits: ({ signedBlock }, duty) => signedBlock.message.slot === duty.slot,
  },
  randao: {
    encode: encodeRandao,
    decode: decodeRandao,
    signature: ({ signature }) => signature,
    signingRoot: ({ epoch }, chain) => randaoSigningRoot(chain, epoch),
    fits: ({ epoch }, duty, chain) => epoch === epochOf(chain, duty.slot),
  },
  signature: { ...bareSignatureCodec, signature: (value) => value, signingRoot: () => undefined },
  exit: {
    ...jsonCodec("voluntary exit", ssz.phase0.SignedVoluntaryExit),
    signature: ({ signature }) => signature,
    signingRoot: ({ message }, chain) =>
      signingRoot(ssz.phase0.VoluntaryExit.hashTreeRoot(message), domainAt(chain, "exit", message.epoch)),
    fits: ({ message }, duty, chain) => message.epoch === epochOf(chain, duty.slot),
  },
  "builder-registration": {
    ...registrationCodec,
    signature: ({ registration }) => registration.signature,
    signingRoot: ({ registration }, chain) =>
      signingRoot(
        ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(registration.message),
        domainAt(chain, "applicationBuilder", 0),
      ),
  },
  "prepare-aggregator": {
    ...beaconSelectionCodec,
    signature: ({ selectionProof }) => selectionProof,
    signingRoot: ({ slot }, chain) =>
      signingRoot(ssz.Slot.hashTreeRoot(slot), domainAt(chain, "selectionProof", epochOf(chain, slot))),
    fits: ({ slot }, duty) => slot === duty.slot,
  },
  aggregator: {
    ...versionedCodec<SignedAggregate>("signed aggregate", "aggregate_and_proof", "SignedAggregateAndProof"),
    signature: ({ value }) => value.signature,
    signingRoot: aggregateSigningRoot,
    fits: ({ value }, duty) => value.message.aggregate.data.slot === duty.slot,
  },
  "sync-message": {
    ...sszCodec("sync message", ssz.altair.SyncCommitteeMessage),
    signature: ({ signature }) => signature,
    signingRoot: ({ beaconBlockRoot, slot }, chain) =>
      signingRoot(beaconBlockRoot, domainAt(chain, "syncCommittee", epochOf(chain, slot))),
    fits: ({ slot }, duty) => slot === duty.slot,
  },
  "prepare-sync-contribution": {
    ...syncSelectionCodec,
    signature: ({ selectionProof }) => selectionProof,
    signingRoot: ({ slot, subcommitteeIndex }, chain) =>
      signingRoot(
        ssz.altair.SyncAggregatorSelectionData.hashTreeRoot({ slot, subcommitteeIndex }),
        domainAt(chain, "syncSelectionProof", epochOf(chain, slot)),
      ),
    part: ({ subcommitteeIndex }) => subcommitteeIndex,
    fits: ({ slot, subcommitteeIndex }, duty) => slot === duty.slot && subcommitteeIndex < SYNC_SUBCOMMITTEES,
  },
  "sync-contribution": {
    ...sszCodec("signed sync contribution", ssz.altair.SignedContributionAndProof),
    signature: ({ signature }) => signature,
    signingRoot: ({ message }, chain) =>
      signingRoot(
        ssz.altair.ContributionAndProof.hashTreeRoot(message),
        domainAt(chain, "contributionAndProof", epochOf(chain, message.contribution.slot)),
      ),
    part: ({ message }) => message.contribution.subcommitteeIndex,
    fits: ({ message: { contribution } }, duty) =>
      contribution.slot === duty.slot && contribution.subcommitteeIndex < SYNC_SUBCOMMITTEES,
  },
};

function aggregateSigningRoot({ fork, value }: SignedAggregateVersioned, chain: ChainSpec): Root {
  const type = typeNamed<SignedAggregate["message"]>(fork, "AggregateAndProof");
  const domain = domainAt(chain, "aggregateAndProof", epochOf(chain, value.message.aggregate.data.slot));
  return signingRoot(type.hashTreeRoot(value.message), domain);
}

/** The row of a kind that came from a peer. @throws CodecError `duty/unsupported-kind` */
export function signedCodecOf(kind: DutyKind): SignedCodec<unknown> {
  if (kind === "info-sync")
    throw new CodecError("duty/unsupported-kind", "find the encoding of a signed duty", { facts: { kind } });
  return signedCodecs[kind];
}
