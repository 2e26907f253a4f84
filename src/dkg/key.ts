import { bytesToScalar, CURVE_ORDER, KeyError, modOrder, SecretKey } from "../crypto/index.ts";
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

/** Undefined for what is no share: of another length than 32 bytes, zero, or not below the order. */
export function publicOf(share: Uint8Array): Uint8Array | undefined {
  if (share.length !== 32 || bytesToScalar(share) >= CURVE_ORDER) return undefined;
  try {
    return SecretKey.fromBytes(share).publicKey();
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}
