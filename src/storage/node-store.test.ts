import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { GroupKey } from "../spec/index.ts";
import { DUTIES_WAITING_MAX } from "./limits.ts";
import { openNodeStore } from "./node-store.ts";

const folder = mkdtempSync(join(tmpdir(), "trireme-store-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const lockHash = new Uint8Array(32).fill(5);
const never = new AbortController().signal;
const pubkey = `0x${"ab".repeat(48)}` as GroupKey;
const vote = (slot: number, fill = 1) =>
  [{ pubkey, vote: { kind: "block", slot, signingRoot: new Uint8Array(32).fill(fill) } }] as const;

test("roots that are views into a larger buffer arrive as they are", async () => {
  const store = await openNodeStore({ path: join(folder, "views"), lockHash });
  const pool = Buffer.alloc(8_192, 7);
  const view = pool.subarray(100, 132);
  await store.admit([{ pubkey, vote: { kind: "block", slot: 1, signingRoot: view } }], never);
  pool.fill(0);
  assert.deepEqual(await store.admit(vote(1, 7), never), [{ admitted: true }]);
  await store.close();
});

test("a caller whose signal fires stops waiting", async () => {
  const store = await openNodeStore({ path: join(folder, "abort"), lockHash });
  const abort = new AbortController();
  const asked = store.admit(vote(1), abort.signal);
  abort.abort(new Error("deadline"));
  await assert.rejects(asked, /deadline/);
  await store.close();
});

test("questions that come together are all answered", async () => {
  const store = await openNodeStore({ path: join(folder, "together"), lockHash });
  await Promise.all([
    store.writeNote("one", new Uint8Array([1])),
    store.writeNote("two", new Uint8Array([2])),
  ]);
  const [one, keys] = await Promise.all([store.readNote("one"), store.noteKeys("")]);
  assert.deepEqual([one, keys], [new Uint8Array([1]), ["one", "two"]]);
  await store.close();
});

test("a vote that no type allows is a bug and is never sent", async () => {
  const store = await openNodeStore({ path: join(folder, "bug"), lockHash });
  await assert.rejects(store.admit(vote(-1), never), /a vote's slot or source is -1/);
  await assert.rejects(store.admit(vote(2 ** 53), never), /a vote's slot/);
  const short = [{ pubkey, vote: { kind: "block", slot: 1, signingRoot: new Uint8Array(31) } }] as const;
  await assert.rejects(store.admit(short, never), /31 bytes/);
  await store.close();
});

test("after close every call fails by name, and what was saved before is there", async () => {
  const path = join(folder, "close");
  const store = await openNodeStore({ path, lockHash });
  const records = Array.from({ length: DUTIES_WAITING_MAX + 5 }, (_, slot) => ({
    duty: { slot, kind: "attester" as const },
    entries: [],
    outcomes: [],
  }));
  store.saveDuties(records);
  await store.close();
  await assert.rejects(store.admit(vote(1), never), { code: "storage/unavailable" });
  store.saveDuties(records); // Harmless.

  const again = await openNodeStore({ path, lockHash });
  assert.equal((await again.duties({ limit: 10_000 })).length, DUTIES_WAITING_MAX);
  await again.close();
});

test("when its thread dies everybody who waits is told, and so is the node", async (t) => {
  const store = await openNodeStore({ path: join(folder, "dies"), lockHash });
  assert.equal(store.broken.aborted, false);
  const post = Worker.prototype.postMessage;
  t.mock.method(Worker.prototype, "postMessage", function (this: Worker) {
    post.call(this, undefined); // No message at all: the thread stumbles over it.
  });
  const told = once(store.broken, "abort");
  await assert.rejects(store.readNote("one"), { code: "storage/unavailable" });
  await told;
  t.mock.restoreAll();
  await assert.rejects(store.admit(vote(1), never), { code: "storage/unavailable" });
  assert.equal((store.broken.reason as { code?: string }).code, "storage/unavailable");
  await store.close();
  const again = await openNodeStore({ path: join(folder, "dies"), lockHash });
  assert.deepEqual(await again.admit(vote(1), never), [{ admitted: true }]);
  await again.close();
  assert.equal(again.broken.aborted, false, "closing it is not a failure");
});

test("votes that cannot be recorded are answered by a failure, all that share the wait, and the next ones as ever", async (t) => {
  const store = await openNodeStore({ path: join(folder, "fails"), lockHash });
  const post = Worker.prototype.postMessage;
  t.mock.method(Worker.prototype, "postMessage", function (this: Worker, message: { kind: string }) {
    // No key that the file can hold: its transaction fails in the middle.
    post.call(this, message.kind === "admit" ? { ...message, votes: { pubkeys: ["0x12"] } } : message);
  });
  const failed = await Promise.allSettled([store.admit(vote(1), never), store.admit(vote(2), never)]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  t.mock.restoreAll();
  assert.deepEqual(await store.admit(vote(1, 9), never), [{ admitted: true }]);
  await store.close();
});

test("what a store says of its memory tells of the boot in which it was used last", async () => {
  const said: boolean[] = [];
  for (const boot of ["one", "one", "two"]) {
    const store = await openNodeStore({ path: join(folder, "boots"), lockHash, boot });
    said.push((await store.standing()).sameBoot);
    await store.close();
  }
  assert.deepEqual(said, [false, true, false]);
});

test("opening fails by name, with the way out", async () => {
  const path = join(folder, "twice");
  const store = await openNodeStore({ path, lockHash });
  await assert.rejects(openNodeStore({ path, lockHash }), { code: "storage/locked", name: "StorageError" });
  await store.close();
  await assert.rejects(
    openNodeStore({ path, lockHash: new Uint8Array(32) }),
    (error: { code?: string; hint?: string }) =>
      error.code === "storage/foreign" && error.hint?.includes("export the slashing protection") === true,
  );
});
