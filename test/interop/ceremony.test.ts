import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { readKeystores } from "../../src/cluster/index.ts";
import { type Algorithm, type CeremonySeat, startCeremony, verifyResults } from "./ceremony-cluster.ts";
import { notPicked, peerProgram } from "./peers.ts";

// Method: separate processes of both programs on loopback hold a ceremony; both programs then check the lock, and all folders
// have the same deposit data. INTEROP_ONLY picks scenarios by part of their names.
const charon = peerProgram("CHARON_BIN");

const T = "trireme";
const C = "charon";
const seatings: readonly (readonly [string, readonly CeremonySeat[]])[] = [
  ["1 Trireme, 3 Charon", [C, T, C, C]],
  ["2 Trireme, 2 Charon", [T, C, C, T]],
  ["3 Trireme, 1 Charon", [T, T, C, T]],
];

interface Scenario {
  readonly name: string;
  readonly seats: readonly CeremonySeat[];
  readonly algorithm: Algorithm;
  readonly validators: number;
  readonly relay: CeremonySeat | undefined;
}

/** How the operators meet: through a relay of either program, or directly (then one size will do). */
const meetings = [
  { how: "Charon's relay", relay: C, sizes: [1, 10, 100] },
  { how: "Trireme's relay", relay: T, sizes: [1, 10, 100] },
  { how: "directly", relay: undefined, sizes: [10] },
] as const;
const scenarios: readonly Scenario[] = meetings.flatMap(({ how, relay, sizes }) =>
  (["frost", "pedersen"] as const).flatMap((algorithm) =>
    seatings.flatMap(([who, seats]) =>
      sizes.map((validators): Scenario => {
        const name = `${who}, ${algorithm}, ${validators} validators, ${how}`;
        return { name, seats, algorithm, validators, relay };
      }),
    ),
  ),
);

for (const scenario of scenarios) {
  const skip = notPicked(scenario.name) || charon.skip;
  test(`ceremony: ${scenario.name}`, { skip, timeout: 300_000 }, async (t) => {
    const run = await startCeremony({ ...scenario, charon: charon.path });
    try {
      const begun = performance.now();
      const codes = await run.over();
      assert.deepEqual(
        codes,
        codes.map(() => 0),
        run.processes.map((one) => one.tail()).join("\n---\n"),
      );
      t.diagnostic(`${((performance.now() - begun) / 1000).toFixed(1)} s`);
      const lock = await verifyResults(run);
      assert.equal(lock.validators.length, scenario.validators);
      const deposits = run.processes.map((_, i) =>
        run
          .results(i)
          .filter((name) => name.startsWith("deposit-data"))
          .map((name) => `${name}: ${readFileSync(join(run.home(i), name), "utf8")}`),
      );
      assert.equal(deposits[0]?.length, 2);
      for (const one of deposits) assert.deepEqual(one, deposits[0]);
      await charonCombines(run.folder);
      const whole = await readKeystores(join(run.folder, "combined"));
      const groupKeys = lock.validators.map(({ publicKey }) => publicKey);
      assert.deepEqual(
        whole.map(({ secret }) => secret.publicKey()),
        groupKeys,
      );
    } finally {
      await run.stop();
    }
  });
}

/** Charon verifies the locks of all folders, opens all keystores, and brings the shares back together to the validators' keys. */
async function charonCombines(folder: string): Promise<void> {
  const args = [`--cluster-dir=${join(folder, "operators")}`, `--output-dir=${join(folder, "combined")}`];
  await promisify(execFile)(charon.path, ["combine", ...args]);
}
