import { assert } from "../base/index.ts";

/** Order of the groups of BLS12-381. */
export const CURVE_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

/** Prime of the field over which BLS12-381 is defined. */
export const FIELD_PRIME =
  0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;

/** 32 bytes, big-endian. */
export function scalarToBytes(scalar: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(scalar.toString(16).padStart(64, "0"), "hex"));
}

/** Big-endian, any length. */
export function bytesToScalar(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex") || "0"}`);
}

/** The representative in 0 .. order - 1. */
export function modOrder(value: bigint): bigint {
  const rest = value % CURVE_ORDER;
  return rest < 0n ? rest + CURVE_ORDER : rest;
}

/** Inverse modulo the order of the curve, by the extended Euclidean algorithm. */
export function invert(value: bigint): bigint {
  let [r0, r1, t0, t1] = [CURVE_ORDER, modOrder(value), 0n, 1n];
  while (r1 !== 0n) {
    const q = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1];
  }
  assert(r0 === 1n, "zero has no inverse");
  return modOrder(t0);
}

/**
 * Uniform and not zero: 48 bytes reduced, so that the bias is below 2^-128.
 *
 * @param entropy - Gives that many unpredictable bytes; what it gave is wiped.
 */
export function randomScalar(entropy: (bytes: number) => Uint8Array): bigint {
  const bytes = entropy(48);
  assert(bytes.length === 48, "entropy gives as many bytes as it is asked for");
  const scalar = bytesToScalar(bytes) % CURVE_ORDER;
  bytes.fill(0);
  // Chance gives a zero once in 2^255 draws; a broken source of entropy gives it every time.
  assert(scalar !== 0n, "entropy is not all zeros");
  return scalar;
}
