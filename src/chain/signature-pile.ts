import { aggregateSignatures } from "../crypto/index.ts";

/** One signature and the places it stands for. A single voter has one place; a seat in the sync committee may come in many. */
export interface PiledSignature {
  readonly places: readonly number[];
  readonly signature: Uint8Array;
  /** How often the signature counts in the aggregate: once per place for one voter, once for a ready-made aggregate. */
  readonly weight: number;
}

/** The compressed point at infinity of G2: the aggregate of nobody. */
export const INFINITY_SIGNATURE: Uint8Array = Uint8Array.from({ length: 96 }, (_, i) => (i === 0 ? 0xc0 : 0));

/** Verified signatures over one root that are to be added up. No place is taken twice. */
export class SignaturePile {
  readonly #items: PiledSignature[] = [];
  readonly #taken = new Set<number>();
  #sum: Uint8Array | undefined;

  /** Whether it was added: false when one of its places is taken. */
  add(item: PiledSignature): boolean {
    if (item.places.length === 0 || item.places.some((place) => this.#taken.has(place))) return false;
    this.#items.push(item);
    for (const place of item.places) this.#taken.add(place);
    this.#sum = undefined;
    return true;
  }

  has(place: number): boolean {
    return this.#taken.has(place);
  }

  get items(): readonly PiledSignature[] {
    return this.#items;
  }

  /** Places taken, ascending. */
  get places(): number[] {
    return [...this.#taken].toSorted((a, b) => a - b);
  }

  get size(): number {
    return this.#taken.size;
  }

  /** The aggregate; undefined while the pile is empty. */
  aggregate(): Uint8Array | undefined {
    this.#sum ??= weightedSum(this.#items);
    return this.#sum;
  }
}

/**
 * The sum of signatures, each as often as it weighs. Horner's scheme over the bits of the weights: a few voters that hold
 * all 512 seats of a sync committee cost some ten additions instead of 512.
 */
export function weightedSum(
  items: readonly { readonly signature: Uint8Array; readonly weight: number }[],
): Uint8Array | undefined {
  const heaviest = items.reduce((most, { weight }) => Math.max(most, weight), 0);
  let sum: Uint8Array | undefined;
  for (let bit = Math.floor(Math.log2(heaviest || 1)); bit >= 0; bit--) {
    const doubled = sum === undefined ? [] : [sum, sum];
    const added = items
      .filter(({ weight }) => ((weight >>> bit) & 1) === 1)
      .map(({ signature }) => signature);
    sum = aggregateSignatures([...doubled, ...added]);
  }
  return sum;
}
