import type { Hex } from "../base/index.ts";
import type {
  Attestation,
  altair,
  BeaconBlock,
  BlindedBeaconBlock,
  bellatrix,
  Epoch,
  electra,
  GroupKey,
  phase0,
  Root,
  SignedBeaconBlock,
  SignedBlindedBeaconBlock,
  SingleAttestation,
  Slot,
  ValidatorIndex,
} from "../spec/index.ts";

/** A fork by the beacon API's name, e.g. "fulu"; new ones need no code here. */
export type Fork = string;

export interface ValidatorRecord {
  readonly pubkey: GroupKey;
  readonly index: ValidatorIndex;
  /** e.g. "active_ongoing", "pending_queued", "withdrawal_possible" */
  readonly status: string;
}

export interface AttesterDuty {
  readonly pubkey: GroupKey;
  readonly validatorIndex: ValidatorIndex;
  readonly slot: Slot;
  readonly committeeIndex: number;
  readonly committeeLength: number;
  readonly committeesAtSlot: number;
  readonly validatorCommitteeIndex: number;
}

export interface ProposerDuty {
  readonly pubkey: GroupKey;
  readonly validatorIndex: ValidatorIndex;
  readonly slot: Slot;
}

/** A validator's seats in the sync committee of an epoch; they stay the same for a whole sync committee period. */
export interface SyncDuty {
  readonly pubkey: GroupKey;
  readonly validatorIndex: ValidatorIndex;
  /** Places in the committee, at least one; a validator may hold several. */
  readonly positions: readonly number[];
}

/** The votes of a committee in one attestation. */
export interface Aggregate {
  readonly fork: Fork;
  readonly value: Attestation;
}

export interface SignedAggregate {
  readonly fork: Fork;
  readonly value: electra.SignedAggregateAndProof | phase0.SignedAggregateAndProof;
}

/** Tells a beacon node which subnet to be on for one duty, and whether it must collect votes there. */
export interface CommitteeSubscription {
  readonly validatorIndex: ValidatorIndex;
  readonly committeeIndex: number;
  readonly committeesAtSlot: number;
  readonly slot: Slot;
  readonly isAggregator: boolean;
}

export interface SyncCommitteeSubscription {
  readonly validatorIndex: ValidatorIndex;
  readonly positions: readonly number[];
  /** The first epoch in which the seats are no longer held. */
  readonly untilEpoch: Epoch;
}

/** Duties hold only while the chain keeps this root; a changed one means: ask again. */
export interface Duties<D> {
  readonly dependentRoot: Hex;
  readonly duties: readonly D[];
}

/** An unsigned proposal as the beacon node made it; a local one carries blobs beside the block. */
export type Proposal =
  | {
      readonly fork: Fork;
      readonly blinded: false;
      readonly block: BeaconBlock;
      readonly kzgProofs: readonly Uint8Array[];
      readonly blobs: readonly Uint8Array[];
      /** Wei; what the block pays the fee recipient and the proposer. Undefined when the node does not say. */
      readonly value?: bigint;
    }
  | {
      readonly fork: Fork;
      readonly blinded: true;
      readonly block: BlindedBeaconBlock;
      readonly value?: bigint;
    };

export type SignedProposal =
  | {
      readonly fork: Fork;
      readonly blinded: false;
      readonly signedBlock: SignedBeaconBlock;
      readonly kzgProofs: readonly Uint8Array[];
      readonly blobs: readonly Uint8Array[];
    }
  | { readonly fork: Fork; readonly blinded: true; readonly signedBlock: SignedBlindedBeaconBlock };

/** A block on the chain, as much as inclusion tracking needs. */
export interface IncludedBlock {
  readonly fork: Fork;
  readonly root: Root;
  readonly slot: Slot;
  readonly proposerIndex: ValidatorIndex;
  readonly parentRoot: Root;
  readonly attestations: readonly Attestation[];
}

export type ChainEvent =
  | {
      readonly kind: "head";
      readonly slot: Slot;
      readonly block: Hex;
      readonly epochTransition: boolean;
      readonly previousDutyDependentRoot: Hex;
      readonly currentDutyDependentRoot: Hex;
    }
  | { readonly kind: "block"; readonly slot: Slot; readonly block: Hex }
  | {
      readonly kind: "reorg";
      readonly slot: Slot;
      readonly depth: number;
      readonly oldHead: Hex;
      readonly newHead: Hex;
    };

/**
 * One beacon node, or several that act as one. Every call ends by itself (its own time limit, or `signal`).
 * Implementations: beacon/ (HTTP, several nodes), sim/chain/beacon-node.ts.
 *
 * @throws BeaconError from every method: `beacon/unavailable` (nobody answered), `beacon/refused` (a 4xx with its reason),
 *   `beacon/syncing`, `beacon/bad-answer`.
 */
export interface BeaconNode {
  /** Validators of the head state among `pubkeys`; unknown ones are left out. */
  validators(pubkeys: readonly GroupKey[], signal: AbortSignal): Promise<readonly ValidatorRecord[]>;
  attesterDuties(
    epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): Promise<Duties<AttesterDuty>>;
  /** All proposers of the epoch. */
  proposerDuties(epoch: Epoch, signal: AbortSignal): Promise<Duties<ProposerDuty>>;
  /**
   * Those of `indices` that the chain, or the node's peers, saw sign something in `epoch`: the present or the previous one,
   * of which alone beacon nodes tell. Fails while every node is behind the chain, also when nobody is asked for.
   */
  liveValidators(
    epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<ValidatorIndex>>;
  /** Those of `indices` that sit in the sync committee of `epoch`. */
  syncDuties(
    epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): Promise<readonly SyncDuty[]>;
  subscribeToCommittees(subscriptions: readonly CommitteeSubscription[], signal: AbortSignal): Promise<void>;
  subscribeToSyncCommittees(
    subscriptions: readonly SyncCommitteeSubscription[],
    signal: AbortSignal,
  ): Promise<void>;
  /** Vote data for `slot`; post-Electra `committeeIndex` is 0 and one answer serves all committees. */
  attestationData(slot: Slot, committeeIndex: number, signal: AbortSignal): Promise<phase0.AttestationData>;
  /** The best proposal (builder or local) for `slot`. */
  produceBlock(
    slot: Slot,
    options: {
      readonly randaoReveal: Uint8Array;
      readonly graffiti?: Uint8Array;
      readonly builderBoostFactor?: bigint;
    },
    signal: AbortSignal,
  ): Promise<Proposal>;
  publishAttestations(
    fork: Fork,
    attestations: readonly SingleAttestation[],
    signal: AbortSignal,
  ): Promise<void>;
  publishBlock(proposal: SignedProposal, signal: AbortSignal): Promise<void>;
  /** The aggregate with the most votes over the data with this root. */
  aggregate(slot: Slot, dataRoot: Root, committeeIndex: number, signal: AbortSignal): Promise<Aggregate>;
  publishAggregates(aggregates: readonly SignedAggregate[], signal: AbortSignal): Promise<void>;
  /** Root of the newest block that the node has verified. */
  headRoot(signal: AbortSignal): Promise<Root>;
  publishSyncMessages(messages: readonly altair.SyncCommitteeMessage[], signal: AbortSignal): Promise<void>;
  /** The contribution with the most messages of a subcommittee about one block. */
  syncContribution(
    slot: Slot,
    subcommitteeIndex: number,
    blockRoot: Root,
    signal: AbortSignal,
  ): Promise<altair.SyncCommitteeContribution>;
  publishContributions(
    contributions: readonly altair.SignedContributionAndProof[],
    signal: AbortSignal,
  ): Promise<void>;
  /** Tells the builders through the beacon node whom and how they pay. */
  registerValidators(
    registrations: readonly bellatrix.SignedValidatorRegistrationV1[],
    signal: AbortSignal,
  ): Promise<void>;
  publishExit(exit: phase0.SignedVoluntaryExit, signal: AbortSignal): Promise<void>;
  prepareProposers(
    preparations: readonly { readonly validatorIndex: ValidatorIndex; readonly feeRecipient: Hex }[],
    signal: AbortSignal,
  ): Promise<void>;
  /** The block at `id` (slot, root or "head"); undefined for an empty slot. */
  block(id: Slot | Hex | "head", signal: AbortSignal): Promise<IncludedBlock | undefined>;
  /** Calls `listener` for every event from now on, through reconnects, until `signal` fires. */
  subscribe(listener: (event: ChainEvent) => void, signal: AbortSignal): void;
}

/** A request of a validator client on its way to the beacon node, as it came. */
export interface ForwardedRequest {
  readonly method: "GET" | "POST";
  /** From "/" on, with the query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body?: Uint8Array<ArrayBuffer>;
  /**
   * We read the answer ourselves, all of it, up to so many bytes: a node that does not send it to its end in time has
   * failed, and the next one is asked. Without this an answer that has begun may take as long as it likes.
   */
  readonly wholeBytesMax?: number;
  /** Asked for one client alone: it waits with what is passed on, and not with the questions whose answers serve all clients. */
  readonly forOneClient?: boolean;
}

/**
 * The beacon node's own API, for what a validator client asks that is not about the cluster. Implementation: beacon/.
 *
 * @throws BeaconError `beacon/unavailable` when no node answered; the signal's reason. A refusal is an answer.
 */
export interface BeaconPassage {
  /** The best node's answer as it arrives, whatever its status; the caller reads it to its end or cancels it. */
  forward(request: ForwardedRequest, signal: AbortSignal): Promise<Response>;
}
