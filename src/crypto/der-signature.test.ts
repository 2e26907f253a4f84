import assert from "node:assert/strict";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { derOfSignature, NodeKey, signatureOfDer } from "./index.ts";

const key = NodeKey.fromBytes(new Uint8Array(32).fill(7));

test("a signature in DER is that of an independent implementation, and reads back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
      const signature = key.sign(hash).subarray(0, 64);
      const der = derOfSignature(signature);
      assert.deepEqual(der, secp256k1.Signature.fromBytes(signature, "compact").toBytes("der"));
      assert.deepEqual(signatureOfDer(der), signature);
    }),
  );
});

test("small numbers keep their places, and what is not exactly one signature is none", () => {
  const small = new Uint8Array(64);
  small[31] = 1;
  small[63] = 0x80;
  assert.deepEqual(signatureOfDer(derOfSignature(small)), small);
  const der = derOfSignature(key.sign(new Uint8Array(32).fill(1)));
  fc.assert(fc.property(fc.nat(der.length - 1), (cut) => signatureOfDer(der.subarray(0, cut)) === undefined));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const read = signatureOfDer(bytes);
      assert.ok(read === undefined || read.length === 64);
    }),
  );
  assert.equal(signatureOfDer(Uint8Array.of(...der, 0)), undefined);
  // A negative number, and one with a zero too many.
  assert.equal(signatureOfDer(Uint8Array.of(0x30, 6, 2, 1, 0x81, 2, 1, 1)), undefined);
  assert.equal(signatureOfDer(Uint8Array.of(0x30, 7, 2, 2, 0, 1, 2, 1, 1)), undefined);
});
