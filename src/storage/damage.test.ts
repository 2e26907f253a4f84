import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { type SeededRandom, seededRandom } from "../base/index.ts";
import { writeInterchange } from "../slashing/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { StorageError } from "./errors.ts";
import { MemoryFile, type VoteOf } from "./memory-file.ts";
import { Witness } from "./witness.ts";

const folder = mkdtempSync(join(tmpdir(), "trireme-damage-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const lockHash = new Uint8Array(32).fill(5);
const genesisValidatorsRoot = new Uint8Array(32);
const COMPANIONS = ["", "-wal", "-witness"] as const;

function votesOf(epoch: number, fill: number): readonly VoteOf[] {
  return Array.from({ length: 6 }, (_, i) => ({
    pubkey: `0x${(i + 1).toString(16).padStart(96, "a")}` as GroupKey,
    vote: {
      kind: "attestation",
      source: epoch - 1,
      target: epoch,
      signingRoot: new Uint8Array(32).fill(fill),
    },
  }));
}
const EPOCHS = 60;

/** A file with votes of 60 epochs, half of them folded in and half in the log, as a killed process leaves it. */
function makeFile(path: string): void {
  const file = new MemoryFile({ path: `${path}.live`, lockHash, genesisValidatorsRoot });
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    file.admit([votesOf(epoch, 1)]);
    file.saveDuties([{ duty: { slot: epoch, kind: "attester" }, entries: [], outcomes: [] }]);
    if (epoch === EPOCHS / 2) file.checkpoint();
  }
  file.writeNote("note", new Uint8Array(100).fill(3));
  for (const companion of COMPANIONS) copyFileSync(`${path}.live${companion}`, `${path}${companion}`);
  file.close();
}

/** The same as a process that ended well leaves it: without a log, so that every page of the file counts. */
function makeClosedFile(path: string): void {
  makeFile(path);
  new MemoryFile({ path, lockHash }).close();
}

function copyTo(path: string): string {
  const copy = `${path}.copy`;
  for (const companion of COMPANIONS) {
    rmSync(copy + companion, { force: true });
    if (existsSync(path + companion)) copyFileSync(path + companion, copy + companion);
  }
  return copy;
}

let wholeExport: string | undefined;

/** Opens and asks: either the memory is whole, or it is refused by name. */
function outcomeOf(path: string): string {
  let file: MemoryFile;
  try {
    file = new MemoryFile({ path, lockHash, genesisValidatorsRoot });
  } catch (error) {
    assert.ok(error instanceof StorageError, `not a named refusal: ${String(error)}`);
    assert.ok(error.hint !== undefined && error.hint.length > 0, "a refusal without a way out");
    return error.code;
  }
  try {
    const exported = writeInterchange(file.export("complete"));
    wholeExport ??= exported; // The first caller opens an undamaged copy.
    assert.equal(exported, wholeExport, "the memory holds something else than was written");
    const epochs = Array.from({ length: EPOCHS }, (_, i) => i + 1);
    for (const [i, verdicts] of file.admit(epochs.map((epoch) => votesOf(epoch, 2))).entries())
      assert.ok(
        verdicts.every((v) => !v.admitted),
        `votes of epoch ${epochs[i]} were forgotten`,
      );
    assert.deepEqual(file.readNote("note"), new Uint8Array(100).fill(3));
    assert.ok(file.duties({ limit: 100 }).length <= EPOCHS);
    assert.ok(file.admit([votesOf(EPOCHS + 1, 1)])[0]?.every((v) => v.admitted));
    return "whole";
  } finally {
    file.close();
  }
}

function damage(path: string, random: SeededRandom): string {
  const companion = random.pick(COMPANIONS.filter((c) => existsSync(path + c)));
  const content = readFileSync(path + companion);
  const kind = random.pick(["flip", "zero", "cut", "noise"] as const);
  const at = random.integer(content.length);
  const length = 1 + random.integer(kind === "flip" ? 4 : 4_096);
  if (kind === "cut") {
    writeFileSync(path + companion, content.subarray(0, at));
  } else {
    for (let i = at; i < Math.min(content.length, at + length); i++) {
      const old = content[i] ?? 0;
      content[i] =
        kind === "zero" ? 0 : kind === "flip" ? old ^ (1 << random.integer(8)) : random.integer(256);
    }
    writeFileSync(path + companion, content);
  }
  return `${kind} ${companion} at ${at} for ${length}`;
}

// Goal: whatever a disk does to one of the files, the memory is either whole or refused by name; never emptier than it was.
for (const [state, make] of [
  ["that a killed process left", makeFile],
  ["that was closed", makeClosedFile],
] as const) {
  test(`a damaged file ${state} is either whole in meaning or refused`, () => {
    const path = join(folder, `fuzz ${state}`);
    make(path);
    assert.equal(outcomeOf(copyTo(path)), "whole");
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 150; seed++) {
      const copy = copyTo(path);
      const what = damage(copy, seededRandom(seed));
      try {
        const outcome = outcomeOf(copy);
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      } catch (error) {
        throw new Error(`seed ${seed}: ${what}`, { cause: error });
      }
    }
    for (const outcome of ["whole", "storage/corrupt"]) {
      assert.ok(seen.has(outcome), `the damage never led to ${outcome}: ${JSON.stringify([...seen])}`);
    }
  });
}

test("a bit flipped inside a vote, which SQLite does not notice, is noticed", () => {
  const path = join(folder, "bit");
  makeFile(path);
  const copy = copyTo(path);
  const db = new DatabaseSync(copy);
  db.exec("UPDATE attestation SET target = target + 128 WHERE target = 7 AND validator = 1");
  db.close();
  assert.equal(outcomeOf(copy), "storage/corrupt");
});

test("a row that is gone is noticed", () => {
  const path = join(folder, "row");
  makeFile(path);
  const copy = copyTo(path);
  const db = new DatabaseSync(copy);
  db.exec("DELETE FROM attestation WHERE target = 60 AND validator = 1");
  db.close();
  assert.equal(outcomeOf(copy), "storage/corrupt");
});

test("an older copy that was put back, a lost log, and an emptied or deleted file are refused", () => {
  const path = join(folder, "old");
  makeFile(path);
  for (const harm of [
    (copy: string) => rmSync(`${copy}-wal`),
    (copy: string) => writeFileSync(`${copy}-wal`, ""),
    (copy: string) => writeFileSync(copy, ""),
    (copy: string) => rmSync(copy),
    (copy: string) => {
      const old = join(folder, "older");
      if (!existsSync(old)) new MemoryFile({ path: old, lockHash, genesisValidatorsRoot }).close();
      copyFileSync(old, copy);
      rmSync(`${copy}-wal`);
    },
  ]) {
    const copy = copyTo(path);
    harm(copy);
    assert.equal(outcomeOf(copy), "storage/rolled-back", harm.toString());
  }
});

test("a memory that lost nothing but its last transaction is refused", () => {
  const path = join(folder, "last");
  const file = new MemoryFile({ path: `${path}.live`, lockHash, genesisValidatorsRoot });
  file.admit([votesOf(1, 1)]);
  for (const companion of ["", "-wal"]) copyFileSync(`${path}.live${companion}`, path + companion);
  file.admit([votesOf(2, 1)]);
  copyFileSync(`${path}.live-witness`, `${path}-witness`);
  file.close();
  assert.equal(outcomeOf(path), "storage/rolled-back");
});

test("a witness whose latest entry was torn knows the one before, and one without a whole entry knows nothing", () => {
  const path = join(folder, "torn-witness");
  const witness = new Witness(path);
  for (const sequence of [7, 8, 9]) witness.write(sequence);
  witness.close();
  assert.equal(Witness.read(path), 9);
  const content = readFileSync(path);
  const tear = (entry: number): void => {
    const at = entry * 512 + 12;
    content[at] = (content[at] ?? 0) ^ 1;
    writeFileSync(path, content);
  };
  tear(9 % 2);
  assert.equal(Witness.read(path), 8);
  tear(8 % 2);
  assert.equal(Witness.read(path), undefined);
});

test("files of another cluster, chain, program or a newer version are refused by name", () => {
  const path = join(folder, "kinds");
  makeFile(path);
  const refusal = (options: object): string => {
    try {
      new MemoryFile({ path: copyTo(path), lockHash, genesisValidatorsRoot, ...options }).close();
      return "opened";
    } catch (error) {
      return (error as StorageError).code;
    }
  };
  assert.equal(refusal({}), "opened");
  assert.equal(refusal({ lockHash: new Uint8Array(32) }), "storage/foreign");
  assert.equal(refusal({ genesisValidatorsRoot: new Uint8Array(32).fill(1) }), "storage/foreign");
  for (const [sql, code] of [
    ["PRAGMA user_version = 99", "storage/schema-too-new"],
    ["PRAGMA user_version = 0", "storage/corrupt"],
    ["PRAGMA application_id = 7", "storage/foreign"],
  ] as const) {
    const copy = copyTo(path);
    const db = new DatabaseSync(copy);
    db.exec(sql);
    db.close();
    assert.equal(outcomeOf(copy), code);
  }
  writeFileSync(join(folder, "text"), "this is not a database, it is a letter to an operator".repeat(100));
  assert.equal(outcomeOf(join(folder, "text")), "storage/corrupt");
});

test("a file whose making was cut short is made anew", () => {
  const path = join(folder, "blank");
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL"); // Writes the header page and no table.
  db.close();
  assert.ok(statSync(path).size > 0);
  new MemoryFile({ path, lockHash, genesisValidatorsRoot }).close();
});

test("the files are for their owner's eyes only", () => {
  const path = join(folder, "mode");
  makeFile(path);
  for (const companion of COMPANIONS) {
    const live = `${path}.live${companion}`;
    if (existsSync(live)) assert.equal(statSync(live).mode & 0o777, 0o600, companion);
  }
});
