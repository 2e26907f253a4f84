import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readInput } from "./read-input.ts";

const folder = (t: { after(work: () => void): void }): string => {
  const made = mkdtempSync(join(tmpdir(), "trireme-input-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
};

/** What a program says that reads its argument, in a shell with what the shell can do. */
const saidBy = (shell: string, given: string): string => {
  const script = `import(${JSON.stringify(join(import.meta.dirname, "read-input.ts"))}).then(({ readInput }) => {
    try { console.log(readInput(process.argv[1]).length); } catch (error) { console.log(error.message); }
  })`;
  const { stdout, signal } = spawnSync("bash", ["-c", shell, process.execPath, script, given], {
    encoding: "utf8",
    timeout: 120_000, // Only where it hangs.
  });
  assert.equal(signal, null, `it waits for ever: ${shell}`);
  return stdout.trim();
};

test("a file is read, and one that is not there is the system's error", (t) => {
  const path = join(folder(t), "file");
  writeFileSync(path, "text ✓");
  assert.equal(readInput(path), "text ✓");
  assert.throws(() => readInput(`${path}-not`), { code: "ENOENT" });
  assert.throws(() => readInput(join(path, "..")), { code: "EISDIR" });
});

test("a pipe is read to its end, however slowly it is written, and one into which nobody writes is told at once", (t) => {
  if (spawnSync("bash", ["-c", "command -v mkfifo"]).status !== 0)
    return t.skip("NOT TESTED: there is no bash, or no mkfifo");
  const pipe = join(folder(t), "pipe");
  spawnSync("mkfifo", [pipe]);
  assert.equal(saidBy('"$0" -e "$1" "$2"', pipe), `nobody writes into the pipe ${pipe}`);
  const slowly = '"$0" -e "$1" <(head -c 100000 /dev/zero; sleep 0.2; head -c 100000 /dev/zero)';
  assert.equal(saidBy(slowly, ""), "200000");
  assert.equal(saidBy('echo four | "$0" -e "$1" /dev/stdin', ""), "5");
});
