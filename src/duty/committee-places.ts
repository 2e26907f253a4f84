/**
 * Where a committee's bits begin in an attestation of several committees (EIP-7549) when the sizes of the others are not
 * told. Committee i of an epoch with `count` committees has the validators from floor(n * i / count) up to
 * floor(n * (i + 1) / count), so the number n of active validators decides all sizes. We learn n bit by bit: from the sizes
 * of the committees that we are in, and from the lengths of the attestations on chain.
 *
 * @spec phase0/beacon-chain.md#compute_committee, electra/beacon-chain.md#modified-get_attesting_indices
 */
export class CommitteePlaces {
  readonly #count: number;
  readonly #committeesPerSlot: number;
  /** The numbers of active validators that fit all we have seen. */
  #candidates: readonly number[] | undefined;

  constructor(committeesPerSlot: number, slotsPerEpoch: number) {
    this.#committeesPerSlot = committeesPerSlot;
    this.#count = committeesPerSlot * slotsPerEpoch;
  }

  #size(active: number, index: number): number {
    return Math.floor((active * (index + 1)) / this.#count) - Math.floor((active * index) / this.#count);
  }

  #index(slotInEpoch: number, committee: number): number {
    return slotInEpoch * this.#committeesPerSlot + committee;
  }

  #keep(fits: (active: number) => boolean): void {
    const left = (this.#candidates ?? []).filter(fits);
    // What contradicts everything known cannot be right; a wrong clue must not cost us the right ones.
    if (left.length > 0) this.#candidates = left;
  }

  /** Learns from a committee whose length is known. */
  learnLength(slotInEpoch: number, committee: number, length: number): void {
    this.#candidates ??= Array.from(
      { length: 2 * this.#count },
      (_, i) => (length - 1) * this.#count + i,
    ).filter((active) => active >= 0);
    const index = this.#index(slotInEpoch, committee);
    this.#keep((active) => this.#size(active, index) === length);
  }

  /**
   * The place of our validator's bit among `bits` aggregation bits of the committees `present`.
   *
   * @returns The places that are possible after all we know: one, as a rule. Empty when our committee is not there.
   */
  places(
    slotInEpoch: number,
    present: readonly number[],
    bits: number,
    ours: { readonly committee: number; readonly place: number },
  ): readonly number[] {
    if (!present.includes(ours.committee)) return [];
    if (present.length === 1) return [ours.place];
    const sum = (active: number, committees: readonly number[]): number =>
      committees.reduce(
        (total, committee) => total + this.#size(active, this.#index(slotInEpoch, committee)),
        0,
      );
    this.#keep((active) => sum(active, present) === bits);
    const before = present.filter((committee) => committee < ours.committee);
    return [...new Set((this.#candidates ?? []).map((active) => sum(active, before) + ours.place))];
  }
}
