import { Signature } from "@chainsafe/blst";
import { present } from "../base/index.ts";
import { divideSignature } from "./divide.ts";
import { cheapestIndices, integerLagrange } from "./lagrange.ts";
import { invert, modOrder, randomScalar } from "./scalar.ts";
import { KeyError, SecretKey } from "./secret-key.ts";
import { signedSum } from "./signed-sum.ts";

/** A key share and its place on the polynomial, from 1. */
export interface KeyShare {
  readonly index: number;
  readonly secret: SecretKey;
}

/** Operators of a cluster (protocol: at most 256 in a definition; share indices are kept in one byte). */
const SHARES_MAX = 255;
/** Chance gives a zero share once in 2^247 draws. */
const DRAWS_MAX = 8;

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
  if (
    !(Number.isInteger(threshold) && threshold >= 1 && threshold <= shareCount && shareCount <= SHARES_MAX)
  ) {
    throw new KeyError("crypto/bad-shares", "split a key", {
      facts: { threshold, shareCount },
      hint: "The threshold must be between 1 and the number of operators.",
    });
  }
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const coefficients = [
      secret.revealScalar(),
      ...Array.from({ length: threshold - 1 }, () => randomScalar(entropy)),
    ];
    const values = Array.from({ length: shareCount }, (_, i) => evaluate(coefficients, BigInt(i + 1)));
    if (values.every((value) => value !== 0n))
      return values.map((value, i) => ({ index: i + 1, secret: SecretKey.fromScalar(value) }));
  }
  throw new KeyError("crypto/bad-shares", "split a key: every polynomial gave a zero share", {
    hint: "The source of entropy is broken.",
  });
}

function evaluate(coefficients: readonly bigint[], at: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => modOrder(sum * at + coefficient), 0n);
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
    (total, share, i) => modOrder(total + (numerators[i] as bigint) * share.secret.revealScalar()),
    0n,
  );
  const secret = modOrder(sum * invert(denominator));
  if (secret === 0n)
    throw new KeyError("crypto/bad-shares", "recover a key from its shares", { facts: { indices } });
  return SecretKey.fromScalar(secret);
}

/**
 * The group signature that partial signatures make, by additions alone where the index set allows. The result is NOT
 * verified: a bad partial gives a signature that is wrong, and `combineSlot` finds that out.
 *
 * @param partials - Exactly as many as the threshold, of distinct indices.
 * @returns 96 bytes, compressed G2.
 * @throws when a partial is not a point of the curve.
 */
export function combineUnverified(
  partials: readonly { readonly index: number; readonly signature: Uint8Array }[],
): Uint8Array {
  const { numerators, denominator } = integerLagrange(partials.map((partial) => partial.index));
  const points = partials.map((partial) => Signature.fromBytes(partial.signature));
  const sum = signedSum(points, numerators);
  return divideSignature(present(sum, "coefficients of distinct indices"), denominator).toBytes();
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
