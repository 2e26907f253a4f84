import { toHex } from "../base/index.ts";
import { type BeaconNode, type Clock, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, dutyDue, type Epoch, type phase0, type Slot } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";

type Vote = phase0.AttestationData;

interface ViewContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly beacon: BeaconNode;
}

/**
 * Protects from voting for another chain than the one our own beacon node follows (docs/adr/0081). A vote that somebody
 * proposes is refused when our beacon node, asked after it came, says another source or target; the head may differ.
 * A beacon node that does not answer in time contradicts nobody, so a slow one never costs a duty.
 */
export class VoteView {
  readonly #context: ViewContext;
  /** What our beacon node said last. */
  #seen: Vote | undefined;
  /** Questions that are under way, by what they ask. */
  readonly #asking = new Map<string, Promise<boolean>>();
  /** The latest source that one of ours voted with: an earlier one would be surrounded or surround. */
  #signedSource: Epoch = 0;

  constructor(context: ViewContext) {
    this.#context = context;
  }

  /** Our beacon node's own vote data. */
  saw(vote: Vote): void {
    this.#seen = vote;
  }

  /** The slashing memory admitted it. */
  signed(vote: Vote): void {
    this.#signedSource = Math.max(this.#signedSource, vote.source.epoch);
  }

  /**
   * Whether votes of one slot may be voted for. Checkpoints hold for an epoch, so the answer is there at once as a rule;
   * otherwise it comes a moment after the vote is due at the latest.
   */
  bears(
    slot: Slot,
    committee: number,
    votes: readonly Vote[],
    signal: AbortSignal,
  ): boolean | Promise<boolean> {
    if (this.#agrees(votes)) return true;
    const question = `${slot} ${committee} ${[...new Set(votes.map(checkpoints))].join(" ")}`;
    const asked = this.#asking.get(question);
    if (asked !== undefined) return asked;
    const answer = this.#ask(slot, committee, votes, signal).finally(() => this.#asking.delete(question));
    this.#asking.set(question, answer);
    return answer;
  }

  #agrees(votes: readonly Vote[]): boolean {
    const seen = this.#seen && checkpoints(this.#seen);
    return seen !== undefined && votes.every((vote) => checkpoints(vote) === seen);
  }

  /** Asks again for as long as there is time: a block that is on its way may change what our beacon node says. */
  async #ask(slot: Slot, committee: number, votes: readonly Vote[], signal: AbortSignal): Promise<boolean> {
    const { clock, chain, beacon } = this.#context;
    const pauseMs = Math.ceil(LIMITS.viewWait * chain.slotMs);
    const until = Math.max(clock.now(), dutyDue(chain, { slot, kind: "attester" })) + pauseMs;
    const late = new AbortController();
    const cancel = clock.at(until, () => late.abort());
    const either = AbortSignal.any([signal, late.signal]);
    let contradicted = false;
    try {
      while (!either.aborted) {
        const answer = await beacon.attestationData(slot, committee, either).catch(() => undefined);
        if (answer !== undefined) {
          this.saw(answer);
          if (this.#agrees(votes)) return true;
          contradicted = true;
        }
        await sleepUntil(clock, clock.now() + pauseMs, either).catch(() => {});
      }
    } finally {
      cancel();
    }
    return !contradicted && votes.every(({ source }) => source.epoch >= this.#signedSource);
  }
}

/** What has to be the same for two votes not to contradict each other. */
function checkpoints({ source, target }: Vote): string {
  return [source, target].map(({ epoch, root }) => `${epoch}:${toHex(root)}`).join("/");
}
