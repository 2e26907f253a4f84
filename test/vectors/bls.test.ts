import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromHex, toHex } from "../../src/base/index.ts";
import {
  aggregateSignatures,
  aggregateVerify,
  fastAggregateVerify,
  isPointOfG1,
  isPointOfG2,
  SecretKey,
  verify,
  verifyAll,
  verifyEach,
} from "../../src/crypto/index.ts";

// The field's own vectors (github.com/ethereum/bls12-381-tests v0.1.1), every file of every folder.
function* cases<Input, Output>(folder: string): Generator<{ name: string; input: Input; output: Output }> {
  const path = join(import.meta.dirname, "bls12381", folder);
  const files = readdirSync(path);
  assert.ok(files.length > 0);
  for (const name of files) {
    const { input, output } = JSON.parse(readFileSync(join(path, name), "utf8")) as {
      input: Input;
      output: Output;
    };
    yield { name, input, output };
  }
}

test("signing gives the vectors' signatures, and refuses the key zero", () => {
  for (const { name, input, output } of cases<{ privkey: string; message: string }, string | null>("sign")) {
    const sign = (): string =>
      toHex(SecretKey.fromBytes(fromHex(input.privkey)).sign(fromHex(input.message)));
    if (output === null) assert.throws(sign, { code: "crypto/bad-secret-key" }, name);
    else assert.equal(sign(), output, name);
  }
});

test("verification answers as the vectors do", () => {
  for (const { name, input, output } of cases<
    { pubkey: string; message: string; signature: string },
    boolean
  >("verify")) {
    const set = {
      publicKey: fromHex(input.pubkey),
      root: fromHex(input.message),
      signature: fromHex(input.signature),
    };
    assert.equal(verify(set), output, name);
    assert.equal(verifyAll([set, set]), output, `${name}, in a batch`);
  }
});

test("aggregation gives the vectors' sums, and nothing for nothing", () => {
  for (const { name, input, output } of cases<string[], string | null>("aggregate")) {
    const sum = aggregateSignatures(input.map((signature) => fromHex(signature)));
    assert.equal(sum === undefined ? null : toHex(sum), output, name);
  }
});

test("aggregate verification answers as the vectors do", () => {
  for (const { name, input, output } of cases<
    { pubkeys: string[]; messages: string[]; signature: string },
    boolean
  >("aggregate_verify")) {
    const [roots, keys] = [input.messages.map((m) => fromHex(m)), input.pubkeys.map((k) => fromHex(k))];
    assert.equal(aggregateVerify(roots, keys, fromHex(input.signature)), output, name);
  }
});

test("aggregate verification over one message answers as the vectors do", () => {
  for (const { name, input, output } of cases<
    { pubkeys: string[]; message: string; signature: string },
    boolean
  >("fast_aggregate_verify")) {
    const keys = input.pubkeys.map((key) => fromHex(key));
    assert.equal(fastAggregateVerify(fromHex(input.message), keys, fromHex(input.signature)), output, name);
  }
});

test("batch verification answers as the vectors do, and names the wrong ones", () => {
  for (const { name, input, output } of cases<
    { pubkeys: string[]; messages: string[]; signatures: string[] },
    boolean
  >("batch_verify")) {
    const sets = input.pubkeys.map((key, i) => ({
      publicKey: fromHex(key),
      root: fromHex(input.messages[i] as string),
      signature: fromHex(input.signatures[i] as string),
    }));
    assert.equal(verifyAll(sets), output, name);
    assert.deepEqual(
      verifyEach(sets),
      sets.map((set) => verify(set)),
      name,
    );
  }
});

test("points are read as the vectors say", () => {
  for (const { name, input, output } of cases<{ pubkey: string }, boolean>("deserialization_G1"))
    assert.equal(isPointOfG1(Buffer.from(input.pubkey, "hex")), output, name);
  for (const { name, input, output } of cases<{ signature: string }, boolean>("deserialization_G2"))
    assert.equal(isPointOfG2(Buffer.from(input.signature, "hex")), output, name);
});

// blst signs only under Ethereum's domain separation tag, so this checks the oracle that our property tests lean on.
test("the oracle of the property tests hashes to the curve as the vectors say", () => {
  type Point = { x: string; y: string };
  for (const { name, input, output } of cases<{ msg: string }, Point>("hash_to_G2")) {
    const { x, y } = bls12_381.G2.hashToCurve(Buffer.from(input.msg), {
      DST: "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_",
    }).toAffine() as { x: { c0: bigint; c1: bigint }; y: { c0: bigint; c1: bigint } };
    const text = ({ c0, c1 }: { c0: bigint; c1: bigint }): string =>
      [c0, c1].map((c) => `0x${c.toString(16).padStart(96, "0")}`).join(",");
    assert.deepEqual({ x: text(x), y: text(y) }, output, name);
  }
});
