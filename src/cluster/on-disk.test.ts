import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCluster } from "./create.ts";
import { writeClusterFolders, writeCombined } from "./folders.ts";
import { createNodeKey } from "./node-key.ts";
import { requested } from "./testing/signed-cluster.ts";

/** A folder of its own, and every path that is synced while the test runs, with whether `result` was there then. */
async function watched(
  t: TestContext,
  result: string,
): Promise<{
  readonly path: string;
  readonly synced: readonly { readonly path: string; readonly there: boolean }[];
}> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-on-disk-"));
  const path = join(folder, result);
  const synced: { path: string; there: boolean }[] = [];
  const handle = await open(folder);
  const shared = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const original = shared.sync;
  shared.sync = function (this: FileHandle): Promise<void> {
    synced.push({ path: readlinkSync(`/proc/self/fd/${this.fd}`), there: existsSync(path) });
    return original.call(this);
  };
  t.after(() => {
    shared.sync = original;
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, synced };
}

const skip = existsSync("/proc/self/fd") ? false : "the paths of open files are not told here";

test("a node key has its name only when it is on the disk, and then the name is too", { skip }, async (t) => {
  const { path, synced } = await watched(t, "node/charon-enr-private-key");
  await createNodeKey(path);
  const folder = join(path, "..");
  assert.ok(
    synced.some((one) => !one.there && one.path.startsWith(`${folder}/`)),
    "the content",
  );
  assert.ok(
    synced.some((one) => one.there && one.path === folder),
    "the name",
  );
  assert.deepEqual(readdirSync(folder), ["charon-enr-private-key"], "nothing else is left");
});

test("of two that make a node key at the same time one is told that it was not the first", async (t) => {
  const { path } = await watched(t, "key");
  const made = await Promise.allSettled([createNodeKey(path), createNodeKey(path)]);
  const refused = made.filter((one) => one.status === "rejected");
  assert.deepEqual(
    refused.map(({ reason }) => (reason as { code: string }).code),
    ["cluster/exists"],
  );
});

test("a new cluster and combined keys are on the disk before they have their names", { skip }, async (t) => {
  const created = createCluster({ ...requested, operatorCount: 3, keys: { newKeys: 1 } });
  const cluster = await watched(t, "cluster/node0");
  await writeClusterFolders(join(cluster.path, ".."), created, { insecureKeys: true });
  const before = cluster.synced.filter(({ there }) => !there).map(({ path }) => path.split("/").at(-1));
  for (const name of ["charon-enr-private-key", "cluster-lock.json", "keystore-insecure-0.json", "node2"])
    assert.ok(before.includes(name), name);
  assert.ok(cluster.synced.some(({ path, there }) => there && path === join(cluster.path, "..")));

  const combined = await watched(t, "combined");
  await writeCombined(
    combined.path,
    created.shares.flatMap(([first]) => first?.secret ?? []),
  );
  const keys = combined.synced.filter(({ there }) => !there).map(({ path }) => path.split("/").at(-1));
  assert.ok(keys.includes("keystore-0.json") && keys.includes("keystore-0.txt"));
  assert.ok(combined.synced.some(({ path, there }) => there && path === join(combined.path, "..")));
});
