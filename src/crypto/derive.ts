import { SecretKey as BlstSecretKey } from "@chainsafe/blst";
import { SecretKey } from "./secret-key.ts";

/**
 * The key at a path below a seed.
 *
 * @param seed - At least 32 bytes.
 * @param path - Indices from the master key down; empty for the master key itself.
 * @spec EIP-2333
 */
export function deriveSecretKey(seed: Uint8Array, path: readonly number[]): SecretKey {
  let key = BlstSecretKey.deriveMasterEip2333(seed);
  for (const index of path) key = key.deriveChildEip2333(index);
  return SecretKey.fromBytes(key.toBytes());
}
