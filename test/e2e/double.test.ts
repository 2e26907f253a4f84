import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { NodeStatus } from "../../src/node/index.ts";
import { type RunningNode, startLocalRun } from "./local-run.ts";
import { writeTestCluster } from "./test-cluster.ts";

// Goal: an operator moved to another machine while the old one still runs signs nothing there until the old one is stopped.
// Method: five processes for four operators, over real sockets; the fifth is a copy of a folder without its memory.
const SLOT_MS = 1_000;
const EPOCH_MS = 32 * SLOT_MS;
const built = resolve(import.meta.dirname, "../../dist/src/main.js");

test("a second machine with an operator's folder hears the first, stays silent, and takes over when that is stopped", {
  timeout: 8 * EPOCH_MS,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-double-"));
  await writeTestCluster(folder, { name: "double", validators: 16 });
  const run = await startLocalRun({
    clusterDir: folder,
    slotMs: SLOT_MS,
    toGenesisMs: 8_000,
    ...(existsSync(built) ? { main: built } : {}),
  });
  try {
    const old = run.nodes[3];
    assert.ok(old !== undefined);
    await Promise.all(run.nodes.map((node) => node.ready()));
    await run.atSlot(4);
    const moved = await run.startDouble(3);
    await moved.said(/Watching the chain before signing.*reason="new memory"/, EPOCH_MS);
    await moved.said(/Another program runs as this operator/, 2 * EPOCH_MS);
    assert.match(await readiness(moved), /watching for a double/);
    const { findings } = await statusOf(moved);
    assert.ok(
      findings.some(({ what }) => /^Another program runs as this operator: it (signed|led)/.test(what)),
    );
    assert.doesNotMatch(moved.output, /Duty broadcast/);

    await old.end("SIGTERM");
    await moved.said(/No double was seen; this node signs from the next slot on/, 5 * EPOCH_MS);
    await moved.said(/Duty broadcast.*round=1/, EPOCH_MS);
    assert.equal(await readiness(moved), "");
    assert.doesNotMatch(
      moved.output,
      /Validators were seen signing/,
      "the other operators explain every vote",
    );
    const { slashings, refusals } = run.chain.report();
    assert.equal(slashings.count, 0, "slashable");
    t.diagnostic(`refused for wrong signatures: ${refusals.wrongSignatures}`);
  } finally {
    await run.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function statusOf(node: RunningNode): Promise<NodeStatus> {
  return (await (await fetch(`http://127.0.0.1:${node.monitoringPort}/status`)).json()) as NodeStatus;
}

async function readiness(node: RunningNode): Promise<string> {
  const { ready } = await statusOf(node);
  return ready.join();
}
