import assert from "node:assert/strict";
import { once } from "node:events";
import { Worker } from "node:worker_threads";

/**
 * Runs seeds [from, to) and fails with every one that breaks a promise, and the command that replays it. They run on a thread
 * of their own, since the test runner follows every promise of its own thread, and a world has a hundred thousand.
 */
export async function runSeeds(from: number, to: number): Promise<void> {
  const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: { from, to } });
  const [broken] = (await once(worker, "message")) as [Record<string, readonly string[]>];
  assert.deepEqual(broken, {}, `${Object.keys(broken).length} worlds broke a promise`);
}
