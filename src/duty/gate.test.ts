import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { dutyDeadline, slotStart } from "../spec/index.ts";
import { CAUSES } from "./causes.ts";
import { dutyGate } from "./gate.ts";
import { tickSlots } from "./slot-ticker.ts";

const chain = simChainSpec(32);

test("a duty can exist from two epochs before its own until its deadline", () => {
  for (const kind of ["attester", "proposer", "randao", "aggregator"] as const) {
    const duty = { slot: 100, kind };
    const open = (now: number): boolean => dutyGate(chain, new SimClock(now))(duty);
    assert.equal(open(slotStart(chain, 32) - 1), false, "epoch 0, duty of epoch 3");
    assert.equal(open(slotStart(chain, 32)), true);
    const deadline = dutyDeadline(chain, duty) ?? 0;
    assert.equal(open(deadline - 1), true);
    assert.equal(open(deadline), false);
  }
  const gate = dutyGate(chain, new SimClock(slotStart(chain, 5)));
  for (const slot of [-1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER + 2])
    assert.equal(gate({ slot, kind: "attester" }), false);
  assert.equal(
    dutyGate(chain, new SimClock(slotStart(chain, -40)))({ slot: 3, kind: "attester" }),
    true,
    "before genesis",
  );
});

test("slots tick once each and in order, and the one at hand first", async () => {
  const clock = new SimClock(slotStart(chain, 7) + 1_000);
  const ticks: number[] = [];
  const stop = new AbortController();
  tickSlots(
    chain,
    clock,
    { onSlot: (slot) => void ticks.push(slot), onSkipped: () => assert.fail() },
    stop.signal,
  );
  await clock.run({ until: slotStart(chain, 11) });
  stop.abort();
  await clock.run({ until: slotStart(chain, 20) });
  assert.deepEqual(ticks, [7, 8, 9, 10, 11]);
});

test("before genesis nothing ticks until slot 0", async () => {
  const clock = new SimClock(slotStart(chain, -3));
  const ticks: number[] = [];
  const stop = new AbortController();
  tickSlots(
    chain,
    clock,
    { onSlot: (slot) => void ticks.push(slot), onSkipped: () => assert.fail() },
    stop.signal,
  );
  await clock.run({ until: slotStart(chain, 1) });
  assert.deepEqual(ticks, [0, 1]);
});

test("docs/causes.md has every cause and its text", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/causes.md"), "utf8");
  const documented = Object.fromEntries(
    [...text.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map((row) => [row[1], row[2]]),
  );
  assert.deepEqual(documented, { ...CAUSES });
});
