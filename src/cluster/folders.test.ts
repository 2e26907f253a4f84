import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { seededRandom, toHex } from "../base/index.ts";
import { SecretKey, sha256 } from "../crypto/index.ts";
import { combineFolders } from "./combine-folders.ts";
import { type CreatedCluster, createCluster } from "./create.ts";
import { ClusterError } from "./errors.ts";
import { unfinishedDrafts, writeClusterFolders, writeCombined } from "./folders.ts";
import { readKeystores, writeKeystores } from "./keystore-files.ts";
import { loadNodeKey, operatorOfKey, readLock, verifiedCluster } from "./load.ts";
import { createNodeKey } from "./node-key.ts";
import { requested } from "./testing/signed-cluster.ts";
import { verifyLock } from "./verify-lock.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-cluster-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const made = new Map<number, CreatedCluster>();
/** One cluster per size for all tests: making one is slower than the rest of a test. */
function clusterOfSize(operatorCount: number): CreatedCluster {
  const created = made.get(operatorCount) ?? createCluster({ ...requested, operatorCount });
  made.set(operatorCount, created);
  return created;
}

const write = (folder: string, created: CreatedCluster): Promise<void> =>
  writeClusterFolders(folder, created, { insecureKeys: true });
const combine = (folder: string) => combineFolders(folder, (lock) => verifyLock(lock));
const keysOf = (secrets: readonly SecretKey[]): string[] => secrets.map((one) => toHex(one.publicKey()));
const validatorsOf = ({ lock }: CreatedCluster): string[] =>
  lock.validators.map(({ publicKey }) => toHex(publicKey));
const mode = (path: string): number => statSync(path).mode & 0o777;

/** Everything below a folder, with its content. */
function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [path, readFileSync(path, "utf8")]),
  );
}

async function refusal(run: Promise<unknown>): Promise<ClusterError> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof ClusterError, `not a named error: ${String(error)}`);
    assert.ok(error.hint !== undefined, "an error says what to do");
    return error;
  }
  return assert.fail("nothing was refused");
}

for (const operatorCount of [4, 7]) {
  test(`a cluster of ${operatorCount} is made, loads, and any threshold of its folders gives back the keys`, async (t) => {
    const folder = folderOf(t);
    const created = clusterOfSize(operatorCount);
    await write(folder, created);
    const { threshold } = created.lock.definition;
    assert.equal(threshold, operatorCount === 4 ? 3 : 5);
    for (const [i] of created.nodeKeys.entries()) {
      const home = join(folder, `node${i}`);
      const cluster = verifiedCluster(readLock(join(home, "cluster-lock.json")));
      assert.equal(operatorOfKey(cluster, loadNodeKey(join(home, "charon-enr-private-key"))), i);
    }
    const random = seededRandom(operatorCount);
    for (let run = 0; run < 3; run++) {
      const some = folderOf(t);
      const chosen = created.nodeKeys
        .map((_, i) => ({ i, rank: random.next() }))
        .toSorted((a, b) => a.rank - b.rank)
        .slice(0, threshold);
      for (const { i } of chosen)
        cpSync(join(folder, `node${i}`), join(some, `node${i}`), { recursive: true });
      assert.deepEqual(keysOf((await combine(some)).secrets), validatorsOf(created));
    }
  });
}

test("existing keys are split and come back", async (t) => {
  const folder = folderOf(t);
  const keys = [1, 2, 3].map((i) => SecretKey.fromBytes(sha256(Buffer.from(`key ${i}`)).fill(0, 0, 1)));
  mkdirSync(join(folder, "mine"));
  await writeKeystores(join(folder, "mine"), keys, true);
  const read = await readKeystores(join(folder, "mine"));
  const created = createCluster({ ...requested, keys: read.map(({ secret }) => secret) });
  assert.deepEqual(validatorsOf(created), keysOf(keys));
  await write(join(folder, "cluster"), created);
  const { secrets } = await combine(join(folder, "cluster"));
  assert.deepEqual(keysOf(secrets), keysOf(keys));
  await writeCombined(join(folder, "whole"), secrets);
  const again = await readKeystores(join(folder, "whole"));
  assert.deepEqual(
    again.map(({ secret }) => toHex(secret.revealBytes())),
    keys.map((secret) => toHex(secret.revealBytes())),
  );
});

test("secrets are for their owner's eyes only", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  const home = join(folder, "node0");
  assert.equal(mode(join(home, "charon-enr-private-key")), 0o600);
  assert.equal(mode(join(home, "validator_keys")), 0o700);
  assert.equal(mode(join(home, "validator_keys/keystore-insecure-0.txt")), 0o400);
  assert.equal(mode(join(home, "cluster-lock.json")), 0o400);
  assert.deepEqual(readdirSync(folder).toSorted(), ["node0", "node1", "node2", "node3"]);
  assert.deepEqual(readdirSync(home).toSorted(), [
    "charon-enr-private-key",
    "cluster-lock.json",
    "deposit-data-1eth.json",
    "deposit-data.json",
    "validator_keys",
  ]);
});

test("where one node's folder exists nothing is written at all", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "node2"));
  writeFileSync(join(folder, "node2", "precious"), "do not touch");
  const before = contentOf(folder);
  const error = await refusal(write(folder, clusterOfSize(4)));
  assert.equal(error.code, "cluster/exists");
  assert.deepEqual(contentOf(folder), before);
  assert.deepEqual(readdirSync(folder), ["node2"]);
});

test("a folder that appears while the keys are written stops it, and what was moved goes away again", async (t) => {
  const folder = folderOf(t);
  const writing = writeClusterFolders(folder, clusterOfSize(4), { insecureKeys: true }, (done, of) => {
    if (done === of) mkdirSync(join(folder, "node3"));
  });
  assert.equal((await refusal(writing)).code, "cluster/exists");
  assert.deepEqual(readdirSync(folder), ["node3"]);
  assert.deepEqual(readdirSync(join(folder, "node3")), []);
});

test("leftovers of an interrupted attempt are in nobody's way", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, ".unfinished-x-123456/node0"), { recursive: true });
  writeFileSync(join(folder, ".unfinished-x-123456/node0/cluster-lock.json"), "half a fi");
  const created = clusterOfSize(4);
  await write(folder, created);
  assert.deepEqual(keysOf((await combine(folder)).secrets), validatorsOf(created));
});

test("drafts of attempts that were killed are found, with whole keys in them or shares", (t) => {
  const folder = folderOf(t);
  assert.deepEqual(unfinishedDrafts(join(folder, "keys")), []);
  assert.deepEqual(unfinishedDrafts(join(folder, "nowhere/keys")), []);
  const drafts = ["keys/.unfinished-keys-123456", "keys.unfinished-654321"].map((name) => join(folder, name));
  for (const draft of drafts) mkdirSync(draft, { recursive: true });
  mkdirSync(join(folder, "keys/node0"));
  assert.deepEqual(unfinishedDrafts(join(folder, "keys")), drafts);
});

test("what the system does not let be written is told with its path and what to do", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "file");
  writeFileSync(file, "mine");
  const below = join(file, "below");
  for (const writing of [
    write(below, clusterOfSize(3)),
    writeCombined(below, []),
    createNodeKey(join(below, "charon-enr-private-key")),
  ]) {
    const error = await refusal(writing);
    assert.equal(error.code, "cluster/not-written");
    assert.match(String(error.facts["path"]), /file\/below/);
    assert.match(error.hint ?? "", /^A file is where a folder is wanted/);
  }
  assert.equal(readFileSync(file, "utf8"), "mine");
});

test("combined keys may be given a folder whose name ends with a slash", async (t) => {
  const folder = folderOf(t);
  await writeCombined(`${join(folder, "keys")}/`, []);
  assert.deepEqual(readdirSync(folder), ["keys"]);
});

test("a failure half way leaves nothing behind", async (t) => {
  const folder = folderOf(t);
  const writing = writeClusterFolders(folder, clusterOfSize(4), { insecureKeys: true }, () => {
    throw new Error("disk full");
  });
  await assert.rejects(writing, /disk full/);
  assert.deepEqual(readdirSync(folder), []);
});

test("too few folders are refused with the number that is missing", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  for (const name of ["node1", "node3"]) rmSync(join(folder, name), { recursive: true });
  const error = await refusal(combine(folder));
  assert.equal(error.code, "cluster/shares-differ");
  assert.equal(error.facts["sharesFound"], 2);
  assert.equal(error.facts["sharesNeeded"], 3);
});

test("one operator's share twice counts once", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  for (const name of ["node2", "node3"]) rmSync(join(folder, name), { recursive: true });
  cpSync(join(folder, "node0"), join(folder, "copy-of-node0"), { recursive: true });
  assert.equal((await refusal(combine(folder))).facts["sharesFound"], 2);
});

test("a share that is not in the lock is refused by the name of its file", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  const keys = join(folder, "node1/validator_keys");
  rmSync(keys, { recursive: true });
  mkdirSync(keys);
  await writeKeystores(keys, [SecretKey.fromBytes(sha256(Buffer.from("foreign")).fill(0, 0, 1))], true);
  const error = await refusal(combine(folder));
  assert.equal(error.code, "cluster/shares-differ");
  assert.equal(error.facts["path"], join(keys, "keystore-insecure-0.json"));
});

test("a folder of another cluster is refused by its path", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  const other = folderOf(t);
  await write(other, clusterOfSize(7));
  cpSync(join(other, "node5"), join(folder, "node5"), { recursive: true });
  const error = await refusal(combine(folder));
  assert.equal(error.code, "cluster/shares-differ");
  assert.equal(error.facts["path"], join(folder, "node5/cluster-lock.json"));
});

test("a folder without node folders, and one that is not there, are refused", async (t) => {
  const folder = folderOf(t);
  assert.equal((await refusal(combine(folder))).code, "cluster/missing");
  assert.equal((await refusal(combine(join(folder, "nowhere")))).code, "cluster/missing");
});

test("a keystore without its password file is refused by the name of that file", async (t) => {
  const folder = folderOf(t);
  await write(folder, clusterOfSize(4));
  const path = join(folder, "node0/validator_keys/keystore-insecure-1.txt");
  rmSync(path);
  const error = await refusal(combine(folder));
  assert.equal(error.code, "cluster/missing");
  assert.equal(error.facts["path"], path);
});

test("combined keys go into a new folder only", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "precious"), "do not touch");
  const before = contentOf(folder);
  const secret = SecretKey.fromBytes(sha256(Buffer.from("key")).fill(0, 0, 1));
  assert.equal((await refusal(writeCombined(folder, [secret]))).code, "cluster/exists");
  assert.deepEqual(contentOf(folder), before);
});

test("a node key is made once and never overwritten", async (t) => {
  const path = join(folderOf(t), "deep/er/charon-enr-private-key");
  const key = await createNodeKey(path);
  assert.equal(mode(path), 0o600);
  assert.equal(toHex(loadNodeKey(path).publicKey), toHex(key.publicKey));
  const before = readFileSync(path, "utf8");
  assert.equal((await refusal(createNodeKey(path))).code, "cluster/exists");
  assert.equal(readFileSync(path, "utf8"), before);
  assert.ok(existsSync(path));
});

test("a request that makes no sense is refused before any key is drawn", async () => {
  const key = SecretKey.fromBytes(sha256(Buffer.from("key")).fill(0, 0, 1));
  const senseless = {
    "too few nodes": { operatorCount: 2 },
    "too many nodes": { operatorCount: 65 },
    "no validators": { keys: { newKeys: 0 } },
    "a threshold of one": { threshold: 1 },
    "a threshold above the nodes": { threshold: 5 },
    "three fee recipients for two": { feeRecipients: [1, 2, 3].map(() => `0x${"11".repeat(20)}`) },
    "an address too short": { withdrawalAddresses: ["0x12"] },
    "a mistyped address": {
      withdrawalAddresses: ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD".replace("5aA", "5AA")],
    },
    "a deposit below 1 ETH": { depositAmounts: [500_000_000, 32_000_000_000] },
    "a deposit that is no number": { depositAmounts: [Number.NaN, 32_000_000_000] },
    "deposits below 32 ETH": { depositAmounts: [1_000_000_000] },
    "one deposit above 32 ETH": { depositAmounts: [33_000_000_000] },
    "a name too long": { name: "n".repeat(257) },
    "one key twice": { keys: [key, key] },
  };
  for (const [what, change] of Object.entries(senseless))
    assert.throws(
      () => createCluster({ ...requested, ...change }),
      (error: ClusterError) => error.code === "cluster/bad-request" && error.hint !== undefined,
      what,
    );
  // The same address with its right checksum is accepted.
  createCluster({
    ...requested,
    keys: { newKeys: 1 },
    withdrawalAddresses: ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
  });
});
