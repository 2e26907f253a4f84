import type { DutyId } from "../spec/index.ts";
import type { InstanceContext } from "./context.ts";
import { nextRound, roundEnd } from "./round-timer.ts";

/** The one timer of an instance: that of the round it is in. */
export class InstanceTimer {
  readonly #duty: DutyId;
  readonly #context: InstanceContext;
  /** @param next - The round to ask for. */
  readonly #onEnd: (round: number, next: number) => void;
  #cancel: (() => void) | undefined;
  #round = 0;

  constructor(duty: DutyId, context: InstanceContext, onEnd: (round: number, next: number) => void) {
    this.#duty = duty;
    this.#context = context;
    this.#onEnd = onEnd;
  }

  /** In place of any other; a second start in one round extends it. */
  start(round: number): void {
    this.stop();
    const { chain, clock, publicKeys } = this.#context;
    const ends = roundEnd(chain, this.#duty, round);
    const at = this.#round === round ? ends.extended : ends.first;
    this.#round = round;
    this.#cancel = clock.at(at, () => {
      const place = { after: round, operatorCount: publicKeys.length, now: clock.now() };
      this.#onEnd(round, nextRound(chain, this.#duty, place));
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
