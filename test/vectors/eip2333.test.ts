import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex } from "../../src/base/index.ts";
import { deriveSecretKey } from "../../src/crypto/index.ts";

test("keys are derived from a seed as EIP-2333's vectors say", () => {
  const text = readFileSync(join(import.meta.dirname, "eip2333/tree_kdf.json"), "utf8");
  // The keys are numbers of 77 digits, which JSON.parse would round.
  const quoted = text.replaceAll(/("(?:master|child)_SK":\s*)(\d+)/g, '$1"$2"');
  const { kdf_tests: tests } = JSON.parse(quoted) as {
    kdf_tests: { seed: string; master_SK: string; child_index: number; child_SK: string }[];
  };
  assert.ok(tests.length >= 4);
  for (const { seed, master_SK: master, child_index: index, child_SK: child } of tests) {
    assert.equal(deriveSecretKey(fromHex(seed), []).revealScalar(), BigInt(master));
    assert.equal(deriveSecretKey(fromHex(seed), [index]).revealScalar(), BigInt(child));
  }
});
