import assert from "node:assert/strict";
import { test } from "node:test";
import { plantedBugs } from "./canaries.ts";
import { planOf, runSeed } from "./chaos.ts";
import type { Plan } from "./plan.ts";
import { regressions } from "./regressions.ts";

// A checker that cannot fail proves nothing: each of these plants a bug that it has to notice.
const SEEDS = 300;
const RUNS = 25;
/** A bug that shows in large and long worlds shows in cheap ones too. */
const isCheap = ({ operatorCount, chaosUntilSlot }: Plan): boolean =>
  operatorCount === 4 && chaosUntilSlot === 6;

for (const { name, noticed, where, plant } of plantedBugs) {
  test(`${noticed.replace(/:.*/, "")} is broken by ${name}, and the checker notices`, async () => {
    let runs = 0;
    for (let seed = 1; seed <= SEEDS && runs < RUNS; seed++) {
      const plan = planOf(seed);
      if (!isCheap(plan) || where?.(plan) === false) continue;
      runs++;
      const { violations } = await runSeed(seed, { canary: plant() });
      if (violations.some((violation) => violation.startsWith(noticed))) return;
    }
    assert.fail(`none of ${runs} worlds noticed`);
  });
}

test("the same seed gives the same run", async () => {
  for (const seed of [18, 24])
    assert.equal((await runSeed(seed)).fingerprint, (await runSeed(seed)).fingerprint);
});

for (const { seed, found } of regressions) {
  test(`seed ${seed} stays fixed: ${found}`, async () =>
    assert.deepEqual((await runSeed(seed)).violations, []));
}
