import assert from "node:assert/strict";
import { test } from "node:test";
import { SecretKey } from "../crypto/index.ts";
import { testRoot, testValidator } from "../crypto/testing/slot.ts";
import type { GroupKey } from "../spec/index.ts";
import { createKeystoreSigner } from "./index.ts";

const validators = [1, 2].map((i) => testValidator(i, { threshold: 3, shareCount: 4 }));
const shares = new Map(validators.map((v) => [v.groupKey, v.shares[1]?.secret as SecretKey]));
const never = new AbortController().signal;

test("requests are signed in order with the share of their validator, and unknown validators are left open", async () => {
  const signer = createKeystoreSigner(shares);
  assert.deepEqual(signer.groupKeys, [...shares.keys()]);
  const requests = [...validators.toReversed(), undefined].map((validator, i) => ({
    groupKey: validator?.groupKey ?? ("0x00" as GroupKey),
    root: testRoot(`request ${i}`),
  }));
  const expected = requests.map(({ groupKey, root }) => shares.get(groupKey)?.sign(root));
  assert.deepEqual(await signer.sign(requests, never), expected);
  assert.equal(expected[2], undefined);
  assert.deepEqual(await signer.sign([], never), []);
});

test("an aborted request is not signed", async () => {
  const signer = createKeystoreSigner(shares);
  const [groupKey] = signer.groupKeys as [GroupKey];
  const reason = new Error("the duty is over");
  const sign = signer.sign([{ groupKey, root: testRoot("late") }], AbortSignal.abort(reason));
  await assert.rejects(sign, reason);
});

test("hundreds of requests leave the event loop its turns, and a small one does not wait for them", async () => {
  const signer = createKeystoreSigner(shares);
  const [groupKey] = signer.groupKeys as [GroupKey];
  const many = Array.from({ length: 512 }, (_, i) => ({ groupKey, root: testRoot(`many ${i}`) }));
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns++;
    if (!over) setImmediate(count);
  };
  count();
  try {
    const large = signer.sign(many, never).then(() => "large");
    const small = signer.sign([{ groupKey, root: testRoot("small") }], never).then(() => "small");
    assert.equal(await Promise.race([large, small]), "small");
    await large;
  } finally {
    over = true;
  }
  // 512 signatures take 200 ms and a piece takes 4; a machine four times as fast still needs ten pieces.
  assert.ok(turns >= 10, `the event loop came round ${turns} times`);
});

test("a signer shows no secret, however it is printed", () => {
  const key = SecretKey.fromScalar(77n);
  assert.equal(`${key}`, "[secret]");
  assert.equal(JSON.stringify({ key }), '{"key":"[secret]"}');
});
