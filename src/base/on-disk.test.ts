import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeFolder } from "./on-disk.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-base-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a folder is made with those above it, and what is there stays as it is", (t) => {
  const folder = folderOf(t);
  assert.equal(makeFolder(join(folder, "a/b/c"), 0o700), join(folder, "a"));
  for (const made of ["a", "a/b", "a/b/c"]) assert.equal(statSync(join(folder, made)).mode & 0o777, 0o700);
  assert.equal(makeFolder(join(folder, "a/b"), 0o755), undefined);
  assert.equal(statSync(join(folder, "a/b")).mode & 0o777, 0o700);
  symlinkSync(join(folder, "a"), join(folder, "link"));
  assert.equal(makeFolder(join(folder, "link/d")), join(folder, "link/d"));
});

test("where a file stands in the way of a folder, or a link leads nowhere, that is said with its path", (t) => {
  const folder = folderOf(t);
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below/it")])
    assert.throws(() => makeFolder(path), { code: "EEXIST", path: file });
  const link = join(folder, "link");
  symlinkSync(join(folder, "nowhere"), link);
  assert.throws(() => makeFolder(join(link, "below")), { code: "EEXIST", path: link });
});

const skip = existsSync("/proc/self") ? false : "there is no /proc here";

test("a folder that the system never lets anybody make is refused", { skip }, () => {
  assert.throws(() => makeFolder("/proc/nobody-makes-this/below"), { path: "/proc/nobody-makes-this" });
});
