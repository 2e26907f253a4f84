import { bytesToScalar, CURVE_ORDER, modOrder, SecretKey } from "../crypto/index.ts";
import type { ShareIndex } from "../spec/index.ts";

/** One validator's key, as one operator has it. */
export interface KeyOfValidator {
  /** 48 bytes. */
  readonly groupKey: Uint8Array;
  /** 48 bytes each, in operator order; computed from the commitments, so that nobody can lie about them. */
  readonly publicShares: readonly Uint8Array[];
  readonly secret: SecretKey;
}

/** Who sent what no honest operator sends. */
export interface Lie {
  readonly liar: ShareIndex;
  readonly what: string;
}

export const isLie = (result: object | undefined): result is Lie => result !== undefined && "liar" in result;

/** @param scalar - Not zero. */
export const timesGenerator = (scalar: bigint): Uint8Array => SecretKey.fromScalar(scalar).publicKey();

/** The value of a polynomial, constant term first. */
export const valueAt = (coefficients: readonly bigint[], x: number): bigint =>
  coefficients.reduceRight((sum, coefficient) => modOrder(sum * BigInt(x) + coefficient), 0n);

/** 32 bytes, not zero, and below the order. */
export function isShare(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  const scalar = bytesToScalar(bytes);
  return scalar > 0n && scalar < CURVE_ORDER;
}

/** Undefined for what is no share. */
export const publicOf = (share: Uint8Array): Uint8Array | undefined =>
  isShare(share) ? SecretKey.fromBytes(share).publicKey() : undefined;
