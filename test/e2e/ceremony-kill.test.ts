import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parts } from "../../src/ceremony/index.ts";
import type { Background } from "../interop/background.ts";
import { type CeremonyRun, startCeremony, verifyResults } from "../interop/ceremony-cluster.ts";

// Method: four processes hold a ceremony. Whenever one enters the part at which it is to die, it gets SIGKILL and is started
// again with the same command. Each part is once the end of somebody in every run; CEREMONY_RUNS=4 lets every operator die in each.
const T = "trireme";

/** Settles when the process has entered a part for the first time. */
async function entered(process: Background, part: string): Promise<void> {
  while (!process.log().includes(`part=${part}`)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function fourTriremes(use: (run: CeremonyRun) => Promise<void>): Promise<void> {
  const run = await startCeremony({ seats: [T, T, T, T], algorithm: "frost", validators: 2, charon: "" });
  try {
    await use(run);
  } finally {
    await run.stop();
  }
}

for (const shift of [0, 2, 1, 3].slice(0, Number(process.env["CEREMONY_RUNS"] ?? 2)))
  test(`a node killed at each step of a ceremony is started again, and the ceremony ends with a valid lock (${shift + 1} of 4)`, {
    timeout: 180_000,
  }, async () => {
    await fourTriremes(async (run) => {
      const killed: string[] = [];
      for (const [i, { name }] of parts.entries()) {
        const victim = run.processes[(i + shift) % run.processes.length] as Background;
        await entered(victim, name);
        await victim.end("SIGKILL");
        // The first run waits out the lock that the dead process held; the others spare themselves the five seconds.
        if (shift > 0)
          rmSync(join(run.home((i + shift) % 4), "charon-enr-private-key.lock"), { force: true });
        killed.push(name);
        victim.start();
      }
      assert.equal(killed.length, parts.length);
      assert.deepEqual(
        await run.over(),
        [0, 0, 0, 0],
        run.processes.map((one) => one.tail()).join("\n---\n"),
      );
      await verifyResults(run);
    });
  });

test("a node that has lost its journal ends the ceremony everywhere with one reason, and nothing usable is left", {
  timeout: 120_000,
}, async () => {
  await fourTriremes(async (run) => {
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
