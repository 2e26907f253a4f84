import { type DutyId, dutyDeadline, dutyName, type OperatorIndex } from "../spec/index.ts";
import type { InstanceContext } from "./context.ts";
import { type ConsensusError, dutyOver } from "./errors.ts";
import { Instance } from "./instance.ts";
import { EARLY_INSTANCES_PER_PEER_MAX } from "./limits.ts";
import type { Refusal } from "./receive.ts";

/** What is known of a living instance, for people. */
export interface InstanceView {
  readonly duty: DutyId;
  /** Whether `agree` was called for it; otherwise only peers have spoken of it. */
  readonly joined: boolean;
  readonly round: number;
  readonly decidedRound: number | undefined;
}

interface Living {
  readonly instance: Instance;
  readonly cancelExpiry: () => void;
  /** The peer that made us open it, until we join ourselves. */
  openedBy: OperatorIndex | undefined;
}

/** The instances of all duties. Each lives from the first that is said of its duty to the duty's deadline, and is gone for good then. */
export class Instances {
  readonly #context: InstanceContext;
  readonly #living = new Map<string, Living>();
  #stopped = false;

  constructor(context: InstanceContext) {
    this.#context = context;
  }

  /** The instance of a duty of ours; undefined when the duty is over or everything is. */
  own(duty: DutyId): Instance | undefined {
    const living = this.#living.get(dutyName(duty)) ?? this.#open(duty, undefined);
    if (living !== undefined) living.openedBy = undefined;
    return living?.instance;
  }

  /** The instance that a peer speaks of. How many it may open is bounded per peer, so that our own duties always find room. */
  spokenOf(peer: OperatorIndex, duty: DutyId): Instance | Refusal {
    const known = this.#living.get(dutyName(duty));
    if (known !== undefined) return known.instance;
    const opened = [...this.#living.values()].filter(({ openedBy }) => openedBy === peer).length;
    if (opened >= EARLY_INSTANCES_PER_PEER_MAX) return "too-many";
    return this.#open(duty, peer)?.instance ?? "expired";
  }

  #open(duty: DutyId, openedBy: OperatorIndex | undefined): Living | undefined {
    const { chain, clock } = this.#context;
    const deadline = dutyDeadline(chain, duty);
    if (this.#stopped || deadline === undefined || deadline <= clock.now()) return undefined;
    const name = dutyName(duty);
    const instance = new Instance(duty, this.#context);
    const cancelExpiry = clock.at(deadline, () => {
      this.#living.delete(name);
      instance.close(dutyOver(duty));
    });
    const opened = { instance, cancelExpiry, openedBy };
    this.#living.set(name, opened);
    return opened;
  }

  /** Ends all, and opens no more. */
  stop(why: ConsensusError): void {
    this.#stopped = true;
    for (const { instance, cancelExpiry } of this.#living.values()) {
      cancelExpiry();
      instance.close(why);
    }
    this.#living.clear();
  }

  /** The oldest first. */
  views(): readonly InstanceView[] {
    return [...this.#living.values()].map(({ instance: { duty, joined, round, decidedRound } }) => ({
      duty,
      joined,
      round,
      decidedRound,
    }));
  }
}
