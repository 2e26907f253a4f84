import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCluster, parseLock, readKeystores } from "../cluster/index.ts";
import type { SecretKey } from "../crypto/index.ts";
import { OutputFolder } from "./output-folder.ts";

const owner = `0x${"11".repeat(20)}`;
const created = createCluster({
  name: "output",
  version: "v1.10.0",
  operatorCount: 4,
  forkVersion: Uint8Array.of(0x10, 0, 9, 0x10),
  registrationTime: 1,
  feeRecipients: [owner],
  withdrawalAddresses: [owner],
  compounding: false,
  targetGasLimit: 60_000_000,
  keys: { newKeys: 2 },
  timestamp: "2026-01-01T00:00:00Z",
});
const shares = created.shares.map((ofValidator) => (ofValidator[1] as { secret: SecretKey }).secret);
const outputs = ["cluster-lock.json", "deposit-data-1eth.json", "deposit-data.json", "validator_keys"];

function place(t: TestContext): { home: string; output: OutputFolder } {
  const home = mkdtempSync(join(tmpdir(), "trireme-output-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, "trireme"));
  return { home, output: new OutputFolder(home, join(home, "trireme")) };
}
async function store(output: OutputFolder, onEach: () => void = () => {}): Promise<void> {
  const passwords = await output.seal(shares, { onEach, signal: new AbortController().signal });
  await output.store({ lock: created.lock, passwords, networkName: "hoodi" });
}
const visible = (home: string): readonly string[] =>
  readdirSync(home)
    .filter((name) => name !== "trireme")
    .toSorted();

test("results are stored out of sight and then published, laid out as Charon's", async (t) => {
  const { home, output } = place(t);
  await output.check(2);
  let stored = 0;
  await store(output, () => void stored++);
  assert.equal(stored, 2);
  assert.deepEqual(visible(home), []);
  await output.publish();
  assert.deepEqual(visible(home), outputs);
  assert.deepEqual(readdirSync(join(home, "trireme")), []);
  assert.deepEqual(parseLock(readFileSync(join(home, "cluster-lock.json"), "utf8")), created.lock);
  const opened = await readKeystores(join(home, "validator_keys"));
  for (const [i, { secret }] of opened.entries())
    assert.deepEqual(secret.publicKey(), created.lock.validators[i]?.publicShares[1]);
  const mode = (name: string): number => statSync(join(home, name)).mode & 0o777;
  assert.deepEqual(
    [
      "cluster-lock.json",
      "deposit-data.json",
      "validator_keys/keystore-0.json",
      "validator_keys/keystore-0.txt",
    ].map(mode),
    [0o444, 0o444, 0o444, 0o400],
  );
});

test("publishing goes on where a kill interrupted it, and is harmless when all was done", async (t) => {
  const { home, output } = place(t);
  await store(output);
  const draft = join(home, "trireme", "ceremony-draft");
  const { renameSync } = await import("node:fs");
  renameSync(join(draft, "cluster-lock.json"), join(home, "cluster-lock.json"));
  await output.publish();
  await output.publish();
  assert.deepEqual(visible(home), outputs);
});

test("what somebody has put in the place of results meanwhile is not overwritten, and the results wait", async (t) => {
  for (const name of ["cluster-lock.json", "deposit-data.json"]) {
    const { home, output } = place(t);
    await output.check(2);
    await store(output);
    writeFileSync(join(home, name), "another cluster's");
    await assert.rejects(output.publish(), (error: { code: string; facts: { found: string[] } }) => {
      assert.deepEqual([error.code, error.facts.found], ["ceremony/interrupted", [name]]);
      return true;
    });
    assert.deepEqual(visible(home), [name]);
    assert.equal(readFileSync(join(home, name), "utf8"), "another cluster's");
    rmSync(join(home, name));
    await output.publish();
    assert.deepEqual(visible(home), outputs);
  }
});

test("what was discarded leaves nothing, and storing again replaces what an interrupted try left", async (t) => {
  const { home, output } = place(t);
  await store(output);
  await store(output);
  await output.discard();
  assert.deepEqual(readdirSync(join(home, "trireme")), []);
  assert.deepEqual(visible(home), []);
});

test("before everything is stored no password is on the disk, and what an ended sealing has written is discarded", async (t) => {
  const { home, output } = place(t);
  const keys = join(home, "trireme", "ceremony-draft", "validator_keys");
  await output.seal(shares, { onEach: () => {}, signal: new AbortController().signal });
  assert.deepEqual(readdirSync(keys).toSorted(), ["keystore-0.json", "keystore-1.json"]);
  const stop = new AbortController();
  const many = Array.from({ length: 40 }, () => shares[0] as SecretKey);
  const onEach = (): void => stop.abort(new Error("no longer wanted"));
  await assert.rejects(output.seal(many, { onEach, signal: stop.signal }), /no longer wanted/);
  assert.ok(readdirSync(keys).length < many.length);
  await output.discard();
  assert.deepEqual(readdirSync(join(home, "trireme")), []);
});

test("a folder with results of an earlier ceremony, or none at all, is refused before anything is made", async (t) => {
  for (const name of outputs) {
    const { home, output } = place(t);
    writeFileSync(join(home, name), "");
    await assert.rejects(output.check(1), (error: { code: string; facts: { found: string[] } }) => {
      assert.equal(error.code, "ceremony/refused");
      assert.deepEqual(error.facts.found, [name]);
      return true;
    });
  }
  await assert.rejects(new OutputFolder("/nowhere/at/all", "/nowhere/at/all/t").check(1), {
    code: "ceremony/refused",
  });
});

test("a disk that is too small is refused", async (t) => {
  const { output } = place(t);
  await assert.rejects(output.check(1e12), { code: "ceremony/refused" });
});
