import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NodeKey } from "../crypto/index.ts";
import { CeremonyError } from "./errors.ts";
import { Journal, type JournalRecord } from "./journal.ts";

const key = NodeKey.fromBytes(new Uint8Array(32).fill(7));
const definitionHash = new Uint8Array(32).fill(3);
const records: readonly JournalRecord[] = [
  { kind: "begin", attempt: new Uint8Array(16).fill(1) },
  { kind: "attempt", peer: 0, attempt: new Uint8Array(16).fill(2) },
  { kind: "seed", seed: new Uint8Array(32).fill(0xab), dialect: "v1.11" },
  { kind: "signed", peer: 3, id: "a", hash: new Uint8Array(32).fill(4), proof: new Uint8Array(65).fill(6) },
  { kind: "received", peer: 2, id: "b", message: new Uint8Array(5_000).fill(5) },
  { kind: "made", id: "c", message: new Uint8Array(0) },
  { kind: "step", step: 6 },
  { kind: "over" },
];

function pathOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-journal-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "trireme", "ceremony.journal");
}

async function written(path: string, what: readonly JournalRecord[] = records): Promise<void> {
  const { journal } = await Journal.open(path, key, definitionHash);
  await Promise.all(what.map((record) => journal.append(record)));
  await journal.close();
}

async function read(path: string): Promise<readonly JournalRecord[]> {
  const { journal, records: found } = await Journal.open(path, key, definitionHash);
  await journal.close();
  return found;
}

test("a journal gives back what was appended, in that order, and goes on after it", async (t) => {
  const path = pathOf(t);
  await written(path);
  assert.deepEqual(await read(path), records);
  await written(path, [{ kind: "step", step: 7 }]);
  assert.deepEqual(await read(path), [...records, { kind: "step", step: 7 }]);
});

test("only its owner may read a journal, and the seed does not stand in it", async (t) => {
  const path = pathOf(t);
  await written(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(!readFileSync(path).includes(Buffer.alloc(32, 0xab)));
});

/** What is left of a journal that a kill damaged in one way, at each of many lengths; it has to take new records. */
async function leavesWhatWasWhole(
  t: TestContext,
  lost: number,
  damaged: (whole: Buffer, length: number) => Uint8Array,
): Promise<void> {
  const path = pathOf(t);
  await written(path);
  const whole = readFileSync(path);
  let last = records.length;
  for (let length = whole.length - lost; length >= 0; length -= length > 300 ? 37 : 1) {
    writeFileSync(path, damaged(whole, length));
    const found = await read(path);
    assert.ok(found.length <= last, `${found.length} records of ${length} bytes`);
    last = found.length;
    assert.deepEqual(found, records.slice(0, found.length));
    await written(path, [{ kind: "step", step: 1 }]);
    assert.deepEqual(await read(path), [...found, { kind: "step", step: 1 }]);
  }
  assert.equal(last, 0);
}

test("a journal cut off at any byte gives back the records that were whole, and takes new ones", (t) =>
  leavesWhatWasWhole(t, 1, (whole, length) => whole.subarray(0, length)));

test("a journal whose end is zeros gives back the records before them, and takes new ones", (t) =>
  leavesWhatWasWhole(t, 4, (whole, length) =>
    Buffer.concat([whole.subarray(0, length), Buffer.alloc(whole.length - length)]),
  ));

const refused = async (path: string, what: string): Promise<CeremonyError> => {
  const before = readFileSync(path);
  const error: unknown = await read(path).then(
    (found) => assert.fail(`${what}: ${found.length} records came back`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CeremonyError && error.code === "ceremony/journal", what);
  assert.deepEqual(readFileSync(path), before, `${what}: the file was changed`);
  return error;
};

test("a journal with one wrong bit anywhere is refused with what to do, and left as it is", async (t) => {
  const path = pathOf(t);
  await written(path);
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at += at < 600 || at > whole.length - 200 ? 1 : 37) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    writeFileSync(path, bytes);
    const error = await refused(path, `bit ${at % 8} of byte ${at}`);
    assert.match(error.hint ?? "", /ask the other operators/);
  }
});

test("a journal that lacks a record in its middle, or has two in the wrong order, is refused", async (t) => {
  const path = pathOf(t);
  const sizes: number[] = [];
  for (const record of records) {
    await written(path, [record]);
    sizes.push(statSync(path).size);
  }
  const whole = readFileSync(path);
  const [a = 0, b = 0, c = 0] = sizes;
  const piece = (from: number, to?: number): Buffer => whole.subarray(from, to);
  writeFileSync(path, Buffer.concat([piece(0, a), piece(b)]));
  const { message } = await refused(path, "a record is missing");
  assert.match(message, new RegExp(`damaged after 1 records, at byte ${a}`));
  writeFileSync(path, Buffer.concat([piece(0, a), piece(b, c), piece(a, b), piece(c)]));
  await refused(path, "two records are swapped");
});

test("a journal of another version of this program is refused as such, and a short file of somebody else too", async (t) => {
  const path = pathOf(t);
  await written(path);
  const older = Buffer.from(
    readFileSync(path).toString("latin1").replace("ceremony 3", "ceremony 2"),
    "latin1",
  );
  writeFileSync(path, older);
  assert.match((await refused(path, "version 2")).message, /another version of this program/);
  writeFileSync(path, "my notes");
  assert.match((await refused(path, "notes")).message, /it is no journal/);
});

test("a journal of another definition or node key, or another file, is refused and left as it is", async (t) => {
  const path = pathOf(t);
  await written(path);
  const before = readFileSync(path);
  await assert.rejects(Journal.open(path, key, new Uint8Array(32).fill(9)), { code: "ceremony/journal" });
  const stranger = NodeKey.fromBytes(new Uint8Array(32).fill(8));
  await assert.rejects(Journal.open(path, stranger, definitionHash), { code: "ceremony/journal" });
  assert.deepEqual(readFileSync(path), before);
  writeFileSync(path, "x".repeat(200));
  await assert.rejects(Journal.open(path, key, definitionHash), { code: "ceremony/journal" });
});

test("a journal that cannot be opened is told with its path and advice", async (t) => {
  const path = pathOf(t);
  mkdirSync(path, { recursive: true });
  await assert.rejects(Journal.open(path, key, definitionHash), (error: CeremonyError) => {
    assert.equal(error.code, "ceremony/journal");
    assert.equal(error.facts["path"], path);
    assert.match(error.hint ?? "", /A folder is where a file is wanted/);
    return true;
  });
});

test("a destroyed journal is gone, and a new one is empty", async (t) => {
  const path = pathOf(t);
  await written(path);
  const { journal } = await Journal.open(path, key, definitionHash);
  await journal.destroy();
  assert.throws(() => statSync(path), { code: "ENOENT" });
  assert.deepEqual(await read(path), []);
});

test("a record that cannot be written fails, and the hint says what to do", async (t) => {
  const { journal } = await Journal.open(pathOf(t), key, definitionHash);
  await journal.close();
  await assert.rejects(journal.append({ kind: "over" }), { code: "ceremony/journal" });
});
