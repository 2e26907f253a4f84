import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { encryptKeystore, SecretKey } from "../crypto/index.ts";
import type { ClusterError } from "./errors.ts";
import { readKeysToSplit } from "./keys-to-split.ts";

const secretOf = (i: number): SecretKey => SecretKey.fromScalar(BigInt(1_000 + i));
const keystore = (i: number, password: string): Promise<string> =>
  encryptKeystore(secretOf(i), password, {
    rounds: 16,
    entropy: (bytes) => new Uint8Array(bytes).fill(i + 1),
  });

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-split-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const publicKeys = async (folder: string): Promise<readonly Uint8Array[]> =>
  (await readKeysToSplit(folder)).keys.map(({ secret }) => secret.publicKey());

test("keystores of any name are opened, in the order of the numbers in their names, in folders below too", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "more"));
  for (const [i, name] of [
    "keystore-m_12381_3600_2_0_0",
    "keystore-m_12381_3600_10_0_0",
    "more/one",
  ].entries()) {
    writeFileSync(join(folder, `${name}.json`), await keystore(i, `word ${i}`));
    writeFileSync(join(folder, `${name}.txt`), `word ${i}\n`);
  }
  writeFileSync(join(folder, "deposit_data-1.json"), "[]");
  assert.deepEqual(
    await publicKeys(folder),
    [0, 1, 2].map((i) => secretOf(i).publicKey()),
  );
  assert.deepEqual((await readKeysToSplit(folder)).passedOver, [join(folder, "deposit_data-1.json")]);
});

test("one password file serves all keystores that have none of their own", async (t) => {
  const folder = folderOf(t);
  for (const i of [0, 1]) writeFileSync(join(folder, `key-${i}.json`), await keystore(i, "shared"));
  writeFileSync(join(folder, "password.txt"), "shared");
  assert.deepEqual(
    await publicKeys(folder),
    [0, 1].map((i) => secretOf(i).publicKey()),
  );
});

test("a keystore that does not open stops it, by the name of its file; so does a folder without any", async (t) => {
  const folder = folderOf(t);
  const code = (error: ClusterError): boolean => {
    assert.equal(error.code, "cluster/missing");
    return true;
  };
  await assert.rejects(readKeysToSplit(folder), code);
  await assert.rejects(readKeysToSplit(join(folder, "none")), code);
  writeFileSync(join(folder, "a.json"), await keystore(0, "word"));
  writeFileSync(join(folder, "a.txt"), "word");
  writeFileSync(join(folder, "b.json"), await keystore(1, "other"));
  await assert.rejects(readKeysToSplit(folder), (error: ClusterError) => {
    assert.equal(error.code, "cluster/malformed");
    assert.match(error.message, /b\.json/);
    assert.match(error.hint ?? "", /b\.txt/);
    return true;
  });
});
