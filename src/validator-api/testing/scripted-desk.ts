import {
  type DecidedKind,
  type DecidedOf,
  DeskError,
  type DutyDesk,
  type Selected,
  type Sender,
  type Submission,
} from "../../ports/index.ts";
import type { GroupKey, Slot } from "../../spec/index.ts";

/** A desk of which the test says what the cluster decides, takes and combines. */
export class ScriptedDesk implements DutyDesk {
  readonly submitted: Submission[] = [];
  /** Who handed in each list. */
  readonly senders: (Sender | undefined)[] = [];
  /** Why an item is refused; undefined for one that is taken. */
  verdict: (item: Submission) => DeskError | undefined = () => undefined;
  /** How many calls wait now. */
  waiting = 0;
  readonly #slots = new Map<string, PromiseWithResolvers<ReadonlyMap<GroupKey, never>>>();
  readonly #proofs = new Map<string, PromiseWithResolvers<Uint8Array>>();

  /** From now on there is such a duty in the slot, undecided. */
  expect(kind: DecidedKind, slot: Slot): void {
    this.#slots.set(`${kind}/${slot}`, Promise.withResolvers());
  }

  decide<K extends DecidedKind>(kind: K, slot: Slot, values: ReadonlyMap<GroupKey, DecidedOf[K]>): void {
    if (!this.#slots.has(`${kind}/${slot}`)) this.expect(kind, slot);
    this.#slots.get(`${kind}/${slot}`)?.resolve(values as ReadonlyMap<GroupKey, never>);
  }

  reach(which: Selected, proof: Uint8Array): void {
    this.#proof(which).resolve(proof);
  }

  async decided<K extends DecidedKind>(
    kind: K,
    slot: Slot,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<GroupKey, DecidedOf[K]>> {
    const expected = this.#slots.get(`${kind}/${slot}`);
    if (expected === undefined)
      throw new DeskError("duty/not-ours", `none of ours has ${kind} in slot ${slot}`);
    return this.#wait(expected.promise, signal);
  }

  async submit(
    items: readonly Submission[],
    _: AbortSignal,
    from?: Sender,
  ): Promise<readonly (DeskError | undefined)[]> {
    this.senders.push(from);
    return items.map((item) => {
      const verdict = this.verdict(item);
      if (verdict === undefined) this.submitted.push(item);
      return verdict;
    });
  }

  async combined(
    items: readonly Selected[],
    signal: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const proofs: (Uint8Array | undefined)[] = items.map(() => undefined);
    const all = items.map(async (item, i) => void (proofs[i] = await this.#proof(item).promise));
    await this.#wait(Promise.all(all), signal).catch(() => {});
    return proofs;
  }

  #proof({ kind, slot, groupKey, subcommitteeIndex }: Selected): PromiseWithResolvers<Uint8Array> {
    const name = `${kind}/${slot}/${groupKey}/${subcommitteeIndex}`;
    const known = this.#proofs.get(name) ?? Promise.withResolvers<Uint8Array>();
    this.#proofs.set(name, known);
    return known;
  }

  async #wait<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    this.waiting++;
    try {
      return await Promise.race([
        promise,
        new Promise<never>((_, reject) => {
          if (signal.aborted) reject(signal.reason as Error);
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
      ]);
    } finally {
      this.waiting--;
    }
  }
}
