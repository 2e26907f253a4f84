import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { NodeKey, recoverPublicKey, sha256, verifySecp256k1 } from "./index.ts";

const key = NodeKey.fromBytes(new Uint8Array(32).fill(7));
const stranger = NodeKey.fromBytes(new Uint8Array(32).fill(8));
const hash = sha256(Buffer.from("message"));
const HALF_ORDER = secp256k1.Point.Fn.ORDER >> 1n;

const privateKey = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter((bytes) => bytes.some((byte) => byte !== 0) && (bytes[0] as number) < 0xff);

test("signatures and public keys are those of an independent implementation (RFC 6979, low S)", () => {
  fc.assert(
    fc.property(privateKey, fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes, digest) => {
      const own = NodeKey.fromBytes(bytes);
      assert.deepEqual(own.publicKey, secp256k1.getPublicKey(bytes, true));
      const signature = own.sign(digest);
      const expected = secp256k1.sign(digest, bytes, { prehash: false, format: "recovered" });
      // Theirs begins with the recovery number, ours ends with it.
      assert.deepEqual(signature, Uint8Array.of(...expected.subarray(1), expected[0] as number));
      assert.ok(BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString("hex")}`) <= HALF_ORDER);
      assert.ok(verifySecp256k1(digest, own.publicKey, signature));
      assert.deepEqual(recoverPublicKey(digest, signature), own.publicKey);
    }),
    { numRuns: 20 },
  );
});

test("a signature is verified with 64 and with 65 bytes, and only for its hash and key", () => {
  const signature = key.sign(hash);
  assert.ok(verifySecp256k1(hash, key.publicKey, signature.subarray(0, 64)));
  assert.ok(!verifySecp256k1(hash, stranger.publicKey, signature));
  assert.ok(!verifySecp256k1(sha256(hash), key.publicKey, signature));
});

test("recovery takes 0, 1, 27 and 28, and nothing else", () => {
  const signature = key.sign(hash);
  for (let v = 0; v < 256; v++) {
    const recovered = recoverPublicKey(hash, Uint8Array.of(...signature.subarray(0, 64), v));
    assert.equal(recovered !== undefined, [0, 1, 27, 28].includes(v), `V = ${v}`);
  }
  const ethereum = Uint8Array.of(...signature.subarray(0, 64), (signature[64] as number) + 27);
  assert.deepEqual(recoverPublicKey(hash, ethereum), key.publicKey);
});

test("rubbish is a no and never an exception", () => {
  const any = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(any, any, any, (a, b, c) => {
      assert.equal(verifySecp256k1(a, b, c), false);
      assert.equal(recoverPublicKey(a, c), undefined);
    }),
  );
  for (const fill of [0, 0xff]) {
    assert.equal(verifySecp256k1(hash, key.publicKey, new Uint8Array(64).fill(fill)), false);
    assert.equal(recoverPublicKey(hash, new Uint8Array(65).fill(fill).fill(0, 64)), undefined);
    assert.equal(verifySecp256k1(hash, new Uint8Array(33).fill(fill), key.sign(hash)), false);
  }
});

test("private keys that cannot be are refused", () => {
  for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(31).fill(1)])
    assert.throws(() => NodeKey.fromBytes(bytes), { code: "crypto/bad-secret-key" });
});

test("a node key has no text form", () => {
  const secretHex = "07".repeat(32);
  for (const shown of [`${key}`, JSON.stringify({ key }), inspect({ key }, { depth: 9, showHidden: true })]) {
    assert.match(shown, /\[secret\]/);
    assert.ok(!shown.includes(secretHex));
  }
});
