import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../src/base/index.ts";
import type { ChainReport, SlotReport } from "../../src/chain/index.ts";
import { countDuties, startLocalRun } from "./local-run.ts";
import { writeTestCluster } from "./test-cluster.ts";

// Goal: a node that is killed at any moment loses no database, signs nothing twice, and costs no duty while three are up.
// Method: SIGKILL one node after the other at random moments, restart it, and let the chain judge.
// `TRIREME_KILLS=200 npm run e2e` does what a release is tested with.
const KILLS = Number(process.env["TRIREME_KILLS"] ?? 12);
const SEED = Number(process.env["TRIREME_SEED"] ?? 1);
const SLOT_MS = 3_000;
/** What npm installs: the build, where there is one. */
const built = resolve(import.meta.dirname, "../../dist/src/main.js");

test(`${KILLS} nodes killed at random moments: nothing slashable, nothing lost`, {
  timeout: 60_000 + KILLS * 15_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-kill-"));
  await writeTestCluster(folder, { name: "kill", validators: 16 });
  const run = await startLocalRun({
    clusterDir: folder,
    slotMs: SLOT_MS,
    toGenesisMs: 8_000,
    ...(existsSync(built) ? { main: built } : {}),
  });
  const random = seededRandom(SEED);
  try {
    await Promise.all(run.nodes.map((node) => node.ready()));
    await run.atSlot(1);
    // The chain's report holds the newest slots alone, so it is looked at after every kill.
    const slots = new Map<number, SlotReport>();
    const look = (report: ChainReport): void => {
      for (const slot of report.slots) if (slot.slot >= 1) slots.set(slot.slot, slot);
    };
    for (let i = 0; i < KILLS; i++) {
      const node = run.nodes[random.integer(run.nodes.length)];
      assert.ok(node !== undefined);
      await new Promise((resolve) => setTimeout(resolve, random.integer(SLOT_MS)));
      await node.end("SIGKILL");
      node.start();
      await node.ready();
      assert.doesNotMatch(
        node.output,
        /storage\/(corrupt|rolled-back|foreign|schema)/,
        "a database was refused",
      );
      look(run.chain.report());
    }
    const last = Math.floor((Date.now() - run.chain.network.genesisTime) / SLOT_MS);
    await run.atSlot(last + 2.2);
    const report = run.chain.report();
    assert.equal(report.slashings.count, 0, "slashable");
    assert.equal(report.refusals.wrongSignatures, 0, "wrong signatures");
    look(report);
    assert.equal(slots.size, report.slots.at(-1)?.slot, "no slot was passed over");
    const counts = countDuties({ slots: [...slots.values()] }, 1, last + 1);
    t.diagnostic(
      `slots 1 to ${last}: ${counts.onTime} duties on time, ${counts.late} late (a leader was being killed): ${counts.bad.join(", ")}`,
    );
    assert.equal(counts.missed, 0, `seed ${SEED}: ${counts.bad.join(", ")}`);
    assert.ok(
      run.nodes.every((node) => node.up),
      "a node is down",
    );
  } finally {
    await run.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
