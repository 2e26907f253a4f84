import assert from "node:assert/strict";
import { test } from "node:test";
import { areSharesOf } from "./public-shares.ts";
import { SecretKey } from "./secret-key.ts";
import { splitSecret } from "./threshold.ts";

const entropy = (bytes: number): Uint8Array =>
  new Uint8Array(bytes).map((_, i) => (i * 7 + bytes + 1) & 0x7f);

function split(threshold: number, shareCount: number) {
  let draws = 0;
  const secret = SecretKey.fromScalar(424_242n);
  const shares = splitSecret(secret, {
    threshold,
    shareCount,
    entropy: (bytes) => entropy(bytes).map((byte) => (byte + ++draws) & 0x7f),
  });
  return { group: secret.publicKey(), shares: shares.map((share) => share.secret.publicKey()) };
}

test("shares of a key belong to it, at their places and with their threshold only", () => {
  for (const [threshold, count] of [
    [2, 3],
    [3, 4],
    [4, 4],
    [7, 10],
    [22, 32],
  ] as const) {
    const { group, shares } = split(threshold, count);
    assert.ok(areSharesOf(group, shares, threshold), `${threshold} of ${count}`);
    assert.ok(!areSharesOf(group, shares, threshold - 1), `${threshold} of ${count}: a threshold below`);
    assert.ok(!areSharesOf(group, shares.toReversed(), threshold), `${threshold} of ${count}: other places`);
  }
});

test("one foreign share, wherever it is, and a foreign group key are seen", () => {
  const { group, shares } = split(3, 4);
  const other = SecretKey.fromScalar(7n).publicKey();
  for (const i of shares.keys()) assert.ok(!areSharesOf(group, shares.with(i, other), 3), `share ${i}`);
  assert.ok(!areSharesOf(other, shares, 3));
  assert.ok(!areSharesOf(new Uint8Array(48), shares, 3));
  assert.ok(!areSharesOf(group, shares, 5));
});
