import { parentPort, workerData } from "node:worker_threads";
import { runSeed } from "./chaos.ts";

// Runs seeds [from, to) and answers with what each broken promise was, by the command that replays it.
const { from, to } = workerData as { readonly from: number; readonly to: number };
const broken: Record<string, readonly string[]> = {};
for (let seed = from; seed < to; seed++) {
  const { violations } = await runSeed(seed);
  if (violations.length > 0) broken[`npm run sim -- --seed ${seed} --trace`] = violations;
}
parentPort?.postMessage(broken);
