import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { isPublicKey } from "./bls.ts";
import type { PointArithmetic } from "./pairing-curve.ts";
import type { SecretKey } from "./secret-key.ts";

// Encryption to a public key of BLS12-381, as the library of Charon's Pedersen ceremony has it: an ephemeral point, then
// AES-256-GCM under a key and nonce that HKDF makes of the shared point. The key is used once, so the nonce needs no chance.

const POINT_BYTES = 48;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @param ephemeral - Of this one message.
 * @returns 64 bytes longer than `plain`.
 */
export function encryptTo(
  curve: PointArithmetic,
  publicKey: Uint8Array,
  plain: Uint8Array,
  ephemeral: SecretKey,
): Uint8Array {
  const { key, nonce } = derive(curve.multiply(publicKey, ephemeral.revealScalar()));
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return new Uint8Array(
    Buffer.concat([ephemeral.publicKey(), cipher.update(plain), cipher.final(), cipher.getAuthTag()]),
  );
}

/** The point that sender and receiver share; undefined when the message does not begin with a point of the group. */
export function sharedPoint(
  curve: PointArithmetic,
  encrypted: Uint8Array,
  key: SecretKey,
): { readonly ephemeral: Uint8Array; readonly shared: Uint8Array } | undefined {
  const ephemeral = encrypted.subarray(0, POINT_BYTES);
  if (!isPublicKey(ephemeral)) return undefined;
  return { ephemeral, shared: curve.multiply(ephemeral, key.revealScalar()) };
}

/** What was encrypted; undefined when it was not encrypted so. */
export function openWith(shared: Uint8Array, encrypted: Uint8Array): Uint8Array | undefined {
  const body = encrypted.subarray(POINT_BYTES);
  if (body.length < TAG_BYTES) return undefined;
  const { key, nonce } = derive(shared);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]));
  } catch {
    return undefined;
  }
}

function derive(shared: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const bytes = new Uint8Array(
    hkdfSync("sha256", shared, new Uint8Array(0), new Uint8Array(0), KEY_BYTES + NONCE_BYTES),
  );
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}
