import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startCeremony, verifyResults } from "./ceremony-cluster.ts";
import { FIRST_WATCHED_SLOT, type Seat, startMixedCluster } from "./mixed-cluster.ts";
import { dutiesOf } from "./observe.ts";
import { notPicked, peerProgram } from "./peers.ts";

// Method: operators of both programs hold a ceremony; their folders, as it left them, are then run as a cluster on the simulated
// chain. INTEROP_SLOT_MS sets the pace, INTEROP_ONLY picks scenarios by part of their names.
const SLOT_MS = Number(process.env["INTEROP_SLOT_MS"] ?? 5_000);
const VALIDATORS = 4;
const charon = peerProgram("CHARON_BIN");
const T = "trireme";
const C = "charon";
const seats = [T, C, C, T] as const satisfies readonly Seat[];

for (const algorithm of ["frost", "pedersen"] as const) {
  const name = `2 Trireme, 2 Charon make their keys by ${algorithm} and attest with them`;
  test(`ceremony and duties: ${name}`, {
    skip: charon.skip || notPicked(name),
    timeout: 900_000,
  }, async (t) => {
    const ceremony = await startCeremony({ seats, validators: VALIDATORS, algorithm, charon: charon.path });
    try {
      assert.deepEqual(await ceremony.over(), [0, 0, 0, 0]);
      const lock = await verifyResults(ceremony);
      const made = { folder: join(ceremony.folder, "operators"), lock };
      const cluster = await startMixedCluster({
        charon: charon.path,
        seats,
        relay: T,
        validators: VALIDATORS,
        slotMs: SLOT_MS,
        made,
      });
      try {
        const end = FIRST_WATCHED_SLOT + 32;
        await cluster.atSlot(end + 2);
        const { onTime, bad } = dutiesOf(cluster, FIRST_WATCHED_SLOT, end, ["attester", "proposer"]);
        t.diagnostic(`${onTime} of ${onTime + bad.length} duties on time`);
        assert.deepEqual(bad, [], "every duty is on time");
        assert.ok(onTime >= VALIDATORS);
        assert.equal(cluster.chain.report().slashings.count, 0);
      } finally {
        await cluster.stop();
      }
    } finally {
      await ceremony.stop();
    }
  });
}
