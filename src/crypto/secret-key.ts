import { inspect } from "node:util";
import { SecretKey as BlstSecretKey } from "@chainsafe/blst";
import { DvError } from "../base/index.ts";
import { bytesToScalar, scalarToBytes } from "./scalar.ts";

export class KeyError extends DvError<"crypto/bad-secret-key" | "crypto/bad-shares"> {}

/**
 * A BLS12-381 secret key or key share. It has no text form: printed, logged or put into JSON it says `[secret]`.
 *
 * @spec draft-irtf-cfrg-bls-signature-05 section 2.3
 */
export class SecretKey {
  readonly #key: BlstSecretKey;
  #publicKey: Uint8Array | undefined;

  private constructor(key: BlstSecretKey) {
    this.#key = key;
  }

  /**
   * @param bytes - 32 bytes, big-endian, 1 .. order - 1.
   * @throws KeyError `crypto/bad-secret-key` - another length, zero, or not below the order.
   */
  static fromBytes(bytes: Uint8Array): SecretKey {
    try {
      return new SecretKey(BlstSecretKey.fromBytes(bytes));
    } catch {
      // The library's message could quote the bytes.
      throw new KeyError("crypto/bad-secret-key", "read BLS secret key", { facts: { bytes: bytes.length } });
    }
  }

  static fromScalar(scalar: bigint): SecretKey {
    const bytes = scalarToBytes(scalar);
    try {
      return SecretKey.fromBytes(bytes);
    } finally {
      bytes.fill(0);
    }
  }

  /** 32 bytes, big-endian. For keystores and for splitting; whoever asks must not keep it. */
  revealBytes(): Uint8Array {
    return this.#key.toBytes();
  }

  revealScalar(): bigint {
    const bytes = this.#key.toBytes();
    try {
      return bytesToScalar(bytes);
    } finally {
      bytes.fill(0);
    }
  }

  /** 48 bytes, compressed G1. */
  publicKey(): Uint8Array {
    this.#publicKey ??= this.#key.toPublicKey().toBytes();
    return this.#publicKey.slice();
  }

  /** Signs a 32-byte root; 96 bytes, compressed G2. */
  sign(root: Uint8Array): Uint8Array {
    return this.#key.sign(root).toBytes();
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

// What console.log and the debugger's log show.
Object.defineProperty(SecretKey.prototype, inspect.custom, { value: () => "[secret]" });
