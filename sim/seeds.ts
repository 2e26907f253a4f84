import assert from "node:assert/strict";
import { runSeed } from "./chaos.ts";

/** Runs seeds [from, to) and fails with the command that replays the first one that breaks a promise. */
export async function runSeeds(from: number, to: number): Promise<void> {
  for (let seed = from; seed < to; seed++) {
    const { violations } = await runSeed(seed);
    assert.deepEqual(violations, [], `replay with: npm run sim -- --seed ${seed} --trace`);
  }
}
