import { AssertionFailed, explain } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { type QbftMessage, quorum } from "../qbft/index.ts";
import { type DutyId, dutyName } from "../spec/index.ts";
import type { ConsensusValue } from "./types.ts";

/** Whether we would vote for a value; `Consensus.agree` says more. */
export type Acceptable = (value: ConsensusValue, round: number) => boolean | Promise<boolean>;

/**
 * Whether a quorum has prepared the proposed value before. Enough correct operators found it acceptable then; another opinion
 * now (a beacon node may change its mind) would only keep the cluster from a value that it can no longer leave.
 */
export function isVouched({ value, justification }: QbftMessage, operatorCount: number): boolean {
  const prepares = justification.filter((part) => part.kind === "prepare" && part.value === value);
  const authors = new Set(prepares.map((part) => part.source));
  return authors.size >= quorum(operatorCount);
}

/** Has proposals judged, one in each round: to judge a value is to decode it, or to ask every beacon node for seconds. */
export class Judge {
  readonly #duty: DutyId;
  readonly #log: Logger;
  /** Rounds whose proposal was judged, or is being judged. */
  readonly #judged = new Set<number>();

  constructor(duty: DutyId, log: Logger) {
    this.#duty = duty;
    this.#log = log;
  }

  /** Undefined for a second proposal of a round: a leader proposes once, and what it says afterwards is not looked at. */
  verdict(
    round: number,
    value: ConsensusValue,
    acceptable: Acceptable,
  ): boolean | Promise<boolean> | undefined {
    if (this.#judged.has(round)) return undefined;
    this.#judged.add(round);
    try {
      const verdict = acceptable(value, round);
      return typeof verdict === "boolean"
        ? verdict
        : verdict.catch((error: unknown) => this.#stumbled(error));
    } catch (error) {
      return this.#stumbled(error);
    }
  }

  /** A value that its judge stumbles over is not one to vote for, and must not end the duty. */
  #stumbled(error: unknown): false {
    if (error instanceof AssertionFailed) throw error;
    this.#log.warn("A proposed value could not be judged", {
      duty: dutyName(this.#duty),
      why: explain(error),
    });
    return false;
  }
}
