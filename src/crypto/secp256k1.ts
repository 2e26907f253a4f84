import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { keccak_256 } from "@noble/hashes/sha3.js";
import * as secp from "tiny-secp256k1";
import { KeyError } from "./secret-key.ts";

/** An operator's secp256k1 key: libp2p identity, ENR key, signer of consensus messages. It has no text form. */
export class NodeKey {
  readonly #bytes: Uint8Array;
  /** 33 bytes, compressed. */
  readonly publicKey: Uint8Array;

  private constructor(bytes: Uint8Array, publicKey: Uint8Array) {
    this.#bytes = bytes;
    this.publicKey = publicKey;
  }

  /**
   * @param bytes - 32 bytes, big-endian.
   * @throws KeyError `crypto/bad-secret-key`
   */
  static fromBytes(bytes: Uint8Array): NodeKey {
    const publicKey = bytes.length === 32 && secp.isPrivate(bytes) ? secp.pointFromScalar(bytes, true) : null;
    if (publicKey === null)
      throw new KeyError("crypto/bad-secret-key", "read secp256k1 private key", {
        facts: { bytes: bytes.length },
      });
    return new NodeKey(Uint8Array.from(bytes), Uint8Array.from(publicKey));
  }

  /** 32 bytes, for the key file and the libp2p host. */
  revealBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /**
   * Signs a 32-byte hash: 65 bytes R || S || V, S in the lower half, V 0 or 1, nonce by RFC 6979. As Charon signs
   * consensus messages and Ethereum signs transactions.
   */
  sign(hash: Uint8Array): Uint8Array {
    const { signature, recoveryId } = secp.signRecoverable(hash, this.#bytes);
    const out = new Uint8Array(65);
    out.set(signature, 0);
    out[64] = recoveryId;
    return out;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

// What console.log and the debugger's log show.
Object.defineProperty(NodeKey.prototype, inspect.custom, { value: () => "[secret]" });

/**
 * The compressed public key that made a signature; undefined when there is none.
 *
 * @param signature - 65 bytes R || S || V; V is 0, 1, 27 or 28.
 */
export function recoverPublicKey(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  if (hash.length !== 32 || signature.length !== 65) return undefined;
  const v = signature[64] as number;
  const id = v >= 27 ? v - 27 : v;
  if (id !== 0 && id !== 1) return undefined;
  try {
    const key = secp.recover(hash, signature.subarray(0, 64), id, true);
    return key === null ? undefined : Uint8Array.from(key);
  } catch {
    return undefined;
  }
}

/** Whether a 64-byte (R || S) or 65-byte signature of a hash was made by a compressed public key. */
export function verifySecp256k1(hash: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (hash.length !== 32 || (signature.length !== 64 && signature.length !== 65)) return false;
  try {
    return secp.verify(hash, publicKey, signature.subarray(0, 64), false);
  } catch {
    return false;
  }
}

export function keccak256(data: Uint8Array): Uint8Array {
  return keccak_256(data);
}

/** Native; plain JavaScript would need 100 ms for a megabyte. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
