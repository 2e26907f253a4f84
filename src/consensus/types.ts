import type { DutyId } from "../spec/index.ts";

/** What the cluster agrees on: a protobuf message as google.protobuf.Any carries it. Consensus does not know what it means. */
export interface ConsensusValue {
  /** e.g. "type.googleapis.com/core.corepb.v1.UnsignedDataSet" */
  readonly typeUrl: string;
  /** The inner message, deterministically encoded. */
  readonly bytes: Uint8Array;
}

export interface Decision {
  readonly value: ConsensusValue;
  /** The round in which it was decided, from 1. */
  readonly round: number;
}

/** Agreement among the operators, one instance per duty. */
export interface Consensus {
  /**
   * Joins the instance of `duty` at once and settles with what the quorum decided. While `proposal` is pending we take
   * part in everything but leading; its failure only means that we do not lead. `agree` owns `proposal` and handles its rejection.
   *
   * @param options.acceptable - Judges the value that the leader of a round proposes, before we vote for it. Quick, or a
   *   promise that settles well within the round: until then the rest of the instance goes on. A value that is not
   *   acceptable gets no PREPARE from us, so a lying leader costs its round and no more.
   * @throws the signal's reason when it fires first.
   */
  agree(
    duty: DutyId,
    options: {
      readonly proposal: Promise<ConsensusValue>;
      readonly acceptable: (value: ConsensusValue, round: number) => boolean | Promise<boolean>;
    },
    signal: AbortSignal,
  ): Promise<Decision>;
}
