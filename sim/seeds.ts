import assert from "node:assert/strict";
import { runSeed } from "./chaos.ts";

/** Runs seeds [from, to) and fails with every one that breaks a promise, and the command that replays it. */
export async function runSeeds(from: number, to: number): Promise<void> {
  const broken: Record<string, readonly string[]> = {};
  for (let seed = from; seed < to; seed++) {
    const { violations } = await runSeed(seed);
    if (violations.length > 0) broken[`npm run sim -- --seed ${seed} --trace`] = violations;
  }
  assert.deepEqual(broken, {}, `${Object.keys(broken).length} worlds broke a promise`);
}
