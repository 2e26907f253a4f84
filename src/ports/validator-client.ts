import { DvError } from "../base/index.ts";
import type {
  Attestation,
  altair,
  bellatrix,
  Epoch,
  electra,
  GroupKey,
  phase0,
  Root,
  Slot,
  ValidatorIndex,
} from "../spec/index.ts";
import type { AttesterDuty, Fork, Proposal, SignedProposal } from "./beacon-node.ts";

/** What the cluster decided for one validator, and the slashing memory admitted, by kind. */
export interface DecidedOf {
  readonly attester: { readonly data: phase0.AttestationData; readonly duty: AttesterDuty };
  readonly proposer: Proposal;
  readonly aggregator: { readonly fork: Fork; readonly value: Attestation };
  /** The head that this slot's sync messages are about. */
  readonly "sync-message": { readonly beaconBlockRoot: Root };
  /** One per subcommittee in which the validator aggregates. */
  readonly "sync-contribution": readonly altair.SyncCommitteeContribution[];
}
export type DecidedKind = keyof DecidedOf;

/** What a validator client signs with this node's share, by kind, as the beacon API carries it. */
export interface PartiallySignedOf {
  /** From Electra on the committee stands beside the vote; it is not covered by the signature. */
  readonly attester: { readonly fork: Fork; readonly vote: electra.SingleAttestation };
  readonly proposer: SignedProposal;
  readonly randao: { readonly epoch: Epoch; readonly signature: Uint8Array };
  readonly exit: phase0.SignedVoluntaryExit;
  readonly "builder-registration": bellatrix.SignedValidatorRegistrationV1;
  readonly "prepare-aggregator": {
    readonly slot: Slot;
    readonly validatorIndex: ValidatorIndex;
    readonly selectionProof: Uint8Array;
  };
  readonly aggregator: {
    readonly fork: Fork;
    readonly value: electra.SignedAggregateAndProof | phase0.SignedAggregateAndProof;
  };
  readonly "sync-message": altair.SyncCommitteeMessage;
  readonly "prepare-sync-contribution": PartiallySignedOf["prepare-aggregator"] & {
    readonly subcommitteeIndex: number;
  };
  readonly "sync-contribution": altair.SignedContributionAndProof;
}
export type PartiallySignedKind = keyof PartiallySignedOf;

/** One partial signature of the validator client, with the duty and the validator it is for. */
export type Submission = {
  readonly [K in PartiallySignedKind]: {
    readonly kind: K;
    /** An exit's is the first slot of its epoch; a registration's the one at hand. */
    readonly slot: Slot;
    readonly groupKey: GroupKey;
    readonly signed: PartiallySignedOf[K];
  };
}[PartiallySignedKind];

/** Whose selection proof, and for what. */
export interface Selected {
  readonly kind: "prepare-aggregator" | "prepare-sync-contribution";
  readonly slot: Slot;
  readonly groupKey: GroupKey;
  /** For `prepare-sync-contribution`. */
  readonly subcommitteeIndex?: number;
}

/**
 * Why the desk does not give or take something. The message is a sentence for the operator.
 *
 * - `duty/not-ours`: none of our validators has this duty in the slot
 * - `duty/not-known-yet`: the duties of that slot are not known yet
 * - `duty/too-late`: the deadline has passed, or passed while waiting
 * - `duty/wrong-share`: not a signature of this by our share
 * - `duty/not-decided`: the cluster has not decided on anything for this duty yet
 * - `duty/not-what-was-decided`: signed something else than what was decided
 * - `duty/slashable`: the slashing memory refused it
 * - `duty/unavailable`: it could not be checked or kept; nothing was sent
 */
export class DeskError extends DvError<
  | "duty/not-ours"
  | "duty/not-known-yet"
  | "duty/too-late"
  | "duty/wrong-share"
  | "duty/not-decided"
  | "duty/not-what-was-decided"
  | "duty/slashable"
  | "duty/unavailable"
> {}

/** Who hands something in: one object for each connection, by which it is told from others at the same address. */
export interface Sender {
  readonly address: string;
}

/**
 * What a validator client asks of the duty pipeline. Every call settles by its signal or the duty's deadline, whichever
 * comes first. Implementations: duty/ (the pipeline), validator-api/testing (in memory).
 */
export interface DutyDesk {
  /**
   * What the cluster decided in the slot, for those of our validators that may sign it. Waits for the decision.
   *
   * @throws DeskError `duty/not-ours` and `duty/not-known-yet` at once, `duty/too-late`; the signal's reason.
   */
  decided<K extends DecidedKind>(
    kind: K,
    slot: Slot,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<GroupKey, DecidedOf[K]>>;

  /**
   * Takes partial signatures of the validator client: checks share, domain, epoch, decided value and slashing memory,
   * keeps them, and exchanges them. Nothing of an item that is refused leaves the node; the others go on. The same item
   * may come again. Whoever sends wrong signatures holds up himself: each sender is judged in turn.
   *
   * @param from - Left out, somebody of whom nothing is known.
   * @returns Per item, in order: undefined when it was taken, else why not.
   */
  submit(
    items: readonly Submission[],
    signal: AbortSignal,
    from?: Sender,
  ): Promise<readonly (DeskError | undefined)[]>;

  /**
   * The group signatures of selection proofs (96 bytes each). Waits until a threshold of operators has submitted theirs of
   * all of them, but not beyond the signal or the last of their deadlines.
   *
   * @returns Per item, in order: undefined where the threshold was not reached. Never rejects.
   */
  combined(items: readonly Selected[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]>;
}
