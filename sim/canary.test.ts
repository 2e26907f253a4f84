import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlsWork } from "../src/ports/index.ts";
import { type RunOptions, runSeed } from "./chaos.ts";
import { regressions } from "./regressions.ts";

// A checker that cannot fail proves nothing: each of these plants a bug that it has to notice.
const SEEDS = 60;
type Canary = NonNullable<RunOptions["canary"]>;

/** A slashing memory that admits everything: a node that forgets. */
const forgetful: Canary["disk"] = (_index, honest) => ({
  ...honest,
  admit: async (votes) => votes.map(() => ({ admitted: true })),
});
/** Combines and believes; the signature is wrong by a bit. */
const credulous = (honest: BlsWork): BlsWork => ({
  ...honest,
  combine: async (jobs) =>
    (await honest.combine(jobs)).map((result) =>
      result.signature === undefined
        ? result
        : { ...result, signature: result.signature.with(95, (result.signature[95] ?? 0) ^ 1) },
    ),
});
/** Signs its own proposal without asking the others. */
const impatient: Canary["consensus"] = (_index, honest) => ({
  agree: async (duty, how, signal) => {
    honest.agree(duty, how, signal).catch(() => {});
    return { value: await how.proposal, round: 1 };
  },
});
/** Never decides. */
const mute: Canary["consensus"] = () => ({
  agree: (_duty, how, signal) =>
    new Promise((_, reject) => {
      how.proposal.catch(() => {});
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    }),
});

const canaries: readonly { readonly name: string; readonly rule: string; readonly canary: Canary }[] = [
  {
    name: "operators that sign before they agree, with a memory that forgets",
    rule: "S1",
    canary: { disk: forgetful, consensus: impatient },
  },
  { name: "operators that sign before they agree", rule: "S2", canary: { consensus: impatient } },
  { name: "a combination that is not verified", rule: "S3", canary: { bls: credulous } },
  { name: "a consensus that never decides", rule: "S7", canary: { consensus: mute } },
];
for (const { name, rule, canary } of canaries) {
  test(`${rule} is broken by ${name}, and the checker notices`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = await runSeed(seed, { canary });
      if (violations.some((violation) => violation.startsWith(rule))) return;
    }
    assert.fail(`no seed from 1 to ${SEEDS} noticed`);
  });
}

test("the same seed gives the same run", async () => {
  assert.equal((await runSeed(3)).fingerprint, (await runSeed(3)).fingerprint);
});

for (const { seed, found } of regressions) {
  test(`seed ${seed} stays fixed: ${found}`, async () =>
    assert.deepEqual((await runSeed(seed)).violations, []));
}
