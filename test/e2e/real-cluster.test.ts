import assert from "node:assert/strict";
import { test } from "node:test";
import { missingShared, sharedPath } from "../shared.ts";
import { countDuties, startLocalRun } from "./local-run.ts";

// Goal: four `trireme run` processes do every duty of a cluster folder that a real Charon made, lose nothing with one node
// down, sign nothing with two down, and are back in full within two slots of one coming back.
// Method: separate processes, real sockets, real signatures, a chain that judges what it receives.
const FOLDER = "clusters/split-16";
const clusterDir = sharedPath(FOLDER);
// `TRIREME_SLOTS=96 npm run e2e` watches three whole epochs before the first node is lost, as before a release.
const WATCHED = Number(process.env["TRIREME_SLOTS"] ?? 13);
const SLOT_MS = 3_000;
const UP = { from: 1, to: WATCHED } as const;
const ONE_DOWN = { from: WATCHED + 1, to: WATCHED + 11 } as const;
const TWO_DOWN = { from: WATCHED + 12, to: WATCHED + 17 } as const;
const BACK = { from: WATCHED + 19, to: WATCHED + 27 } as const;

test("a folder made by Charon attests and proposes through the loss and return of nodes", {
  skip: clusterDir === undefined ? missingShared(FOLDER) : false,
  timeout: 2 * SLOT_MS * BACK.to,
}, async () => {
  const run = await startLocalRun({ clusterDir: clusterDir as string, slotMs: SLOT_MS, toGenesisMs: 8_000 });
  const [, , third, fourth] = run.nodes;
  try {
    await Promise.all(run.nodes.map((node) => node.ready()));
    await run.atSlot(UP.to);
    await fourth?.end("SIGKILL");
    await run.atSlot(ONE_DOWN.to);
    await third?.end("SIGKILL");
    await run.atSlot(TWO_DOWN.to);
    third?.start();
    await third?.ready();
    await run.atSlot(BACK.to + 0.2);
    const report = run.chain.report();

    for (const [phase, { from, to }] of Object.entries({ UP, ONE_DOWN, BACK })) {
      const counts = countDuties(report, from, to);
      assert.deepEqual(counts.bad, [], `${phase}: not on time`);
      assert.ok(counts.onTime >= to - from, `${phase}: ${counts.onTime} duties in ${to - from} slots`);
    }
    assert.equal(countDuties(report, TWO_DOWN.from, TWO_DOWN.to).onTime, 0, "two of four signed something");
    assert.equal(report.slashings.count, 0);
    assert.equal(report.refusals.wrongSignatures, 0);
    assert.ok(
      run.nodes.slice(0, 3).every((node) => node.up),
      "a node crashed",
    );
  } finally {
    await run.stop();
  }
});
