import { toHex } from "../base/index.ts";
import { CURVE_ORDER, SecretKey, sha256 } from "../crypto/index.ts";
import type { GroupKey } from "../spec/index.ts";

/**
 * The well-known secret key number `index`, worthless by design: sha256 of the index as 32 bytes little-endian, read as a
 * little-endian number, modulo the group order.
 *
 * @spec eth2.0-pm interop/mocked_start "Pubkey/privkey generation"
 */
export function interopSecretKey(index: number): SecretKey {
  return SecretKey.fromScalar(interopScalar(index));
}

/** The public key of `interopSecretKey(index)`. */
export function interopPublicKey(index: number): GroupKey {
  return toHex(interopSecretKey(index).publicKey()) as GroupKey;
}

function interopScalar(index: number): bigint {
  const preimage = new Uint8Array(32);
  new DataView(preimage.buffer).setBigUint64(0, BigInt(index), true);
  return littleEndian(sha256(preimage)) % CURVE_ORDER;
}

/** Bytes as an unsigned little-endian number. */
export function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  return value;
}
