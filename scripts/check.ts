import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

// `npm run check`: lint, types and unit tests side by side, so that no core waits; prints what failed and how long each took.
// With --all (npm test) the long-running unit tests run as well.

const root = join(import.meta.dirname, "..");

/** What takes seconds of CPU each and tests what is rare: operators killed in a ceremony, liars of every kind, slow key derivation. */
const HEAVY: readonly string[] = [
  "src/ceremony/ceremony.test.ts",
  "src/ceremony/pedersen-keys.test.ts",
  "src/dkg/frost.test.ts",
  "src/duty/doppelganger.test.ts",
  "src/duty/judging.test.ts",
  "src/duty/runner-faults.test.ts",
  "src/qbft/agreement.prop.test.ts",
  "test/vectors/eip2335.test.ts",
];
/**
 * Which unit tests run in one process: of rooms that load the same libraries. There are more of them than cores, since those
 * over real sockets wait half their time. A file goes to the first that names it.
 */
const SHARDS: readonly (readonly string[])[] = [
  ["src/p2p/hostile-relay", "src/p2p/silent-relay", "src/p2p/relay", "src/main"],
  ["src/p2p/"],
  ["src/duty/", "src/consensus/", "src/qbft/", "src/slashing/", "src/infosync/"],
  ["src/ceremony/", "src/dkg/", "src/crypto/", "src/cluster/", "src/signer/", "src/cli/"],
  ["src/", "test/"],
];

interface Job {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

function shards(all: boolean): string[][] {
  const found = globSync(
    ["src/**/*.test.ts", "test/tidy.test.ts", "test/{conformance,vectors,golden}/**/*.test.ts"],
    { cwd: root },
  ).filter((file) => all || !HEAVY.includes(file));
  const shardOf = (file: string): number =>
    SHARDS.findIndex((beginnings) => beginnings.some((beginning) => file.startsWith(beginning)));
  return SHARDS.map((_, i) => found.filter((file) => shardOf(file) === i).toSorted());
}

/** @returns Whether it succeeded. What it wrote is printed when it did not. */
function run({ name, command, args }: Job): Promise<boolean> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => output.push(part));
    child.on("error", (error) => output.push(Buffer.from(String(error))));
    child.on("close", (code) => {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      const text = Buffer.concat(output).toString();
      const tests = /^\D*tests (\d+)$/m.exec(text)?.[1];
      if (code !== 0) process.stdout.write(`\n${failuresOf(text)}\n`);
      const count = tests === undefined ? "" : `, ${tests} tests`;
      process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s${count})\n`);
      resolve(code === 0);
    });
  });
}

/** Of a test run the failing tests at its end; of anything else all it said. */
function failuresOf(text: string): string {
  const at = text.lastIndexOf("failing tests:");
  return at < 0 ? text : text.slice(at);
}

const jobs: readonly Job[] = [
  ...shards(process.argv.includes("--all")).map((files, i) => ({
    name: `unit tests ${i + 1} of ${SHARDS.length}`,
    command: process.execPath,
    args: ["--test", "--test-isolation=none", "--test-reporter=spec", ...files],
  })),
  { name: "types", command: "tsc", args: ["-p", "tsconfig.json"] },
  { name: "types of the dashboard", command: "tsc", args: ["-p", "tsconfig.page.json"] },
  { name: "format", command: "biome", args: ["check", "."] },
  { name: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"] },
];
const results = await Promise.all(jobs.map(run));
process.exitCode = results.every(Boolean) ? 0 : 1;
