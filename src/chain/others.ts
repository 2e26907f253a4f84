import { present } from "../base/index.ts";
import { CURVE_ORDER, SecretKey, sha256 } from "../crypto/index.ts";
import type { Root, ValidatorIndex } from "../spec/index.ts";
import { littleEndian } from "./interop.ts";

/**
 * The validators that nobody drives: the chain holds their keys and signs for them. Signatures of many keys over one root
 * add up to the signature of the sum of the keys, so a committee costs one multiplication, and what the chain puts into
 * blocks is as real as what it receives.
 */
export class OtherValidators {
  readonly publicKeys: readonly Uint8Array[];
  readonly #scalars: readonly bigint[];
  readonly #firstIndex: ValidatorIndex;

  /** @param firstIndex - Validator index of the first; the rest follow. */
  constructor(count: number, firstIndex: ValidatorIndex) {
    this.#firstIndex = firstIndex;
    this.#scalars = Array.from({ length: count }, (_, place) => scalarOf(place));
    this.publicKeys = this.#scalars.map((scalar) => SecretKey.fromScalar(scalar).publicKey());
  }

  has(index: ValidatorIndex): boolean {
    return index >= this.#firstIndex && index < this.#firstIndex + this.#scalars.length;
  }

  sign(index: ValidatorIndex, root: Root): Uint8Array {
    return SecretKey.fromScalar(this.#scalar(index)).sign(root);
  }

  /**
   * The aggregate of the signatures of `indices` over `root`; one named twice counts twice. Undefined for nobody, and for
   * keys that cancel each other out, which does not happen by chance.
   */
  signTogether(indices: readonly ValidatorIndex[], root: Root): Uint8Array | undefined {
    const sum = indices.reduce((total, index) => (total + this.#scalar(index)) % CURVE_ORDER, 0n);
    return sum === 0n ? undefined : SecretKey.fromScalar(sum).sign(root);
  }

  #scalar(index: ValidatorIndex): bigint {
    return present(this.#scalars[index - this.#firstIndex], "a validator whose key the chain does not hold");
  }
}

/** Public knowledge, like the interop keys, and different from them so that a cluster made of those fits beside them. */
function scalarOf(place: number): bigint {
  return (littleEndian(sha256(Buffer.from(`trireme chain validator ${place}`))) % (CURVE_ORDER - 1n)) + 1n;
}
