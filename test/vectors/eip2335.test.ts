import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decryptKeystore, parseKeystore } from "../../src/crypto/index.ts";

const read = (name: string): string => readFileSync(join(import.meta.dirname, "eip2335", name), "utf8");

// The EIP's password, with letters that NFKD takes apart, and its key.
const password =
  "\u{1d531}\u{1d522}\u{1d530}\u{1d531}\u{1d52d}\u{1d51e}\u{1d530}\u{1d530}\u{1d534}\u{1d52c}\u{1d52f}\u{1d521}\u{1f511}";
const secret = 0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26fn;

for (const name of ["test0.json", "test1.json"]) {
  test(`the EIP's keystore ${name} opens with the EIP's password`, async () => {
    const key = await decryptKeystore(parseKeystore(read(name)), password);
    assert.equal(key.revealScalar(), secret);
  });
}

test("a scrypt keystore that Charon reads opens", async () => {
  const keystore = parseKeystore(read("keystore-scrypt.json"));
  const key = await decryptKeystore(keystore, read("keystore-scrypt.txt"));
  assert.equal(Buffer.from(key.publicKey()).toString("hex"), keystore.pubkey);
});
