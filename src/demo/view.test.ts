import assert from "node:assert/strict";
import { test } from "node:test";
import { width } from "../base/index.ts";
import { type DemoView, render } from "./view.ts";

const view: DemoView = {
  operators: [0, 1, 2, 3].map((i) => ({
    name: `node${i}`,
    dashboard: `http://127.0.0.1:4000${i}`,
    state: i === 3 ? "down" : "up",
    led: 3,
    signed: i === 3 ? 4 : 12,
    due: 12,
    cpuPercent: 4.2,
    memoryMb: 120,
  })),
  threshold: 3,
  validatorCount: 8,
  slotMs: 2000,
  slotsPerEpoch: 32,
  slot: 37,
  intoSlotMs: 900,
  duties: Array.from({ length: 40 }, (_, i) => ({
    slot: 37 - i,
    kind: "attester",
    validators: 1,
    leader: i % 4,
    round: 1,
    signers: new Set([0, 1, 2]),
    broadcastAfterMs: 61,
    state: "on chain",
    cause: undefined,
  })),
  totals: { assigned: 40, onTime: 38, late: 1, missed: 1, slashable: 0 },
  epochs: 2,
  note: "press 1 to 4 to stop or start an operator, q to quit",
};

test("the screen fits the terminal, whatever its size", () => {
  for (const [columns, rows] of [
    [80, 24],
    [140, 50],
    [40, 12],
  ] as const) {
    const lines = render(view, { columns, rows });
    assert.ok(lines.length <= rows, `${lines.length} lines on ${rows}`);
    for (const line of lines) assert.ok(width(line) <= columns, `${width(line)} columns on ${columns}`);
  }
});

test("a terminal of 80 columns shows each operator's page and what became of each duty", () => {
  const lines = render(view, { columns: 80, rows: 24 });
  const text = lines.join("\n");
  for (const said of [
    "http://127.0.0.1:40003",
    "120 MB",
    "✔ on chain",
    "+61 ms",
    "any 3 sign · simulated chain",
  ])
    assert.ok(text.includes(said), said);
  assert.deepEqual(
    lines.filter((line) => line.includes("…")),
    [],
    "something is cut off",
  );
});

test("a terminal of 80 columns has room for why a duty failed, or for what tells it from others", () => {
  const [duty] = view.duties;
  const missed = (cause: string): string => {
    const duties = [{ ...duty, state: "missed", cause }] as unknown as DemoView["duties"];
    return render({ ...view, duties }, { columns: 80, rows: 24 }).join("\n");
  };
  assert.ok(missed("no-consensus").includes("✘ no-consensus"));
  assert.ok(missed("not-enough-partials").includes("✘ not-enough"));
});

test("an operator that does not answer any more is not said to be starting", () => {
  const [operator] = view.operators;
  const silent = { ...view, operators: [{ ...operator, state: "silent" }] } as DemoView;
  assert.ok(render(silent, { columns: 80, rows: 24 }).join("\n").includes("no answer"));
});

test("what matters is said: slot, who is down, what was signed by whom, and whether anything is slashable", () => {
  const text = render(view, { columns: 140, rows: 40 }).join("\n");
  for (const said of [
    "slot 37",
    "epoch 1,",
    "ends after epoch 1",
    "stopped",
    "http://127.0.0.1:40002",
    "node1",
    "on chain",
    "nothing slashable",
    "38/40",
  ]) {
    assert.ok(text.includes(said), said);
  }
  const slashed = render(
    { ...view, totals: { ...view.totals, slashable: 2 } },
    { columns: 140, rows: 40 },
  ).join("\n");
  assert.ok(slashed.includes("2 SLASHABLE"));
});
