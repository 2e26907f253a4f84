import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import type { DutyRecord } from "../ports/index.ts";
import type { SlashableVote } from "../slashing/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { DUTIES_KEPT } from "./limits.ts";
import { MemoryFile } from "./memory-file.ts";
import { exportSlashingProtection, importSlashingProtection } from "./slashing-files.ts";
import { Witness } from "./witness.ts";

const folder = mkdtempSync(join(tmpdir(), "trireme-memory-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const lockHash = new Uint8Array(32).fill(5);
const genesisValidatorsRoot = new Uint8Array(32);
const pubkey = `0x${"ab".repeat(48)}` as GroupKey;
const block = (slot: number, fill = 1): SlashableVote => ({
  kind: "block",
  slot,
  signingRoot: new Uint8Array(32).fill(fill),
});
const vote = (target: number, fill = 1): SlashableVote => ({
  kind: "attestation",
  source: target - 1,
  target,
  signingRoot: new Uint8Array(32).fill(fill),
});
const admit = (file: MemoryFile, ...votes: readonly SlashableVote[]): boolean[] =>
  file
    .admit([votes.map((vote) => ({ pubkey, vote }))])
    .flatMap((verdicts) => verdicts.map((v) => v.admitted));

let files = 0;
function fresh(): { readonly path: string; readonly open: () => MemoryFile } {
  const path = join(folder, `${files++}.sqlite`);
  return { path, open: () => new MemoryFile({ path, lockHash, genesisValidatorsRoot }) };
}

test("when the disk is full nothing is recorded, and once there is room again votes are admitted", (t) => {
  const { open } = fresh();
  const file = open();
  assert.deepEqual(admit(file, block(1)), [true]);

  const exec = DatabaseSync.prototype.exec;
  let full = true;
  t.mock.method(DatabaseSync.prototype, "exec", function (this: DatabaseSync, sql: string) {
    if (full && sql === "COMMIT") throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
    exec.call(this, sql);
  });
  assert.throws(() => admit(file, block(2), block(3)), { code: "storage/unavailable" });
  full = false;
  assert.deepEqual(admit(file, block(2, 9), block(3, 9), block(1, 9)), [true, true, false]);
  file.writeNote("note", new Uint8Array([1]));
  file.close();

  const again = open(); // The seal holds too.
  assert.deepEqual(admit(again, block(2, 9), block(2, 1)), [true, false]);
  again.close();
});

test("when it cannot be told what is on disk, nothing more is admitted", (t) => {
  const file = fresh().open();
  const exec = DatabaseSync.prototype.exec;
  t.mock.method(DatabaseSync.prototype, "exec", function (this: DatabaseSync, sql: string) {
    exec.call(this, sql); // The commit happens, and then its answer is a failure.
    if (sql === "COMMIT") throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
  });
  assert.throws(() => admit(file, block(1)), { code: "storage/unavailable" });
  t.mock.restoreAll();
  assert.throws(() => admit(file, block(2)), /the file failed earlier/);
  file.close();
});

test("where the file turns out to be damaged, nothing more is admitted", (t) => {
  const file = fresh().open();
  assert.deepEqual(admit(file, block(1)), [true]);
  t.mock.method(DatabaseSync.prototype, "exec", () => {
    throw Object.assign(new Error("database disk image is malformed"), { errcode: 11 });
  });
  assert.throws(() => file.checkpoint(), { code: "storage/corrupt" });
  t.mock.restoreAll();
  assert.throws(() => admit(file, block(2)), /the file failed earlier/);
  file.close();
});

test("a vote waits for the disk also after a timeline that could not be saved", (t) => {
  const file = fresh().open();
  const exec = DatabaseSync.prototype.exec;
  let broken = "";
  const waits: unknown[] = [];
  t.mock.method(DatabaseSync.prototype, "exec", function (this: DatabaseSync, sql: string) {
    if (broken !== "" && sql.includes(broken)) {
      exec.call(this, sql.slice(0, sql.indexOf(broken)));
      throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
    }
    if (sql === "COMMIT")
      waits.push((this.prepare("PRAGMA synchronous").get() as { synchronous: number }).synchronous);
    exec.call(this, sql);
  });
  const record: DutyRecord = { duty: { slot: 1, kind: "attester" }, entries: [], outcomes: [] };
  for (const [i, failing] of ["BEGIN", "COMMIT", "PRAGMA synchronous = FULL"].entries()) {
    broken = failing;
    assert.throws(() => file.saveDuties([record]), { code: "storage/unavailable" });
    broken = "";
    waits.length = 0;
    assert.deepEqual(admit(file, block(i + 1)), [true]);
    assert.deepEqual(waits, [2], `after a failed ${failing}, a vote is committed with synchronous = FULL`);
  }
  t.mock.restoreAll();
  file.close();
});

test("a second opener is refused at once, in the same process too", () => {
  const { open } = fresh();
  const file = open();
  assert.throws(open, { code: "storage/locked" });
  file.close();
  open().close();
});

test("who is refused at opening holds nothing up", () => {
  const { path, open } = fresh();
  open().close();
  assert.throws(() => new MemoryFile({ path, lockHash: new Uint8Array(32) }), { code: "storage/foreign" });
  open().close();
});

test("pruning keeps the file small and its seal right", () => {
  for (const signed of [block, vote]) {
    const { path, open } = fresh();
    const file = open();
    admit(file, ...Array.from({ length: 500 }, (_, i) => signed(1 + i)));
    file.prune();
    const [record] = file.export("complete").validators;
    assert.ok((record?.blocks.length ?? 0) + (record?.attestations.length ?? 0) < 200);
    const written = Witness.read(`${path}-witness`);
    file.prune();
    assert.equal(Witness.read(`${path}-witness`), written, "there is nothing left to prune");
    file.close();
    const again = open();
    assert.deepEqual(admit(again, signed(100, 9), signed(500, 9), signed(501)), [false, false, true]);
    assert.deepEqual(admit(again, signed(499)), [true], "the latest are kept with their roots");
    again.close();
  }
});

test("notes are kept, replaced, listed and removed", () => {
  const { open } = fresh();
  const file = open();
  file.writeNote("exit/1", new Uint8Array([1]));
  file.writeNote("exit/2", new Uint8Array([2]));
  file.writeNote("exit/1", new Uint8Array([3]));
  file.writeNote("peer/1", new Uint8Array([4]));
  file.writeNote("exit/2", undefined);
  file.close();
  const again = open();
  assert.deepEqual(again.noteKeys("exit/"), ["exit/1"]);
  assert.deepEqual(again.readNote("exit/1"), new Uint8Array([3]));
  assert.equal(again.readNote("exit/2"), undefined);
  again.close();
});

test("timelines come back latest first, by kind and page, and only the latest are kept", () => {
  const file = fresh().open();
  const record = (slot: number, kind: "attester" | "proposer" = "attester"): DutyRecord => ({
    duty: { slot, kind },
    entries: [{ at: 1, stage: "scheduled" }],
    outcomes: [],
  });
  file.saveDuties(Array.from({ length: DUTIES_KEPT + 100 }, (_, slot) => record(slot)));
  file.saveDuties([record(DUTIES_KEPT, "proposer")]);
  const slots = (query: Parameters<MemoryFile["duties"]>[0]): number[] =>
    file.duties(query).map((r) => r.duty.slot);
  assert.deepEqual(slots({ limit: 2 }), [DUTIES_KEPT + 99, DUTIES_KEPT + 98]);
  assert.deepEqual(slots({ limit: 2, kind: "proposer" }), [DUTIES_KEPT]);
  assert.deepEqual(slots({ limit: 1, beforeSlot: 5_000 }), [4_999]);
  assert.deepEqual(slots({ limit: 10, beforeSlot: 90 }), []);
  file.close();
});

test("slashing protection moves by file from one node to another, and a bad file changes nothing", () => {
  const [from, to] = [fresh(), fresh()];
  const file = from.open();
  admit(file, block(7));
  assert.throws(() => exportSlashingProtection(from.path), { code: "storage/locked" });
  file.close();

  const text = exportSlashingProtection(from.path);
  assert.deepEqual(importSlashingProtection(to.path, text, { lockHash }), {
    validators: 1,
    blocks: 1,
    attestations: 0,
    highestSlot: 7,
    highestTarget: undefined,
  });
  const bad = text.replace('"7"', '"8"').replace("0x0000", "0x0100");
  assert.throws(() => importSlashingProtection(to.path, bad), { code: "slashing/other-chain" });
  const receiver = to.open();
  assert.deepEqual(admit(receiver, block(7, 9), block(7), block(8)), [false, true, true]);
  receiver.close();
  assert.throws(() => exportSlashingProtection(join(folder, "none")), { code: "storage/unavailable" });
});

test("a memory says whether it may have gaps: made new, imported into, or kept and until when", () => {
  const [from, to] = [fresh(), fresh()];
  const file = from.open();
  assert.deepEqual(file.standing(), { origin: "new", newestTarget: undefined, sameBoot: false });
  admit(file, { kind: "attestation", source: 3, target: 4, signingRoot: new Uint8Array(32) });
  assert.deepEqual(file.standing(), { origin: "new", newestTarget: 4, sameBoot: false });
  file.trust();
  file.close();
  const again = from.open();
  assert.deepEqual(again.standing(), { origin: "kept", newestTarget: 4, sameBoot: false });
  again.close();

  importSlashingProtection(to.path, exportSlashingProtection(from.path), { lockHash });
  const receiver = to.open();
  assert.deepEqual(receiver.standing(), { origin: "imported", newestTarget: 4, sameBoot: false });
  receiver.trust();
  receiver.close();
  importSlashingProtection(to.path, exportSlashingProtection(from.path));
  const twice = to.open();
  assert.equal(twice.standing().origin, "imported", "every import may bring less than was signed");
  twice.close();
});

test("a memory says whether it was used last in this boot of this machine, as far as anybody knows", () => {
  const { path } = fresh();
  const isSame = (boot?: string): boolean => {
    const file = new MemoryFile({ path, lockHash, ...(boot === undefined ? {} : { boot }) });
    const { sameBoot } = file.standing();
    file.close();
    return sameBoot;
  };
  const boots = ["one", "one", undefined, "one", "two", "one"];
  assert.deepEqual(boots.map(isSame), [false, true, false, true, false, false]);
});
