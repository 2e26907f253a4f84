import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Background } from "./background.ts";
import { type CeremonyRun, type CeremonySeat, startCeremony, verifyResults } from "./ceremony-cluster.ts";
import { peerProgram } from "./peers.ts";

// Method: in a ceremony of both programs one operator gets SIGKILL and is started again with the same command. Charon has no
// journal: what it lost it cannot ask for, and what it began it cannot go on with.
const charon = peerProgram("CHARON_BIN");
const skip = charon.skip;

async function says(process: Background, what: string): Promise<void> {
  while (!process.log().includes(what)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function restart(run: CeremonyRun, i: number, at: string, watched: number): Promise<void> {
  const process = run.processes[i] as Background;
  await says(run.processes[watched] as Background, at);
  await process.end("SIGKILL");
  rmSync(join(run.home(i), "charon-enr-private-key.lock"), { force: true });
  process.start();
}

async function hold(seats: readonly CeremonySeat[], use: (run: CeremonyRun) => Promise<void>): Promise<void> {
  const run = await startCeremony({ seats, algorithm: "frost", validators: 2, charon: charon.path });
  try {
    await use(run);
  } finally {
    await run.stop();
  }
}

/** Nothing of the attempt is left that a node could use. */
function assertNothingLeft(run: CeremonyRun, i: number): void {
  assert.deepEqual(run.results(i), []);
  const own = readdirSync(join(run.home(i), "trireme"));
  assert.ok(!own.some((name) => name.startsWith("ceremony")), own.join());
}

test("ceremony: a Charon that is restarted ends it, and every Trireme says who was restarted and what to do", {
  skip,
  timeout: 120_000,
}, async () => {
  await hold(["trireme", "trireme", "charon", "trireme"], async (run) => {
    await restart(run, 2, "part=deposits", 0);
    for (const i of [0, 1, 3]) {
      const process = run.processes[i] as Background;
      assert.equal(await process.over, 1, process.tail());
      assert.match(process.log(), /error: .*operator 2.*(restart|ended)/, process.tail());
      assert.match(process.log(), /Every operator runs the same command again/);
      assertNothingLeft(run, i);
    }
  });
});

test("ceremony: a Trireme that is restarted beside Charons goes on, or all end and it says what to do", {
  skip,
  timeout: 240_000,
}, async (t) => {
  await hold(["charon", "trireme", "charon", "charon"], async (run) => {
    await restart(run, 1, "part=deposits", 1);
    const process = run.processes[1] as Background;
    const code = await process.over;
    t.diagnostic(code === 0 ? "it went on" : (/error: .*/.exec(process.log())?.[0] ?? ""));
    if (code === 0) {
      assert.deepEqual(await run.over(), [0, 0, 0, 0]);
      await verifyResults(run);
      return;
    }
    assert.match(process.log(), /Every operator runs the same command again/, process.tail());
    assertNothingLeft(run, 1);
  });
});
