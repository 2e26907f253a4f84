import { createHash } from "node:crypto";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { SeededRandom } from "../src/base/index.ts";
import type { DomainSignature, DomainSignatures } from "../src/crypto/index.ts";
import type { KeyOfValidator, Lie } from "../src/dkg/index.ts";
import type { OperatorIndex } from "../src/spec/index.ts";

/** How a key generation ended for one honest operator. */
export interface End {
  readonly key?: KeyOfValidator;
  /** What it found out by itself. */
  readonly lie?: Lie;
}

/** One key generation among a few operators, of whom one may cheat. */
export interface DkgRun {
  readonly threshold: number;
  readonly cheater: OperatorIndex | undefined;
  readonly ends: ReadonlyMap<OperatorIndex, End>;
  /** Constant terms times the generator, of all dealers. */
  readonly constants: readonly Uint8Array[];
}

/** The same bytes for the same name, as a journaled ceremony draws them. */
export function entropyOf(name: string): (bytes: number) => Uint8Array {
  let drawn = 0;
  return (bytes) =>
    new Uint8Array(createHash("sha512").update(`${name} ${drawn++}`).digest().subarray(0, bytes));
}

/** Signatures that are hashes: who forges them is not what these worlds are about, and real ones cost 5 ms each. */
export const toySignatures: DomainSignatures = {
  sign: (key, message) => toySignature(key.publicKey(), message),
  batch: () => {
    const added: DomainSignature[] = [];
    return {
      add: (one) => void added.push(one),
      wrong: () =>
        added
          .splice(0)
          .flatMap(({ publicKey, message, signature }, i) =>
            Buffer.compare(signature, toySignature(publicKey, message)) === 0 ? [] : [i],
          ),
    };
  },
};

function toySignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const half = createHash("sha384").update(publicKey).update(message).digest();
  return new Uint8Array(Buffer.concat([half, half]));
}

export function flip(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.integer(bytes.length);
  return bytes.with(at, (bytes[at] as number) ^ (1 << random.integer(8)));
}

export const identity: Uint8Array = Uint8Array.from([0xc0, ...new Uint8Array(47)]);

/** A point of the curve that is not in the subgroup: almost every small x has one. */
export const outsideSubgroup: Uint8Array = (() => {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; x < 100n; x++) {
    try {
      const y = Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n));
      if (bls12_381.G1.Point.fromAffine({ x, y }).isTorsionFree()) continue;
    } catch {
      continue; // No point of the curve has this x.
    }
    return new Uint8Array(Buffer.from(((1n << 383n) | x).toString(16).padStart(96, "0"), "hex"));
  }
  throw new Error("no such point");
})();
