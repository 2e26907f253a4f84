import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parts } from "../../src/ceremony/index.ts";
import type { Background } from "../interop/background.ts";
import {
  type Algorithm,
  type CeremonyRun,
  startCeremony,
  verifyResults,
} from "../interop/ceremony-cluster.ts";

// Method: four processes hold a ceremony. Whenever one enters the part at which it is to die, it gets SIGKILL and is started
// again with the same command. Each part is once the end of somebody in every run; CEREMONY_RUNS=4 lets every operator die in each.
const T = "trireme";

/** Settles when the process has entered a part for the first time. */
async function entered(process: Background, part: string): Promise<void> {
  while (!process.log().includes(`part=${part}`)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function fourTriremes(
  { algorithm, validators }: { readonly algorithm: Algorithm; readonly validators: number },
  use: (run: CeremonyRun) => Promise<void>,
): Promise<void> {
  const run = await startCeremony({ seats: [T, T, T, T], algorithm, validators, charon: "" });
  try {
    await use(run);
  } finally {
    await run.stop();
  }
}

async function expectComplete(run: CeremonyRun): Promise<void> {
  const codes = await run.over();
  assert.deepEqual(codes, [0, 0, 0, 0], run.processes.map((one) => one.tail()).join("\n---\n"));
  // What it says to go on with has the ways by which the operators met: `run` knows none of its own accord.
  for (const one of run.processes)
    assert.match(one.log(), /Then run the node: .* --p2p-(?:relays|peers) \S+/);
  await verifyResults(run);
}

/** Gets SIGKILL, and is started again without waiting out the five seconds of the lock that the dead process held. */
async function restart(run: CeremonyRun, i: number): Promise<void> {
  const victim = run.processes[i] as Background;
  await victim.end("SIGKILL");
  rmSync(join(run.home(i), "charon-enr-private-key.lock"), { force: true });
  victim.start();
}

const runs = Number(process.env["CEREMONY_RUNS"] ?? 2);
const kills = [
  ...[0, 2, 1, 3].slice(0, runs).map((shift) => ["frost", shift] as const),
  ...[1, 3, 0, 2].slice(0, runs - 1).map((shift) => ["pedersen", shift] as const),
];
for (const [algorithm, shift] of kills)
  test(`a node killed at each step of a ceremony is started again, and the ceremony ends with a valid lock (${algorithm}, ${shift + 1} of 4)`, {
    timeout: 400_000,
  }, async () => {
    await fourTriremes({ algorithm, validators: 2 }, async (run) => {
      for (const [i, { name }] of parts.entries()) {
        const victim = (i + shift) % run.processes.length;
        await entered(run.processes[victim] as Background, name);
        // Once in each algorithm's first run the lock of the dead process is waited out, as an operator would.
        if (i > 0 || shift > 1) await restart(run, victim);
        else {
          await run.processes[victim]?.end("SIGKILL");
          run.processes[victim]?.start();
        }
      }
      await expectComplete(run);
    });
  });

// Its rounds are many for each validator, and a round that was begun must come again as it was.
test("nodes killed in the midst of Pedersen's rounds say the same again, and the ceremony ends with a valid lock", {
  timeout: 180_000,
}, async () => {
  await fourTriremes({ algorithm: "pedersen", validators: 12 }, async (run) => {
    const journal = (i: number): string => join(run.home(i), "trireme", "ceremony.journal");
    for (const [i, process] of run.processes.entries()) {
      await entered(process, "keys");
      const enough = statSync(journal(i)).size + 6_000 * (i + 1);
      while (
        existsSync(journal(i)) &&
        statSync(journal(i)).size < enough &&
        !process.log().includes("part=deposits")
      )
        await new Promise((resolve) => setTimeout(resolve, 2));
      await restart(run, i);
    }
    await expectComplete(run);
  });
});

test("a node that has lost its journal ends the ceremony everywhere with one reason, and nothing usable is left", {
  timeout: 120_000,
}, async () => {
  await fourTriremes({ algorithm: "frost", validators: 2 }, async (run) => {
    const victim = run.processes[2] as Background;
    await entered(victim, "deposits");
    await victim.end("SIGKILL");
    rmSync(join(run.home(2), "trireme"), { recursive: true });
    victim.start();
    for (const i of [0, 1, 3]) {
      const process = run.processes[i] as Background;
      assert.equal(await process.over, 1);
      assert.match(process.log(), /error: .*operator 2/);
      assert.match(process.log(), /Every operator runs the same command again/);
      assert.deepEqual(run.results(i), []);
      assert.ok(!readdirSync(join(run.home(i), "trireme")).some((name) => name.startsWith("ceremony")));
    }
  });
});
