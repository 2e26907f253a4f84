import { aggregatePublicKeys, PublicKey } from "@chainsafe/blst";
import { equalBytes } from "../base/index.ts";
import { expandMessage } from "./expand-message.ts";
import type { PointArithmetic } from "./pairing-curve.ts";
import { bytesToScalar, CURVE_ORDER, modOrder, scalarToBytes } from "./scalar.ts";
import { SecretKey } from "./secret-key.ts";

/**
 * A polynomial of which only the coefficients times the generator are known (Feldman). Points are added by blst; the
 * identity cannot be committed to.
 */
export class CommittedPolynomial {
  /** Constant term first. */
  readonly #coefficients: readonly PublicKey[];

  private constructor(coefficients: readonly PublicKey[]) {
    this.#coefficients = coefficients;
  }

  /** Points from somebody else: 48 bytes each, on the curve, in the subgroup, not the identity; undefined otherwise. */
  static read(points: readonly Uint8Array[]): CommittedPolynomial | undefined {
    const polynomial = CommittedPolynomial.readOnCurve(points);
    return polynomial?.isInGroup() === true ? polynomial : undefined;
  }

  /**
   * As `read`, but whether the points are in the subgroup is not checked: that is three quarters of the work, and whoever adds
   * polynomials up can ask the sum.
   */
  static readOnCurve(points: readonly Uint8Array[]): CommittedPolynomial | undefined {
    const isIdentity = (point: Uint8Array): boolean => ((point[0] as number) & IDENTITY_BIT) !== 0;
    if (points.length === 0 || points.some((point) => point.length !== 48 || isIdentity(point)))
      return undefined;
    try {
      return new CommittedPolynomial(points.map((point) => PublicKey.fromBytes(point, false)));
    } catch {
      return undefined;
    }
  }

  /** Our own points. */
  static trusted(points: readonly Uint8Array[]): CommittedPolynomial {
    return new CommittedPolynomial(points.map((point) => PublicKey.fromBytes(point, false)));
  }

  /** Whether all points are in the subgroup, and none is the identity. */
  isInGroup(): boolean {
    try {
      for (const point of this.#coefficients) point.keyValidate();
      return true;
    } catch {
      return false;
    }
  }

  /** The sum of polynomials of the same degree. */
  static sum(polynomials: readonly CommittedPolynomial[]): CommittedPolynomial {
    const [first = new CommittedPolynomial([])] = polynomials;
    return new CommittedPolynomial(
      first.#coefficients.map((_, k) =>
        aggregatePublicKeys(polynomials.map((polynomial) => polynomial.#coefficients[k] as PublicKey)),
      ),
    );
  }

  /** The value at a small place times the generator, 48 bytes (Horner's rule; a place is an operator's number). */
  at(x: number): Uint8Array {
    const [constant, ...higher] = this.#coefficients;
    if (x === 0) return (constant as PublicKey).toBytes();
    const value = this.#coefficients
      .slice(0, -1)
      .reduceRight(
        (sum, coefficient) => aggregatePublicKeys([...Array.from({ length: x }, () => sum), coefficient]),
        (higher.at(-1) ?? constant) as PublicKey,
      );
    return value.toBytes();
  }
}

/** Set in the first byte of a compressed point. @spec zcash's serialisation of BLS12-381 */
const IDENTITY_BIT = 0x40;

/**
 * Schnorr's proof that somebody knows the secret key of a public key, given as response and challenge.
 *
 * @param publicKey - 48 bytes; that it is a point of the curve was checked. What is proved is proved of its part in the subgroup.
 * @param proof - 32 bytes each, big-endian.
 * @param challengeOf - Of the commitment (48 bytes) that response and challenge lead back to.
 */
export function provesKnowledge(
  publicKey: Uint8Array,
  proof: { readonly response: Uint8Array; readonly challenge: Uint8Array },
  challengeOf: (commitment: Uint8Array) => bigint,
  curve: PointArithmetic,
): boolean {
  if (proof.response.length !== 32 || proof.challenge.length !== 32) return false;
  const [response, challenge] = [bytesToScalar(proof.response), bytesToScalar(proof.challenge)];
  if (response === 0n || response >= CURVE_ORDER || challenge === 0n || challenge >= CURVE_ORDER)
    return false;
  // The generator is multiplied by blst, which does it three times as fast.
  const commitment = curve.difference(
    { point: SecretKey.fromScalar(response).publicKey(), by: 1n },
    { point: publicKey, by: challenge },
  );
  if (commitment === undefined) return false;
  return equalBytes(scalarToBytes(challengeOf(commitment)), proof.challenge);
}

/** 48 bytes of expand_message_xmd with SHA-256, reduced modulo the order. */
export function hashToScalar(domain: string, ...parts: readonly Uint8Array[]): bigint {
  return modOrder(bytesToScalar(expandMessage(domain, 48, ...parts)));
}
