import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";

// `npm run interop`: every test of this folder, one after the other, and a table of what was seen.
interface Row {
  readonly name: string;
  readonly verdict: "ok" | "FAILED" | "skipped";
  readonly seen: string[];
}

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;
const rows: Row[] = [];
const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(import.meta.dirname, name));

const stream = run({ files, concurrency: false });
stream.on("test:start", ({ name }) => {
  if (!files.includes(name)) process.stderr.write(`… ${name}\n`);
});
// What a test saw is told after its verdict.
stream.on("test:diagnostic", ({ message, nesting }) => {
  if (nesting === 0 && !SUMMARY.test(message)) rows.at(-1)?.seen.push(message);
});
stream.on("test:pass", ({ name, skip }) => {
  if (files.includes(name)) return;
  rows.push({
    name,
    verdict: skip === undefined ? "ok" : "skipped",
    seen: typeof skip === "string" ? [skip] : [],
  });
});
stream.on("test:fail", ({ name, details }) => {
  if (files.includes(name)) return;
  process.exitCode = 1;
  rows.push({ name, verdict: "FAILED", seen: [String(details.error.cause ?? details.error.message)] });
});
for await (const _ of stream);
print(rows);

function print(table: readonly Row[]): void {
  for (const { name, verdict, seen: lines } of table) {
    process.stdout.write(`${verdict.padEnd(8)}${name}\n`);
    for (const line of lines)
      process.stdout.write(`${" ".repeat(10)}${line.replaceAll("\n", `\n${" ".repeat(10)}`)}\n`);
  }
  const count = (verdict: Row["verdict"]) => table.filter((row) => row.verdict === verdict).length;
  process.stdout.write(`\n${count("ok")} ok, ${count("FAILED")} failed, ${count("skipped")} skipped\n`);
}
