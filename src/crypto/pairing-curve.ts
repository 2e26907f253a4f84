import { randomBytes } from "node:crypto";
import { PublicKey, Signature } from "@chainsafe/blst";
import { isSignature } from "./bls.ts";
import { expandMessage } from "./expand-message.ts";
import { bytesToScalar, FIELD_PRIME, scalarToBytes } from "./scalar.ts";
import { SecretKey } from "./secret-key.ts";

type Mcl = typeof import("mcl-wasm");
type G1 = InstanceType<Mcl["G1"]>;
type G2 = InstanceType<Mcl["G2"]>;
type Fp = InstanceType<Mcl["Fp"]>;
type Fr = InstanceType<Mcl["Fr"]>;

/** A signature under a domain of its own: 48-byte public key, any message, 96-byte signature. */
export interface DomainSignature {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signs and verifies under one domain. */
export interface DomainSignatures {
  /** 96 bytes. */
  sign(key: SecretKey, message: Uint8Array): Uint8Array;
  batch(): SignatureBatch;
}

/** Signatures that are verified together, late. */
export interface SignatureBatch {
  add(one: DomainSignature): void;
  /** Places, in order of `add`, of signatures that are wrong; of those that were added since it was asked last. */
  wrong(): readonly number[];
}

/** Multiplications of points of G1 by scalars of full size; points are 48 bytes, of the subgroup and not the identity. */
export interface PointArithmetic {
  /** @throws when the result is the identity. */
  multiply(point: Uint8Array, by: bigint): Uint8Array;
  /** `a * p - b * q`; undefined when that is the identity. */
  difference(
    a: { readonly point: Uint8Array; readonly by: bigint },
    b: { readonly point: Uint8Array; readonly by: bigint },
  ): Uint8Array | undefined;
}

/** Bits of the random weights of a batch: a forged signature passes with a probability of 2^-64. */
const WEIGHT_BYTES = 8;
/** How mcl names the mapping of RFC 9380. */
const IRTF_MAPPING = 5;

/**
 * What blst's binding does not offer and a Pedersen ceremony needs: arbitrary multiplications, and BLS signatures whose
 * domain is not Ethereum's. It runs in WASM; multiplications take a time that depends on the scalar, which is a secret of one
 * ceremony and of no other use.
 *
 * @spec draft-irtf-cfrg-bls-signature-05, minimal-pubkey-size
 */
export class PairingCurve implements PointArithmetic {
  readonly #mcl: Mcl;
  readonly #one: Fp;
  readonly #generator: G1;

  private constructor(mcl: Mcl) {
    this.#mcl = mcl;
    this.#one = new mcl.Fp();
    this.#one.setInt(1);
    this.#generator = this.#point(SecretKey.fromScalar(1n).publicKey());
  }

  /** Loads the library, 10 MB that only a ceremony needs. */
  static async load(): Promise<PairingCurve> {
    const { default: mcl } = (await import("mcl-wasm")) as unknown as { readonly default: Mcl };
    await mcl.init(mcl.BLS12_381);
    mcl.setETHserialization(true);
    mcl.setMapToMode(IRTF_MAPPING);
    // What comes from others was checked to be in the group by blst, which does it in a fifth of the time.
    mcl.verifyOrderG1(false);
    mcl.verifyOrderG2(false);
    return new PairingCurve(mcl);
  }

  multiply(point: Uint8Array, by: bigint): Uint8Array {
    const product = this.#mcl.mul(this.#point(point), this.#scalar(by));
    if (product.isZero()) throw new RangeError("a multiple is the identity");
    return product.serialize();
  }

  difference(
    a: { readonly point: Uint8Array; readonly by: bigint },
    b: { readonly point: Uint8Array; readonly by: bigint },
  ): Uint8Array | undefined {
    const product = (of: typeof a): G1 => this.#mcl.mul(this.#point(of.point), this.#scalar(of.by));
    const sum = this.#mcl.sub(product(a), product(b));
    return sum.isZero() ? undefined : sum.serialize();
  }

  /** @param domain - e.g. "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_" */
  signatures(domain: string): DomainSignatures {
    return {
      sign: (key, message) =>
        this.#mcl.mul(this.#hash(domain, message), this.#scalar(key.revealScalar())).serialize(),
      batch: () => this.#batch(domain),
    };
  }

  #batch(domain: string): SignatureBatch {
    const mcl = this.#mcl;
    let open: { readonly place: number; readonly one: DomainSignature }[] = [];
    let count = 0;
    const badlyFormed: number[] = [];
    const fresh = () => ({ signatures: new mcl.G2(), hashes: new Map<string, G2>() });
    let sum = fresh();
    return {
      add: (one) => {
        const place = count++;
        if (!isSignature(one.signature)) return void badlyFormed.push(place);
        open.push({ place, one });
        const weight = this.#scalar(bytesToScalar(randomBytes(WEIGHT_BYTES)) | 1n);
        const name = Buffer.from(one.publicKey).toString("hex");
        sum.signatures = mcl.add(sum.signatures, mcl.mul(this.#signature(one.signature), weight));
        const hash = mcl.mul(this.#hash(domain, one.message), weight);
        const before = sum.hashes.get(name);
        sum.hashes.set(name, before === undefined ? hash : mcl.add(before, hash));
      },
      wrong: () => {
        const pairs = [...sum.hashes].map(
          ([name, hash]) => [this.#point(Buffer.from(name, "hex")), hash] as const,
        );
        const areRight = open.length === 0 || this.#isBalanced(pairs, sum.signatures);
        const wrong = areRight ? [] : open.filter(({ one }) => !this.#verifies(domain, one));
        open = [];
        sum = fresh();
        return [...badlyFormed.splice(0), ...wrong.map(({ place }) => place)].toSorted((a, b) => a - b);
      },
    };
  }

  #verifies(domain: string, { publicKey, message, signature }: DomainSignature): boolean {
    return this.#isBalanced(
      [[this.#point(publicKey), this.#hash(domain, message)]],
      this.#signature(signature),
    );
  }

  /** Whether the product of e(key, hash) is e(generator, signature). */
  #isBalanced(pairs: readonly (readonly [G1, G2])[], signature: G2): boolean {
    const mcl = this.#mcl;
    const product = pairs.reduce(
      (left, [key, hash]) => mcl.mul(left, mcl.millerLoop(key, hash)),
      mcl.millerLoop(mcl.neg(this.#generator), signature),
    );
    return mcl.finalExp(product).isOne();
  }

  /** @source RFC 9380 section 3; the cofactor is cleared before the sum in place of after it, which is the same. */
  #hash(domain: string, message: Uint8Array): G2 {
    const uniform = expandMessage(domain, 256, message);
    const element = (at: number): string =>
      (bytesToScalar(uniform.subarray(at, at + 64)) % FIELD_PRIME).toString(16);
    const mapped = [0, 128].map((at) => {
      const field = new this.#mcl.Fp2();
      const [a, b] = [new this.#mcl.Fp(), new this.#mcl.Fp()];
      a.setStr(element(at), 16);
      b.setStr(element(at + 64), 16);
      field.set_a(a);
      field.set_b(b);
      return field.mapToG2();
    });
    return this.#mcl.add(mapped[0] as G2, mapped[1] as G2);
  }

  #scalar(value: bigint): Fr {
    const scalar = new this.#mcl.Fr();
    const bytes = scalarToBytes(value).reverse();
    scalar.setLittleEndian(bytes);
    bytes.fill(0);
    return scalar;
  }

  // blst finds the missing coordinate of a point in a fifth of the time, and coordinates are read in a third of that of text.
  #point(bytes: Uint8Array): G1 {
    const affine = PublicKey.fromBytes(bytes, false).toBytes(false);
    const point = new this.#mcl.G1();
    point.setX(this.#coordinate(affine.subarray(0, 48)));
    point.setY(this.#coordinate(affine.subarray(48)));
    point.setZ(this.#one);
    return point;
  }

  /** @param bigEndian - 48 bytes, below the prime of the field. */
  #coordinate(bigEndian: Uint8Array): Fp {
    const coordinate = new this.#mcl.Fp();
    coordinate.setLittleEndian(Uint8Array.from(bigEndian).reverse());
    return coordinate;
  }

  #signature(bytes: Uint8Array): G2 {
    const point = new this.#mcl.G2();
    // Of an element of the quadratic field mcl has the real part first, the serialised form the imaginary one.
    point.setStr(affine(Signature.fromBytes(bytes, false).toBytes(false), [1, 0, 3, 2]), 16);
    return point;
  }
}

/** An uncompressed point, 48 bytes a coordinate, as mcl reads it: "1 x y" in hexadecimal, its coordinates in `order`. */
function affine(bytes: Uint8Array, order: readonly number[]): string {
  const text = Buffer.from(bytes).toString("hex");
  return ["1", ...order.map((at) => text.slice(96 * at, 96 * (at + 1)))].join(" ");
}
