import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { type BeaconNode, type Logger, silent } from "../ports/index.ts";
import { slotStart } from "../spec/index.ts";
import { untilClockAgrees, watchForSetBack } from "./clock-checks.ts";

const chain = simChainSpec(8);
const never = new AbortController().signal;

function world(slot: number, headSlot: number | undefined) {
  const clock = new SimClock(slotStart(chain, slot));
  const lines: string[] = [];
  const log: Logger = { ...silent, error: (line) => void lines.push(line) };
  const beacon = {
    block: async () => {
      if (headSlot === undefined) throw new Error("down");
      return { slot: headSlot };
    },
  } as unknown as BeaconNode;
  let agreed = false;
  const done = untilClockAgrees({ clock, chain, beacon, log }, never).then(() => {
    agreed = true;
  });
  return { clock, lines, done, agreed: () => agreed };
}

test("a clock that is behind the chain is waited for, with one line that says so", async () => {
  const { clock, lines, agreed } = world(5, 100);
  await clock.run({ until: slotStart(chain, 99) - 1_500 });
  assert.equal(agreed(), false);
  assert.deepEqual(lines, ["This machine's clock is behind the chain; waiting until it is set"]);
  await clock.run({ until: slotStart(chain, 99) + 1_500 });
  assert.equal(agreed(), true);
});

test("a clock that agrees, a chain that has not begun, and a beacon node that is down hold nothing up", async () => {
  for (const [slot, head] of [
    [100, 100],
    [100, 101],
    [500, 100],
    [-1_000, 0],
    [5, undefined],
  ] as const) {
    const { done, lines } = world(slot, head);
    await done;
    assert.deepEqual(lines, []);
  }
});

test("a clock that is set back by more than a minute is noticed within a second; smaller steps and jumps ahead are not told", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const time = { wall: 1e12, steady: 0 };
  const told: number[] = [];
  const end = watchForSetBack((byMs) => void told.push(byMs), {
    wall: () => time.wall,
    steady: () => time.steady,
  });
  const second = (step = 0): void => {
    time.steady += 1_000;
    time.wall += 1_000 + step;
    t.mock.timers.tick(1_000);
  };
  second();
  second(-59_000);
  second(86_400_000);
  second();
  assert.deepEqual(told, []);
  second(-86_400_000);
  assert.deepEqual(told, [86_400_000]);
  second();
  end();
  second(-86_400_000);
  assert.deepEqual(told, [86_400_000]);
});
