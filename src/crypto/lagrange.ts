import { assert } from "../base/index.ts";

/** Lagrange coefficients at 0 over a common denominator: coefficient i is `numerators[i] / denominator`. */
export interface IntegerLagrange {
  readonly numerators: readonly bigint[];
  /** At least 1. */
  readonly denominator: bigint;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/**
 * The Lagrange coefficients at 0 for share indices, as integers. Indices are small, so these are small too: for
 * {1, 2, 3} they are 3, -3, 1 over 1.
 *
 * @param indices - Distinct, each at least 1.
 */
export function integerLagrange(indices: readonly number[]): IntegerLagrange {
  assert(new Set(indices).size === indices.length, "share indices are distinct");
  const fractions = indices.map((i) => {
    let numerator = 1n;
    let denominator = 1n;
    for (const j of indices) {
      if (j === i) continue;
      numerator *= BigInt(j);
      denominator *= BigInt(j - i);
    }
    const sign = denominator < 0n ? -1n : 1n;
    const common = gcd(numerator, denominator);
    return { numerator: (sign * numerator) / common, denominator: (sign * denominator) / common };
  });
  const denominator = fractions.reduce((lcm, f) => (lcm / gcd(lcm, f.denominator)) * f.denominator, 1n);
  return { denominator, numerators: fractions.map((f) => f.numerator * (denominator / f.denominator)) };
}

/**
 * Which `threshold` of the given share indices to combine: the set whose denominator is 1 and whose coefficients are
 * smallest, if there is one. The choice changes the cost and never the result.
 */
export function cheapestIndices(indices: readonly number[], threshold: number): readonly number[] {
  const question = `${threshold} of ${indices.join()}`;
  let set = answered.get(question);
  if (set === undefined) {
    set = findCheapest(indices, threshold);
    if (answered.size >= ANSWERS_MAX) answered.clear();
    answered.set(question, set);
  }
  return set;
}

/** The same few operators answer again and again, and among ten of them the search takes as long as their combination. */
const answered = new Map<string, readonly number[]>();
const ANSWERS_MAX = 1_000;

function findCheapest(indices: readonly number[], threshold: number): readonly number[] {
  let best: { set: readonly number[]; cost: bigint } | undefined;
  for (const set of someSubsets(indices, threshold)) {
    const { numerators, denominator } = integerLagrange(set);
    const cost =
      (denominator === 1n ? 0n : 1n << 64n) + numerators.reduce((sum, n) => sum + (n < 0n ? -n : n), 0n);
    if (best === undefined || cost < best.cost) best = { set, cost };
  }
  assert(best !== undefined, "at least threshold indices");
  return best.set;
}

/** Subsets of a size; with many operators there are too many to look at, so a bounded number of them. */
const SUBSETS_MAX = 64;

function* someSubsets(items: readonly number[], size: number): Generator<readonly number[]> {
  let left = SUBSETS_MAX;
  function* from(start: number, chosen: readonly number[]): Generator<readonly number[]> {
    if (chosen.length === size) {
      left--;
      yield chosen;
      return;
    }
    for (let i = start; i < items.length && left > 0; i++)
      yield* from(i + 1, [...chosen, items[i] as number]);
  }
  yield* from(0, []);
}
