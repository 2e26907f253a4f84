import { DvError } from "../../src/base/index.ts";
import type { Fork, SignedAggregate, SignedProposal } from "../../src/ports/index.ts";
import type { altair, bellatrix, electra, GroupKey, phase0, UnixMs } from "../../src/spec/index.ts";

/** What an operator gives its beacon node, by kind of duty. */
export type Signed =
  | { readonly kind: "attester"; readonly fork: Fork; readonly value: electra.SingleAttestation }
  | { readonly kind: "proposer"; readonly value: SignedProposal }
  | { readonly kind: "aggregator"; readonly value: SignedAggregate }
  | { readonly kind: "sync-message"; readonly value: altair.SyncCommitteeMessage }
  | { readonly kind: "sync-contribution"; readonly value: altair.SignedContributionAndProof }
  | { readonly kind: "exit"; readonly value: phase0.SignedVoluntaryExit }
  | { readonly kind: "builder-registration"; readonly value: bellatrix.SignedValidatorRegistrationV1 };
export type SignedKindOf<K extends Signed["kind"]> = Extract<Signed, { readonly kind: K }>;

/** Something that the chain took. */
export interface Published<K extends Signed["kind"] = Signed["kind"]> {
  readonly by: number;
  readonly at: UnixMs;
  readonly groupKey: GroupKey;
  readonly signed: SignedKindOf<K>;
}

/**
 * Why the chain does not take something: it is not signed by its validator; it is under the name of another fork than its
 * slot's; its selection proof is none; or nobody has this duty, as happens after a reorganisation.
 */
export type Fault = "signature" | "fork" | "selection" | "duty";

export interface Refused {
  readonly by: number;
  readonly at: UnixMs;
  readonly signed: Signed;
  readonly fault: Fault;
}

export class SimBeaconError extends DvError<"beacon/unavailable" | "beacon/refused"> {}
