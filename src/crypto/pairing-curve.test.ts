import assert from "node:assert/strict";
import { test } from "node:test";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { seededRandom, toHex } from "../base/index.ts";
import { encryptTo, openWith, sharedPoint } from "./ecies.ts";
import { PairingCurve } from "./pairing-curve.ts";
import { CURVE_ORDER, modOrder } from "./scalar.ts";
import { SecretKey } from "./secret-key.ts";

const curve = await PairingCurve.load();
const domain = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";
const signatures = curve.signatures(domain);
const G1 = bls12_381.G1.Point;
const keyOf = (seed: number): SecretKey =>
  SecretKey.fromScalar(modOrder(BigInt(seed) ** 60n * 0x1234567890abcdefn + 1n));
const messageOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);

test("products and differences of points are those of noble", () => {
  for (const seed of [2, 3, 99]) {
    const [a, b] = [keyOf(seed), keyOf(seed + 1)];
    const [pointA, pointB] = [G1.BASE.multiply(a.revealScalar()), G1.BASE.multiply(b.revealScalar())];
    const [byA, byB] = [CURVE_ORDER - BigInt(seed), BigInt(seed) ** 50n % CURVE_ORDER];
    assert.equal(toHex(curve.multiply(a.publicKey(), byB)), toHex(pointA.multiply(byB).toBytes(true)));
    const difference = curve.difference({ point: a.publicKey(), by: byA }, { point: b.publicKey(), by: byB });
    const wanted = pointA.multiply(byA).subtract(pointB.multiply(byB));
    assert.equal(toHex(difference as Uint8Array), toHex(wanted.toBytes(true)));
    const nothing = curve.difference({ point: a.publicKey(), by: 7n }, { point: a.publicKey(), by: 7n });
    assert.equal(nothing, undefined);
  }
  assert.throws(() => curve.multiply(keyOf(2).publicKey(), 0n));
});

test("signatures under a domain are those of noble", () => {
  for (const seed of [1, 2, 200]) {
    const key = keyOf(seed + 1);
    const hash = bls12_381.G2.hashToCurve(messageOf(seed), { DST: domain });
    const wanted = hash.multiply(key.revealScalar());
    assert.equal(toHex(signatures.sign(key, messageOf(seed))), toHex(wanted.toBytes(true)));
  }
});

test("a batch names exactly the signatures that are wrong, and begins anew when it was asked", () => {
  const random = seededRandom(1);
  for (let round = 0; round < 8; round++) {
    const batch = signatures.batch();
    for (const offset of [0, 5]) {
      const wrong: number[] = [];
      for (let i = 0; i < 5; i++) {
        const key = keyOf(2 + random.integer(2));
        const good = signatures.sign(key, messageOf(i));
        const bad = [
          signatures.sign(key, messageOf(i + 1)),
          key.sign(messageOf(i)), // Of Ethereum's domain.
          new Uint8Array(96),
          Uint8Array.from([0xc0, ...new Uint8Array(95)]),
          good.subarray(1),
        ];
        const isBad = round > 0 && random.chance(0.3);
        if (isBad) wrong.push(offset + i);
        const signature = isBad ? random.pick(bad) : good;
        batch.add({ publicKey: key.publicKey(), message: messageOf(i), signature });
      }
      assert.deepEqual(batch.wrong(), wrong);
    }
    assert.deepEqual(batch.wrong(), []);
  }
});

test("two wrong signatures that cancel each other out are both found", () => {
  const key = keyOf(5);
  const [a, b] = [1, 2].map((i) => signatures.sign(key, messageOf(i))) as [Uint8Array, Uint8Array];
  const batch = signatures.batch();
  batch.add({ publicKey: key.publicKey(), message: messageOf(1), signature: b });
  batch.add({ publicKey: key.publicKey(), message: messageOf(2), signature: a });
  assert.deepEqual(batch.wrong(), [0, 1]);
});

test("what is encrypted to a key is opened with it, and a changed bit is seen", () => {
  const [receiver, ephemeral] = [keyOf(7), keyOf(8)];
  const plain = messageOf(42);
  const encrypted = encryptTo(curve, receiver.publicKey(), plain, ephemeral);
  assert.equal(encrypted.length, 96);
  const shared = sharedPoint(curve, encrypted, receiver)?.shared as Uint8Array;
  assert.deepEqual(openWith(shared, encrypted), plain);
  assert.equal(openWith(shared, encrypted.with(95, 1 ^ (encrypted[95] as number))), undefined);
  assert.equal(openWith(shared, encrypted.subarray(0, 60)), undefined);
  assert.equal(sharedPoint(curve, new Uint8Array(96), receiver), undefined);
  const other = sharedPoint(curve, encrypted, keyOf(9))?.shared as Uint8Array;
  assert.equal(openWith(other, encrypted), undefined);
});
