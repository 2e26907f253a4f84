/** Somebody who waits, where he comes from, and how he is told that he has lost his places. */
interface Holder {
  readonly address: string;
  readonly count: number;
  readonly leave: () => void;
}

/**
 * A number of places of which nobody is kept out: when one comes for whom there are too few, whoever holds the most of them, at the
 * address that holds the most, loses his. That may be who has just come.
 */
export class Places {
  readonly #max: number;
  readonly #holders = new Set<Holder>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * @param leave - Called at most once, perhaps before this returns, when the places are lost; never after they were given back.
   * @returns Gives them back.
   */
  take(address: string, count: number, leave: () => void): () => void {
    const holder: Holder = { address, count, leave };
    this.#holders.add(holder);
    this.#taken += count;
    while (this.#taken > this.#max) {
      const most = this.#most();
      this.#release(most);
      most.leave();
    }
    return () => this.#release(holder);
  }

  #release(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#taken -= holder.count;
  }

  #most(): Holder {
    const sum = (some: readonly Holder[]): number => some.reduce((all, { count }) => all + count, 0);
    const addresses = [...Map.groupBy(this.#holders, ({ address }) => address).values()];
    const most = addresses.reduce((a, b) => (sum(b) > sum(a) ? b : a));
    return most.reduce((a, b) => (b.count > a.count ? b : a));
  }
}
