import { aggregateSignatures as blstAdd, Signature } from "@chainsafe/blst";
import { assert } from "../base/index.ts";
import { cheapestIndices, type IntegerLagrange, integerLagrange } from "./lagrange.ts";
import { multiplySignature } from "./multiply.ts";
import { CURVE_ORDER, KeyError, SecretKey } from "./secret-key.ts";

/** A key share and its place on the polynomial, from 1. */
export interface KeyShare {
  readonly index: number;
  readonly secret: SecretKey;
}

const mod = (value: bigint): bigint => ((value % CURVE_ORDER) + CURVE_ORDER) % CURVE_ORDER;

/**
 * Splits a key into `shareCount` shares of which any `threshold` make the same signatures. The polynomial is redrawn when
 * a share would be zero.
 *
 * @param entropy - Gives that many unpredictable bytes.
 * @spec Shamir, "How to share a secret" (1979)
 */
export function splitSecret(
  secret: SecretKey,
  options: {
    readonly threshold: number;
    readonly shareCount: number;
    readonly entropy: (bytes: number) => Uint8Array;
  },
): KeyShare[] {
  const { threshold, shareCount, entropy } = options;
  if (!(threshold >= 1 && threshold <= shareCount && shareCount <= 255)) {
    throw new KeyError("crypto/bad-shares", "split a key", {
      facts: { threshold, shareCount },
      hint: "The threshold must be between 1 and the number of operators.",
    });
  }
  for (;;) {
    const coefficients = [
      secret.revealScalar(),
      ...Array.from({ length: threshold - 1 }, () => randomScalar(entropy)),
    ];
    const values = Array.from({ length: shareCount }, (_, i) => evaluate(coefficients, BigInt(i + 1)));
    if (values.every((value) => value !== 0n))
      return values.map((value, i) => ({ index: i + 1, secret: SecretKey.fromScalar(value) }));
  }
}

function evaluate(coefficients: readonly bigint[], at: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => mod(sum * at + coefficient), 0n);
}

/** Uniform: 48 bytes reduced, so that the bias is below 2^-128. */
export function randomScalar(entropy: (bytes: number) => Uint8Array): bigint {
  for (;;) {
    const scalar = BigInt(`0x${Buffer.from(entropy(48)).toString("hex")}`) % CURVE_ORDER;
    if (scalar !== 0n) return scalar;
  }
}

/**
 * The key whose shares these are. All given shares are used; with more than the threshold a share that does not fit
 * changes the result, so compare its public key with what you expect.
 *
 * @throws KeyError `crypto/bad-shares` - no shares, or one index twice, or the result is no key.
 */
export function recoverSecret(shares: readonly KeyShare[]): SecretKey {
  const indices = shares.map((share) => share.index);
  if (
    shares.length === 0 ||
    new Set(indices).size !== indices.length ||
    indices.some((i) => !Number.isInteger(i) || i < 1)
  ) {
    throw new KeyError("crypto/bad-shares", "recover a key from its shares", { facts: { indices } });
  }
  const { numerators, denominator } = integerLagrange(indices);
  const sum = shares.reduce(
    (total, share, i) => mod(total + (numerators[i] as bigint) * share.secret.revealScalar()),
    0n,
  );
  const secret = mod(sum * invert(denominator));
  if (secret === 0n)
    throw new KeyError("crypto/bad-shares", "recover a key from its shares", { facts: { indices } });
  return SecretKey.fromScalar(secret);
}

/** Inverse modulo the order of the curve, by the extended Euclidean algorithm. */
export function invert(value: bigint): bigint {
  let [r0, r1, t0, t1] = [CURVE_ORDER, mod(value), 0n, 1n];
  while (r1 !== 0n) {
    const q = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1];
  }
  assert(r0 === 1n, "zero has no inverse");
  return mod(t0);
}

/** Sign bit of a compressed point (draft-irtf-cfrg-pairing-friendly-curves, appendix C): flipping it negates the point. */
const SIGN_BIT = 0x20;

function negated(signature: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(signature);
  copy[0] = (copy[0] as number) ^ SIGN_BIT;
  return copy;
}

/**
 * The group signature that partial signatures make, by additions alone where the index set allows. The result is NOT
 * verified: a bad partial gives a signature that is wrong, and `combineSlot` finds that out.
 *
 * @param partials - Exactly as many as the threshold, of distinct indices; each signature a point of G2.
 * @throws when a partial is not a point of the curve.
 */
export function combineUnverified(
  partials: readonly { readonly index: number; readonly signature: Uint8Array }[],
): Uint8Array {
  const lagrange = integerLagrange(partials.map((partial) => partial.index));
  const sum = signedSum(
    partials.map((partial) => partial.signature),
    lagrange,
  );
  return lagrange.denominator === 1n ? sum : multiplySignature(sum, invert(lagrange.denominator));
}

/**
 * Sum of `numerators[i] * points[i]`, by the bits of all numerators together (Straus): as many doublings as the largest
 * numerator has bits, and one addition per set bit.
 */
function signedSum(points: readonly Uint8Array[], { numerators }: IntegerLagrange): Uint8Array {
  const terms = points.map((point, i) => {
    const numerator = numerators[i] as bigint;
    return {
      weight: numerator < 0n ? -numerator : numerator,
      point: Signature.fromBytes(numerator < 0n ? negated(point) : point),
    };
  });
  const bits = Math.max(...terms.map((term) => term.weight.toString(2).length));
  let sum: Signature | undefined;
  for (let bit = BigInt(bits - 1); bit >= 0n; bit--) {
    const adding = terms.filter((term) => (term.weight >> bit) & 1n).map((term) => term.point);
    const summands = sum === undefined ? adding : [sum, sum, ...adding];
    if (summands.length > 0) sum = blstAdd(summands, false);
  }
  assert(sum !== undefined, "a sum has terms");
  return sum.toBytes();
}

/** The cheapest `threshold` of `partials` to combine. */
export function cheapestPartials<P extends { readonly index: number }>(
  partials: readonly P[],
  threshold: number,
): P[] {
  const chosen = new Set(
    cheapestIndices(
      partials.map((partial) => partial.index),
      threshold,
    ),
  );
  return partials.filter((partial) => chosen.has(partial.index));
}
