import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Facts } from "../base/index.ts";
import type { Cluster } from "../cluster/index.ts";
import { encryptKeystore, PBKDF2_ROUNDS, type SecretKey } from "../crypto/index.ts";
import { testValidator } from "../crypto/testing/slot.ts";
import { type Logger, silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { loadKeystores, type SignerError } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "trireme-shares-"));
after(() => rmSync(root, { recursive: true }));

const validators = [1, 2, 3].map((i) => testValidator(i, { threshold: 3, shareCount: 4 }));
const cluster: Cluster = {
  name: "three",
  uuid: "",
  lockHash: new Uint8Array(32),
  forkVersion: new Uint8Array(4),
  threshold: 3,
  operators: [],
  validators: validators.map(({ groupKey, publicShares }) => ({
    groupKey,
    publicShares,
    feeRecipient: "0x",
    withdrawalAddress: "0x",
  })),
};
const self = 1 as OperatorIndex;
const own = (validator: number): SecretKey => validators[validator]?.shares[self]?.secret as SecretKey;

let folders = 0;
async function folderOf(secrets: readonly SecretKey[]): Promise<string> {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  let drawn = 0;
  const entropy = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(++drawn);
  for (const [i, secret] of secrets.entries()) {
    const keystore = await encryptKeystore(secret, `pass${i}`, { rounds: PBKDF2_ROUNDS.insecure, entropy });
    writeFileSync(join(folder, `keystore-insecure-${i}.json`), keystore);
    writeFileSync(join(folder, `keystore-insecure-${i}.txt`), `pass${i}`, { mode: 0o400 });
  }
  return folder;
}

const load = (
  folder: string,
  options?: Parameters<typeof loadKeystores>[3],
): ReturnType<typeof loadKeystores> => loadKeystores(folder, cluster, self, options);

/** A log that keeps its warnings. */
function warnings(): { readonly log: Logger; readonly warned: { sentence: string; facts?: Facts }[] } {
  const warned: { sentence: string; facts?: Facts }[] = [];
  const log: Logger = {
    ...silent,
    warn: (sentence, facts) => void warned.push({ sentence, ...(facts && { facts }) }),
    room: () => log,
  };
  return { log, warned };
}

test("every share of this operator is found under its validator, whatever the order of the files", async () => {
  const shares = await load(await folderOf([own(2), own(0), own(1)]));
  assert.equal(shares.size, 3);
  for (const [i, { groupKey }] of validators.entries())
    assert.deepEqual(shares.get(groupKey)?.publicKey(), own(i).publicKey());
});

test("a node that is told to stop opens no further keystores", async () => {
  const signal = AbortSignal.abort(new Error("asked to stop"));
  await assert.rejects(load(await folderOf([own(2), own(0), own(1)]), { signal }), /^Error: asked to stop$/);
});

test("a share of another operator is refused, with the file, the validator and whose it is", async () => {
  const strange = validators[1]?.shares[3]?.secret as SecretKey;
  await assert.rejects(load(await folderOf([own(0), strange, own(2)])), (error: SignerError) => {
    assert.equal(error.code, "signer/wrong-share");
    assert.match(String(error.facts["file"]), /keystore-insecure-1\.json$/);
    assert.equal(error.facts["validator"], validators[1]?.groupKey);
    assert.equal(error.facts["shareOfOperator"], 3);
    assert.match(error.hint ?? "", /share of operator 3; this node is operator 1/);
    return true;
  });
});

test("a key that is nobody's in this cluster is refused", async () => {
  const strange = testValidator(99, { threshold: 3, shareCount: 4 }).shares[1]?.secret as SecretKey;
  await assert.rejects(load(await folderOf([strange])), (error: SignerError) => {
    assert.equal(error.code, "signer/wrong-share");
    assert.equal(error.facts["shareOfOperator"], undefined);
    assert.match(error.hint ?? "", /another cluster/);
    return true;
  });
});

test("the whole key of a validator is refused with a warning of slashing", async () => {
  const whole = validators[0]?.key as SecretKey;
  await assert.rejects(load(await folderOf([whole])), (error: SignerError) => {
    assert.equal(error.code, "signer/wrong-share");
    assert.match(error.hint ?? "", /whole key.*slashed/);
    return true;
  });
});

test("a share that is there twice is refused, naming both files", async () => {
  await assert.rejects(load(await folderOf([own(0), own(1), own(0)])), (error: SignerError) => {
    assert.equal(error.code, "signer/duplicate-share");
    assert.match(String(error.facts["file"]), /keystore-insecure-2\.json$/);
    assert.equal(error.facts["sameAs"], "keystore-insecure-0.json");
    return true;
  });
});

test("validators without a share are named, and accepted when that is asked for", async () => {
  const folder = await folderOf([own(1)]);
  await assert.rejects(load(folder), (error: SignerError) => {
    assert.equal(error.code, "signer/missing-share");
    assert.equal(error.facts["missing"], 2);
    assert.deepEqual(error.facts["validators"], [validators[0]?.groupKey, validators[2]?.groupKey]);
    return true;
  });
  const { log, warned } = warnings();
  assert.equal((await load(folder, { allowMissing: true, log })).size, 1);
  assert.equal(warned.length, 1);
});

test("a password that others can read is warned of, and only then", async () => {
  const folder = await folderOf([own(0), own(1), own(2)]);
  const { log, warned } = warnings();
  await load(folder, { log });
  assert.equal(warned.length, 0);
  chmodSync(join(folder, "keystore-insecure-1.txt"), 0o644);
  await load(folder, { log });
  assert.deepEqual(warned[0]?.facts, { count: 1, files: ["keystore-insecure-1.txt"] });
});

test("no error says anything of a secret", async () => {
  const folder = await folderOf([own(0), own(1), own(2)]);
  const damaged = join(root, "damaged");
  cpSync(folder, damaged, { recursive: true });
  chmodSync(join(damaged, "keystore-insecure-0.txt"), 0o600);
  writeFileSync(join(damaged, "keystore-insecure-0.txt"), "not-the-password");
  await assert.rejects(load(damaged), (error: Error) => {
    const told = JSON.stringify([error, error.message, error.cause, (error.cause as Error).message]);
    assert.doesNotMatch(told, /not-the-password/);
    assert.equal((error.cause as { code?: string }).code, "keystore/wrong-password");
    return true;
  });
});
