import { aggregateSignatures as blstAdd, Signature } from "@chainsafe/blst";
import { assert } from "../base/index.ts";
import { bytesToScalar, FIELD_PRIME } from "./scalar.ts";

/**
 * Bits of the weights handled in one call. A call into blst took 3 us and each summand 1.6 us where it was measured, and k
 * doublings in one call take 2^k summands; that makes 2 bits the cheapest.
 */
const WINDOW_BITS = 2n;
/** Up to this many additions in all, one flat call is cheaper than windows. */
const FLAT_SUM_MAX = 40n;

/**
 * Sum of `weights[i] * points[i]` by blst's additions alone. Quick when the weights are short.
 *
 * @param weights - Positive, negative or zero.
 * @returns undefined when all weights are zero.
 * @spec Straus, "Addition chains of vectors" (1964)
 */
export function signedSum(points: readonly Signature[], weights: readonly bigint[]): Signature | undefined {
  assert(points.length === weights.length, "one weight per point");
  const terms = points
    .map((point, i) => ({ point, weight: weights[i] as bigint }))
    .filter(({ weight }) => weight !== 0n)
    .map(({ point, weight }) =>
      weight < 0n ? { point: negated(point), weight: -weight } : { point, weight },
    );
  if (terms.length === 0) return undefined;
  const additions = terms.reduce((sum, { weight }) => sum + weight, 0n);
  if (additions <= FLAT_SUM_MAX) {
    return add(terms.flatMap(({ point, weight }) => Array<Signature>(Number(weight)).fill(point)));
  }
  return windowedSum(terms);
}

function windowedSum(terms: readonly { readonly point: Signature; readonly weight: bigint }[]): Signature {
  const tables = terms.map(({ point, weight }) => ({
    weight,
    multiples: [undefined, point, add([point, point]), add([point, point, point])],
  }));
  const bits = BigInt(Math.max(...terms.map(({ weight }) => weight.toString(2).length)));
  let sum: Signature | undefined;
  for (let shift = bits - 1n - ((bits - 1n) % WINDOW_BITS); shift >= 0n; shift -= WINDOW_BITS) {
    const digits = tables
      .map(({ weight, multiples }) => multiples[Number((weight >> shift) & 3n)])
      .filter((multiple) => multiple !== undefined);
    const summands = sum === undefined ? digits : [sum, sum, sum, sum, ...digits];
    if (summands.length > 0) sum = add(summands);
  }
  assert(sum !== undefined, "a sum has terms");
  return sum;
}

function add(points: Signature[]): Signature {
  const [only] = points;
  return points.length === 1 && only !== undefined ? only : blstAdd(points, false);
}

/** Uncompressed points are x.c1, x.c0, y.c1, y.c0, 48 bytes each; the negative has the same x and p - y. */
function negated(point: Signature): Signature {
  const bytes = Uint8Array.from(point.toBytes(false));
  for (const at of [96, 144]) {
    const c = bytesToScalar(bytes.subarray(at, at + 48));
    if (c !== 0n) bytes.set(Buffer.from((FIELD_PRIME - c).toString(16).padStart(96, "0"), "hex"), at);
  }
  return Signature.fromBytes(bytes);
}
