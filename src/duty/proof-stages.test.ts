import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/duty-world.ts";
import { type SigningRequest, type SyncDuty, silent } from "../ports/index.ts";
import type { GroupKey, ShareIndex } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { Known } from "./known.ts";
import { createSyncSelectionStages } from "./proof-stages.ts";
import { bySigner } from "./signing.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** How much our share is asked to sign for a validator with these seats in the sync committee. */
async function rootsAskedFor(
  several: boolean | undefined,
  positions: readonly number[] = [1, 200, 500], // In three of the four subcommittees.
): Promise<number> {
  const enough = new Error("that is all we wanted to know");
  let asked: readonly SigningRequest[] = [];
  const context = {
    chain: simChainSpec(32),
    log: silent,
    memory: { state: "well" },
    share: 1 as ShareIndex,
    signing: bySigner({
      groupKeys: [],
      sign: (requests: readonly SigningRequest[]) => {
        asked = requests;
        return Promise.reject(enough);
      },
    }),
  } as unknown as DutyContext;
  const duty = {
    id: { slot: 3, kind: "prepare-sync-contribution" },
    validators: new Map([[`0x${"ab".repeat(48)}` as GroupKey, { validatorIndex: 7, positions }]]),
    record: { blame: () => {} },
  } as unknown as SlotDuty<SyncDuty>;
  const stages = createSyncSelectionStages(context, {} as Known, { several: () => several });
  await assert.rejects(Promise.resolve(stages.offer(duty, new AbortController().signal)), enough);
  return asked.length;
}

// Charon before v1.11 keeps one selection of a validator and answers the others with an error that names their sender.
test("a validator with seats in several subcommittees gets one selection where a peer knows no more of them", async () => {
  assert.equal(await rootsAskedFor(true), 3);
  assert.equal(await rootsAskedFor(undefined), 3);
  assert.equal(await rootsAskedFor(false), 1);
});

test("several seats in one subcommittee are one thing to sign", async () => {
  assert.equal(await rootsAskedFor(true, [127, 0, 1, 1]), 1);
  assert.equal(await rootsAskedFor(true, [128, 127, 511, 384]), 3);
});
