import { SecretKey as BlstSecretKey } from "@chainsafe/blst";
import { KeyError, SecretKey } from "./secret-key.ts";

const SEED_BYTES_MIN = 32;

/**
 * The key at a path below a seed.
 *
 * @param seed - At least 32 bytes.
 * @param path - Indices from the master key down, each below 2^32; empty for the master key itself.
 * @throws KeyError `crypto/bad-secret-key` - the seed is too short, or an index is none.
 * @spec EIP-2333
 */
export function deriveSecretKey(seed: Uint8Array, path: readonly number[]): SecretKey {
  const isIndex = (index: number): boolean => Number.isInteger(index) && index >= 0 && index < 2 ** 32;
  if (seed.length < SEED_BYTES_MIN || !path.every(isIndex))
    throw new KeyError("crypto/bad-secret-key", "derive a BLS key from a seed", {
      facts: { seedBytes: seed.length, path },
      hint: "A seed has at least 32 bytes, and an index is a whole number below 2^32.",
    });
  let key = BlstSecretKey.deriveMasterEip2333(seed);
  for (const index of path) key = key.deriveChildEip2333(index);
  const bytes = key.toBytes();
  try {
    return SecretKey.fromBytes(bytes);
  } finally {
    bytes.fill(0);
  }
}
