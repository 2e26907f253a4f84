import type { ChainEvent } from "../ports/index.ts";
import { type ChainSpec, epochOf } from "../spec/index.ts";

/**
 * Counts how often what is known of duties became void. Duties hold as long as the chain keeps their dependent root; a
 * head event names those of its epoch and of the next, so a change of either within an epoch, or of what the epoch
 * before foretold, begins a new era.
 *
 * @spec beacon-APIs, topic `head`: previous_duty_dependent_root, current_duty_dependent_root
 */
export class Era {
  #number = 0;
  #epoch = -1;
  #previous = "";
  #current = "";
  readonly #chain: ChainSpec;

  constructor(chain: ChainSpec) {
    this.#chain = chain;
  }

  get number(): number {
    return this.#number;
  }

  onEvent(event: ChainEvent): void {
    if (event.kind !== "head") return;
    const epoch = epochOf(this.#chain, event.slot);
    const { previousDutyDependentRoot: previous, currentDutyDependentRoot: current } = event;
    const kept =
      this.#epoch === -1 ||
      (epoch === this.#epoch && previous === this.#previous && current === this.#current) ||
      (epoch === this.#epoch + 1 && previous === this.#current);
    if (!kept) this.#number++;
    this.#epoch = epoch;
    this.#previous = previous;
    this.#current = current;
  }
}
