import { parseArgs } from "node:util";
import { runSeed } from "./chaos.ts";

// npm run sim -- --seed 826 --trace      replay one world
// npm run sim -- --for 10m               look for seeds that break something
const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    for: { type: "string" },
    from: { type: "string" },
  },
});

function durationMs(text: string): number {
  const match = /^(\d+)(s|m|h)$/.exec(text);
  if (match === null) throw new Error(`--for is "${text}"; write e.g. 30s, 10m or 2h`);
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as "s" | "m" | "h"];
}

async function one(seed: number, trace: boolean): Promise<boolean> {
  const run = await runSeed(seed);
  if (trace) process.stdout.write(`${run.trace.join("\n")}\n`);
  for (const violation of run.violations) process.stdout.write(`seed ${seed}: ${violation}\n`);
  if (run.violations.length > 0) process.stdout.write(`replay with: npm run sim -- --seed ${seed} --trace\n`);
  return run.violations.length === 0;
}

if (values.seed !== undefined) {
  const good = await one(Number(values.seed), values.trace);
  process.stdout.write(good ? `seed ${values.seed}: nothing broken\n` : "");
  process.exitCode = good ? 0 : 1;
} else {
  const end = Date.now() + durationMs(values.for ?? "1m");
  let seed = Number(values.from ?? Date.now() % 1_000_000_000);
  const first = seed;
  for (; Date.now() < end; seed++) if (!(await one(seed, false))) process.exitCode = 1;
  process.stdout.write(
    `${seed - first} worlds from seed ${first}: ${process.exitCode === 1 ? "something broke" : "nothing broken"}\n`,
  );
}
