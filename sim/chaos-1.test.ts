import { test } from "node:test";
import { runSeeds } from "./seeds.ts";

// Goal: no world breaks a safety rule, and every duty is done once the weather is good again (sim/checkers.ts).
// Method: 250 worlds drawn from seeds (sim/plan.ts); the other half is in the sibling file, so that two cores share the work.
test("operators stay safe in chaos and live after it, seeds 1 to 250", { timeout: 600_000 }, () =>
  runSeeds(1, 251),
);
