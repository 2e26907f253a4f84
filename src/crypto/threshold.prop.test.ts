import assert from "node:assert/strict";
import { test } from "node:test";
import { Signature } from "@chainsafe/blst";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import fc from "fast-check";
import { seededRandom } from "../base/index.ts";
import { divideSignature } from "./divide.ts";
import {
  CURVE_ORDER,
  combineUnverified,
  invert,
  recoverSecret,
  SecretKey,
  scalarToBytes,
  splitSecret,
} from "./index.ts";
import { cheapestIndices, integerLagrange } from "./lagrange.ts";
import { signedSum } from "./signed-sum.ts";

const scalar = fc.bigInt({ min: 1n, max: CURVE_ORDER - 1n });
const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
const long = bls12_381.longSignatures;
const ETHEREUM_DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/** Unpredictable enough for a test, the same for the same seed. */
const entropyOf = (seed: number): ((bytes: number) => Uint8Array) => {
  const chance = seededRandom(seed);
  return (bytes) => Uint8Array.from({ length: bytes }, () => chance.integer(256));
};

const cluster = fc.integer({ min: 1, max: 10 }).chain((shareCount) =>
  fc.record({
    shareCount: fc.constant(shareCount),
    threshold: fc.integer({ min: 1, max: shareCount }),
    signers: fc.subarray(
      Array.from({ length: shareCount }, (_, i) => i + 1),
      { minLength: 1 },
    ),
    secret: scalar,
    seed: fc.integer(),
    message: root,
  }),
);

test("our signatures and public keys are those of an independent implementation", () => {
  fc.assert(
    fc.property(scalar, root, (value, message) => {
      const key = SecretKey.fromScalar(value);
      const bytes = scalarToBytes(value);
      assert.deepEqual(key.publicKey(), long.getPublicKey(bytes).toBytes(true));
      const expected = long.sign(long.hash(message, ETHEREUM_DST), bytes);
      assert.deepEqual(key.sign(message), expected.toBytes(true));
    }),
    { numRuns: 5 },
  );
});

test("exactly the signer sets of threshold size or more give the group signature", () => {
  fc.assert(
    fc.property(cluster, ({ secret, shareCount, threshold, seed, signers, message }) => {
      const key = SecretKey.fromScalar(secret);
      const shares = splitSecret(key, { threshold, shareCount, entropy: entropyOf(seed) });
      const partials = shares
        .filter(({ index }) => signers.includes(index))
        .map(({ index, secret: share }) => ({ index, signature: share.sign(message) }));
      const combined = combineUnverified(partials);
      const isGroupSignature = Buffer.compare(combined, key.sign(message)) === 0;
      assert.equal(isGroupSignature, signers.length >= threshold);
    }),
    { numRuns: 60 },
  );
});

test("every threshold set of up to ten operators combines, whatever its denominator", () => {
  const message = new Uint8Array(32).fill(7);
  const key = SecretKey.fromScalar(123456789n);
  const denominators = new Set<bigint>();
  const chance = seededRandom(3);
  for (const { threshold, shareCount } of [
    { threshold: 2, shareCount: 3 },
    { threshold: 3, shareCount: 4 },
    { threshold: 5, shareCount: 7 },
    { threshold: 7, shareCount: 10 },
  ]) {
    const shares = splitSecret(key, { threshold, shareCount, entropy: entropyOf(shareCount) });
    const partials = shares.map(({ index, secret }) => ({ index, signature: secret.sign(message) }));
    for (let i = 0; i < 25; i++) {
      const signers = partials
        .map((partial) => ({ partial, order: chance.next() }))
        .toSorted((a, b) => a.order - b.order)
        .slice(0, threshold)
        .map(({ partial }) => partial);
      denominators.add(integerLagrange(signers.map(({ index }) => index)).denominator);
      assert.deepEqual(combineUnverified(signers), key.sign(message));
    }
  }
  assert.ok(denominators.size > 5, "the sample has many denominators");
});

test("sums of points with signed weights are those of an independent implementation", () => {
  const weight = fc.oneof(
    fc.integer({ min: -40, max: 40 }).map(BigInt),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  );
  fc.assert(
    fc.property(fc.array(weight, { minLength: 1, maxLength: 4 }), (weights) => {
      const messages = weights.map((_, i) => new Uint8Array(32).fill(i + 1));
      const one = SecretKey.fromScalar(1n);
      const points = messages.map((message) => one.sign(message));
      const sum = signedSum(
        points.map((point) => Signature.fromBytes(point)),
        weights,
      );
      const expected = points.reduce((total, point, i) => {
        const factor = (((weights[i] as bigint) % CURVE_ORDER) + CURVE_ORDER) % CURVE_ORDER;
        const oracle = bls12_381.G2.Point.fromBytes(point);
        return factor === 0n ? total : total.add(oracle.multiply(factor));
      }, bls12_381.G2.Point.ZERO);
      if (sum === undefined) assert.ok(weights.every((w) => w === 0n));
      else assert.deepEqual(sum.toBytes(), expected.toBytes(true));
    }),
    { numRuns: 15 },
  );
});

test("dividing a point by a number and multiplying again gives the point", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.bigInt({ min: 1n, max: 5000n }), fc.bigInt({ min: 1n, max: 2n ** 80n })),
      root,
      (divisor, message) => {
        const point = Signature.fromBytes(SecretKey.fromScalar(1n).sign(message));
        const expected = SecretKey.fromScalar(invert(divisor)).sign(message);
        assert.deepEqual(divideSignature(point, divisor).toBytes(), expected);
      },
    ),
    { numRuns: 40 },
  );
});

test("shares at or above the threshold give the key back, fewer give another one", () => {
  fc.assert(
    fc.property(cluster, ({ secret, shareCount, threshold, seed, signers }) => {
      const key = SecretKey.fromScalar(secret);
      const shares = splitSecret(key, { threshold, shareCount, entropy: entropyOf(seed) });
      assert.deepEqual(
        shares.map(({ index }) => index),
        Array.from({ length: shareCount }, (_, i) => i + 1),
      );
      const recovered = recoverSecret(shares.filter(({ index }) => signers.includes(index)));
      assert.equal(recovered.revealScalar() === secret, signers.length >= threshold);
    }),
  );
});

test("a polynomial that gives a zero share is drawn again", () => {
  const secret = CURVE_ORDER - 5n;
  // The first line rises by 5, so the share of index 1 would be zero; the second rises by 6.
  const slopes = [5, 6];
  const entropy = (bytes: number): Uint8Array => {
    const drawn = new Uint8Array(bytes);
    drawn[bytes - 1] = slopes.shift() ?? 9;
    return drawn;
  };
  const shares = splitSecret(SecretKey.fromScalar(secret), { threshold: 2, shareCount: 3, entropy });
  assert.deepEqual(
    shares.map((share) => share.secret.revealScalar()),
    [1n, 7n, 13n],
  );
  assert.equal(slopes.length, 0);
});

test("a split with a threshold that cannot be is refused", () => {
  const key = SecretKey.fromScalar(5n);
  for (const [threshold, shareCount] of [
    [0, 4],
    [5, 4],
    [Number.NaN, 4],
    [1.5, 4],
    [3, 256],
  ] as const) {
    const split = (): unknown => splitSecret(key, { threshold, shareCount, entropy: entropyOf(1) });
    assert.throws(split, { code: "crypto/bad-shares" });
  }
});

test("recovery refuses no shares, one index twice and index zero", () => {
  const share = { index: 1, secret: SecretKey.fromScalar(5n) };
  for (const shares of [[], [share, share], [{ ...share, index: 0 }], [{ ...share, index: 1.5 }]])
    assert.throws(() => recoverSecret(shares), { code: "crypto/bad-shares" });
});

test("the cheapest signer set is one with denominator 1 where there is one", () => {
  assert.equal(integerLagrange(cheapestIndices([1, 2, 3, 4], 3)).denominator, 1n);
  assert.equal(integerLagrange(cheapestIndices([2, 4, 1, 3], 3)).denominator, 1n);
  assert.equal(integerLagrange([1, 2, 4]).denominator, 3n);
});
