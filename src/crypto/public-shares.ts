import { aggregatePublicKeys, type PublicKey } from "@chainsafe/blst";
import { equalBytes } from "../base/index.ts";
import { ParsedKeys } from "./bls.ts";

/**
 * Whether any `threshold` of the shares make the group key: whether group key and shares are the values at 0, 1, 2, … of one
 * polynomial of degree `threshold` - 1 times the generator. That holds exactly when all its differences of order `threshold`
 * are nothing, and their coefficients are small integers, so additions are enough. False for what is no public key.
 *
 * @param publicShares - By operator; the operator at `i` holds the value at `i` + 1.
 */
export function areSharesOf(
  groupKey: Uint8Array,
  publicShares: readonly Uint8Array[],
  threshold: number,
  keys: ParsedKeys = new ParsedKeys(),
): boolean {
  if (threshold < 1 || threshold > publicShares.length) return false;
  try {
    const values = [groupKey, ...publicShares].map((key) => keys.parse(key));
    const coefficients = binomials(threshold);
    return values
      .slice(threshold)
      .every((_, from) => isNothing(values.slice(from, from + threshold + 1), coefficients));
  } catch {
    return false;
  }
}

/** Whether the sum of the values times the coefficients, with alternating signs, is the identity. */
function isNothing(values: readonly PublicKey[], coefficients: readonly bigint[]): boolean {
  const sumOf = (parity: number): Uint8Array =>
    add(
      values.map((value, k) => times(value, coefficients[k] as bigint)).filter((_, k) => k % 2 === parity),
    ).toBytes();
  return equalBytes(sumOf(0), sumOf(1));
}

/** A row of Pascal's triangle. */
function binomials(n: number): readonly bigint[] {
  const row = [1n];
  for (let k = 1; k <= n; k++) row.push(((row[k - 1] as bigint) * BigInt(n - k + 1)) / BigInt(k));
  return row;
}

/** @param factor - From 1 on. */
function times(point: PublicKey, factor: bigint): PublicKey {
  let result = point;
  for (const bit of factor.toString(2).slice(1))
    result = add(bit === "1" ? [result, result, point] : [result, result]);
  return result;
}

const add = (points: readonly PublicKey[]): PublicKey =>
  points.length === 1 ? (points[0] as PublicKey) : aggregatePublicKeys([...points], false);
