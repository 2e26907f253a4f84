import type { Hex } from "../base/index.ts";
import type { Epoch, GroupKey, Slot, UnixMs, ValidatorIndex } from "../spec/index.ts";

/** The kinds of duty that the chain judges, by the same names as everywhere in this program. */
export const judgedKinds = [
  "attester",
  "proposer",
  "aggregator",
  "sync-message",
  "sync-contribution",
] as const;
export type JudgedKind = (typeof judgedKinds)[number];

/** Two signed things of one validator that the protocol punishes. `first` and `second` are as the API shows them. */
export interface Slashing {
  readonly offence: "double-vote" | "surround-vote" | "double-proposal";
  readonly validator: ValidatorIndex;
  readonly pubkey: GroupKey;
  /** When the second one came in. */
  readonly at: UnixMs;
  /** What was seen first: attestation data, or a block header. */
  readonly first: unknown;
  /** What contradicts it. For a surround vote either may be the surrounding one. */
  readonly second: unknown;
}

/** One thing that happened on the chain, for a live view or a log. `afterDueMs` may be negative: early. */
export type ChainActivity =
  | { readonly kind: "slot"; readonly slot: Slot; readonly epoch: Epoch; readonly at: UnixMs }
  | {
      readonly kind: "block";
      readonly slot: Slot;
      readonly root: Hex;
      readonly proposer: ValidatorIndex;
      readonly by: "watched" | "chain";
      readonly blinded: boolean;
      readonly afterDueMs: number;
      readonly attestations: number;
      readonly syncParticipants: number;
    }
  | {
      /** A signed duty of a watched validator came in and is right. Told once per duty, however many nodes send it. */
      readonly kind: "received";
      readonly duty: JudgedKind;
      readonly slot: Slot;
      readonly validator: ValidatorIndex;
      readonly pubkey: GroupKey;
      readonly afterDueMs: number;
      readonly onTime: boolean;
    }
  | {
      /** Votes of watched validators for `slot` are on the chain, in the block of `blockSlot`. */
      readonly kind: "included";
      readonly slot: Slot;
      readonly blockSlot: Slot;
      readonly validators: readonly ValidatorIndex[];
    }
  | {
      readonly kind: "missed";
      readonly duty: JudgedKind;
      readonly slot: Slot;
      readonly validator: ValidatorIndex;
      readonly pubkey: GroupKey;
    }
  | { readonly kind: "slashable"; readonly slashing: Slashing }
  | {
      readonly kind: "refused";
      readonly what: string;
      readonly reason: string;
      readonly validator?: ValidatorIndex;
    }
  | { readonly kind: "finalized"; readonly epoch: Epoch; readonly root: Hex };
