import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { missingShared, sharedPath } from "../../test/shared.ts";
import {
  decryptKeystore,
  encryptKeystore,
  type KeystoreError,
  PBKDF2_ROUNDS,
  parseKeystore,
  SecretKey,
} from "./index.ts";

const secret = SecretKey.fromScalar(0x1234567890abcdefn);
const rounds = PBKDF2_ROUNDS.insecure;
const entropy = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(bytes);
const text = await encryptKeystore(secret, "correct horse", { rounds, entropy });

/** The keystore with one field replaced, or removed with `undefined`. */
function altered(path: string, value: unknown): string {
  const json = JSON.parse(text) as Record<string, unknown>;
  const names = path.split(".");
  const last = names.pop() as string;
  let at = json;
  for (const name of names) at = at[name] as Record<string, unknown>;
  at[last] = value;
  return JSON.stringify(json);
}

const scrypt = (params: object): string =>
  altered("crypto.kdf", {
    function: "scrypt",
    message: "",
    params: { dklen: 32, n: 16, r: 8, p: 1, salt: "00", ...params },
  });

test("what was encrypted is decrypted with the password and with no other", async () => {
  const keystore = parseKeystore(text);
  assert.equal((await decryptKeystore(keystore, "correct horse")).revealScalar(), secret.revealScalar());
  for (const password of ["", "correct", "correct horse ", "Correct horse"])
    await assert.rejects(decryptKeystore(keystore, password), { code: "keystore/wrong-password" });
});

test("passwords are normalised as the EIP says: composed and decomposed, with control characters or without", async () => {
  const written = await encryptKeystore(secret, "\u212bngstr\u00f6m\u{1d511}", { rounds, entropy });
  for (const password of [
    "A\u030angstro\u0308mN",
    "\u00c5ngstr\u00f6mN\n",
    "\u00c5ngs\u0000tr\u007f\u00f6m\u0085N",
  ])
    await decryptKeystore(parseKeystore(written), password);
});

test("every missing or wrong field is refused by its name", () => {
  const paths = [
    "version",
    "crypto",
    "crypto.kdf",
    "crypto.kdf.params",
    "crypto.kdf.params.c",
    "crypto.kdf.params.dklen",
    "crypto.kdf.params.salt",
    "crypto.cipher",
    "crypto.cipher.message",
    "crypto.cipher.params",
    "crypto.cipher.params.iv",
    "crypto.checksum",
    "crypto.checksum.message",
  ];
  for (const path of paths) {
    for (const value of [undefined, null, [], true, -1, 1.5, "zz"]) {
      assert.throws(
        () => parseKeystore(altered(path, value)),
        (error: KeystoreError) => error.code === "keystore/malformed" && error.facts["where"] === path,
        `${path} = ${JSON.stringify(value)}`,
      );
    }
  }
  for (const path of ["crypto.cipher.message", "crypto.cipher.params.iv", "crypto.checksum.message"])
    assert.throws(() => parseKeystore(altered(path, "00")), { code: "keystore/malformed" });
  for (const rubbish of ["", "null", "[]", "7", "{", `"${"x".repeat(1 << 17)}"`])
    assert.throws(() => parseKeystore(rubbish), { code: "keystore/malformed" });
});

test("what we cannot open is named", () => {
  const foreign: [string, unknown][] = [
    ["version", 3],
    ["crypto.kdf.function", "argon2id"],
    ["crypto.kdf.params.prf", "hmac-sha512"],
    ["crypto.cipher.function", "aes-256-gcm"],
    ["crypto.checksum.function", "sha512"],
  ];
  for (const [path, value] of foreign)
    assert.throws(
      () => parseKeystore(altered(path, value)),
      (error: KeystoreError) => error.code === "keystore/unsupported" && error.facts["where"] === path,
    );
});

test("parameters that would eat memory or time are refused before any work is done", () => {
  const greedy = [
    altered("crypto.kdf.params.c", 2 ** 31),
    altered("crypto.kdf.params.dklen", 2 ** 30),
    scrypt({ n: 2 ** 26 }),
    scrypt({ n: 2 ** 40 }),
    scrypt({ n: 2, r: 2 ** 30 }),
    scrypt({ n: 2, r: 1, p: 2 ** 25 }),
    scrypt({ n: 2 ** 18, p: 2 ** 20 }),
    scrypt({ n: 3 }),
    scrypt({ p: 0 }),
  ];
  for (const keystore of greedy)
    assert.throws(() => parseKeystore(keystore), { code: "keystore/malformed" }, keystore);
});

test("parameters that only the cryptographic library refuses give a KeystoreError too", async () => {
  const keystore = parseKeystore(scrypt({ n: 2 ** 17, r: 1 }));
  await assert.rejects(decryptKeystore(keystore, "x"), { code: "keystore/malformed" });
});

test("a keystore that names another public key is refused, upper case and 0x are no difference", async () => {
  const other = Buffer.from(SecretKey.fromScalar(5n).publicKey()).toString("hex");
  const swapped = parseKeystore(altered("pubkey", other));
  await assert.rejects(decryptKeystore(swapped, "correct horse"), { code: "keystore/not-its-key" });
  const own = Buffer.from(secret.publicKey()).toString("hex");
  for (const pubkey of [undefined, `0x${own}`, own.toUpperCase()])
    await decryptKeystore(parseKeystore(altered("pubkey", pubkey)), "correct horse");
});

test("rubbish gives a KeystoreError or a keystore, never another exception", () => {
  fc.assert(
    fc.property(fc.json(), (rubbish) => {
      try {
        parseKeystore(rubbish);
      } catch (error) {
        assert.match(String((error as KeystoreError).code), /^keystore\//);
      }
    }),
  );
});

test("derivation leaves the event loop free", async () => {
  const slow = parseKeystore(altered("crypto.kdf.params.c", 200_000));
  let over = false;
  const derivation = assert
    .rejects(decryptKeystore(slow, "correct horse"), { code: "keystore/wrong-password" })
    .finally(() => void (over = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!over, "the event loop did not come round before it was over");
  await derivation;
});

const cluster = sharedPath("clusters/split-16/node0/validator_keys");
test("our keystores are byte for byte what Charon writes", {
  skip: cluster === undefined && missingShared("clusters/split-16"),
}, async () => {
  const names = readdirSync(cluster as string).filter((name) => name.endsWith(".json"));
  assert.ok(names.length > 0);
  for (const name of names.slice(0, 4)) {
    const path = join(cluster as string, name);
    const original = readFileSync(path, "utf8");
    const password = readFileSync(path.replace(/json$/, "txt"), "utf8");
    const keystore = parseKeystore(original);
    const key = await decryptKeystore(keystore, password);
    // The same draws of chance must give the same file.
    const draws = [keystore.kdf.salt, keystore.iv, Buffer.from(keystore.uuid.replaceAll("-", ""), "hex")];
    const again = await encryptKeystore(key, password, {
      rounds: keystore.kdf.function === "pbkdf2" ? keystore.kdf.c : 0,
      entropy: () => Uint8Array.from(draws.shift() as Uint8Array),
    });
    assert.equal(again, original, name);
  }
});
