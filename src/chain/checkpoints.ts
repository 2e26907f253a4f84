import { type Hex, toHex } from "../base/index.ts";
import type { Epoch, Root, ValidatorIndex } from "../spec/index.ts";
import { EPOCHS_KEPT } from "./limits.ts";

export interface Checkpoint {
  readonly epoch: Epoch;
  readonly root: Root;
}

/** What the state of an epoch says about finality. */
export interface Finality {
  readonly previousJustified: Checkpoint;
  readonly currentJustified: Checkpoint;
  readonly finalized: Checkpoint;
}

const ZERO: Checkpoint = { epoch: 0, root: new Uint8Array(32) };

/** Looks up what justification depends on. */
export interface FinalityInputs {
  readonly stake: (indices: Iterable<ValidatorIndex>) => bigint;
  readonly active: (epoch: Epoch) => readonly ValidatorIndex[];
  /** Root of the block at the first slot of the epoch, or of the last one before it. */
  readonly checkpointRoot: (epoch: Epoch) => Root;
}

/**
 * Justification and finality, by the specification's own rules over the votes that are on the chain. What is simpler: votes
 * count by the target they name and the chain has one branch, so a wrong target is simply a vote that does not count.
 *
 * @spec phase0/beacon-chain.md#justification-and-finalization
 */
export class Checkpoints {
  readonly #inputs: FinalityInputs;
  /** Validators with a vote for the right target on the chain, by target epoch. */
  readonly #votes = new Map<Epoch, Set<ValidatorIndex>>();
  readonly #byEpoch = new Map<Epoch, Finality>();
  /** justified[n]: whether the n-th epoch before the present one is justified. */
  #justified: boolean[] = [false, false, false, false];
  #now: Finality = { previousJustified: ZERO, currentJustified: ZERO, finalized: ZERO };

  constructor(inputs: FinalityInputs) {
    this.#inputs = inputs;
    this.#byEpoch.set(0, this.#now);
  }

  /** As the state of the present epoch has it. */
  get now(): Finality {
    return this.#now;
  }

  /** As the states of `epoch` had it; undefined when that is forgotten or to come. */
  during(epoch: Epoch): Finality | undefined {
    return this.#byEpoch.get(epoch);
  }

  /** Counts a vote that a block includes. */
  include(epoch: Epoch, targetRoot: Root, validators: Iterable<ValidatorIndex>): void {
    if (toHex(targetRoot) !== toHex(this.#inputs.checkpointRoot(epoch))) return;
    let voted = this.#votes.get(epoch);
    if (voted === undefined) this.#votes.set(epoch, (voted = new Set()));
    for (const validator of validators) voted.add(validator);
  }

  /**
   * Ends the epoch before `epoch`.
   *
   * @returns The checkpoint that became final by it.
   */
  enter(epoch: Epoch): { readonly epoch: Epoch; readonly root: Hex } | undefined {
    const ended = epoch - 1;
    const before = this.#now;
    // The first two epochs justify nothing, by the specification.
    if (ended > 1) this.#weigh(ended);
    this.#byEpoch.set(epoch, this.#now);
    for (const memory of [this.#byEpoch, this.#votes] as const)
      for (const known of memory.keys()) if (known < epoch - EPOCHS_KEPT) memory.delete(known);
    const { finalized } = this.#now;
    return finalized.epoch === before.finalized.epoch
      ? undefined
      : { epoch: finalized.epoch, root: toHex(finalized.root) };
  }

  #weigh(ended: Epoch): void {
    const { previousJustified: oldPrevious, currentJustified: oldCurrent } = this.#now;
    let { finalized } = this.#now;
    let currentJustified = oldCurrent;
    const justified = [false, ...this.#justified.slice(0, 3)];
    if (this.#hasTwoThirds(ended - 1)) {
      currentJustified = this.#checkpoint(ended - 1);
      justified[1] = true;
    }
    if (this.#hasTwoThirds(ended)) {
      currentJustified = this.#checkpoint(ended);
      justified[0] = true;
    }
    const all = (from: number, to: number): boolean => justified.slice(from, to).every(Boolean);
    if (all(1, 4) && oldPrevious.epoch + 3 === ended) finalized = oldPrevious;
    if (all(1, 3) && oldPrevious.epoch + 2 === ended) finalized = oldPrevious;
    if (all(0, 3) && oldCurrent.epoch + 2 === ended) finalized = oldCurrent;
    if (all(0, 2) && oldCurrent.epoch + 1 === ended) finalized = oldCurrent;
    this.#justified = justified;
    this.#now = { previousJustified: oldCurrent, currentJustified, finalized };
  }

  #hasTwoThirds(epoch: Epoch): boolean {
    const voted = this.#inputs.stake(this.#votes.get(epoch) ?? []);
    return 3n * voted >= 2n * this.#inputs.stake(this.#inputs.active(epoch));
  }

  #checkpoint(epoch: Epoch): Checkpoint {
    return { epoch, root: this.#inputs.checkpointRoot(epoch) };
  }
}
