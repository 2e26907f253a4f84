import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CURVE_ORDER, deriveSecretKey, type KeyError, SecretKey, scalarToBytes, verify } from "./index.ts";

const key = SecretKey.fromScalar(0xabcdef123456789n);

test("a BLS key has no text form", () => {
  for (const shown of [
    `${key}`,
    String(key),
    JSON.stringify({ key, list: [key] }),
    inspect(key),
    inspect({ deep: { key } }, { depth: 9, showHidden: true }),
    JSON.stringify(Object.entries(key)),
    inspect(key, { customInspect: false, showHidden: true }),
  ]) {
    assert.ok(!/abcdef123456789/i.test(shown), shown);
    assert.ok(!shown.includes(String(0xabcdef123456789n)), shown);
  }
  assert.equal(inspect(key), "[secret]");
});

test("a refused key is not quoted in the error", () => {
  const bad = [
    new Uint8Array(32),
    new Uint8Array(31).fill(0x5a),
    new Uint8Array(32).fill(0xfe),
    new Uint8Array(0),
  ];
  for (const bytes of [...bad, scalarToBytes(CURVE_ORDER)]) {
    assert.throws(
      () => SecretKey.fromBytes(bytes),
      (error: KeyError) => {
        assert.equal(error.code, "crypto/bad-secret-key");
        assert.equal(error.cause, undefined);
        assert.ok(!/5a5a|fefe|254,/.test(inspect(error, { depth: 9 })));
        return true;
      },
    );
  }
});

test("what leaves the key is a copy: wiping it does not harm the key", () => {
  const bytes = key.revealBytes();
  bytes.fill(0);
  assert.equal(key.revealScalar(), 0xabcdef123456789n);
  const given = scalarToBytes(77n);
  const made = SecretKey.fromBytes(given);
  given.fill(0);
  assert.equal(made.revealScalar(), 77n);
});

test("a signature and a public key have one form: uncompressed points are refused", async () => {
  const { PublicKey, Signature } = await import("@chainsafe/blst");
  const root = new Uint8Array(32).fill(3);
  const set = { publicKey: key.publicKey(), root, signature: key.sign(root) };
  assert.ok(verify(set));
  assert.ok(!verify({ ...set, signature: Signature.fromBytes(set.signature).toBytes(false) }));
  assert.ok(!verify({ ...set, publicKey: PublicKey.fromBytes(set.publicKey).toBytes(false) }));
});

test("too short a seed and an index that is none derive nothing", () => {
  const seed = new Uint8Array(32).fill(1);
  for (const derive of [
    () => deriveSecretKey(seed.subarray(1), []),
    () => deriveSecretKey(seed, [-1]),
    () => deriveSecretKey(seed, [0.5]),
    () => deriveSecretKey(seed, [2 ** 32]),
  ])
    assert.throws(derive, { code: "crypto/bad-secret-key" });
  assert.notDeepEqual(
    deriveSecretKey(seed, [2 ** 32 - 1]).publicKey(),
    deriveSecretKey(seed, [0]).publicKey(),
  );
});
