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

/** What ran, with what it saw; then what did not, by the reason. */
function print(table: readonly Row[]): void {
  const of = (verdict: Row["verdict"]) => table.filter((row) => row.verdict === verdict);
  for (const { name, verdict, seen } of table.filter(({ verdict }) => verdict !== "skipped")) {
    line(`${verdict.padEnd(8)}${name}`);
    for (const text of seen.flatMap((text) => text.split("\n"))) line(`${" ".repeat(10)}${text}`);
  }
  for (const [reason, rows] of Map.groupBy(of("skipped"), ({ seen }) => seen.join("; "))) {
    line(`skipped ${reason}`);
    for (const { name } of rows) line(`${" ".repeat(10)}${name}`);
  }
  line(`\n${of("ok").length} ok, ${of("FAILED").length} failed, ${of("skipped").length} skipped`);
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}
