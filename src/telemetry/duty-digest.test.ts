import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, type DutyOutcome, type DutyRecord, silent } from "../ports/index.ts";
import type { ChainSpec, DutyId, DutyKind, GroupKey, OperatorIndex } from "../spec/index.ts";
import { createTimelineSink, type DutyTimelines } from "./timeline-sink.ts";

const SLOT_MS = 12_000;
/** As much of a chain as timing needs. */
const chain = {
  genesisTime: 0,
  slotMs: SLOT_MS,
  slotsPerEpoch: 32,
  dueBps: {
    attester: [{ epoch: 0, bps: 3333 }],
    aggregator: [{ epoch: 0, bps: 6667 }],
    "sync-message": [{ epoch: 0, bps: 3333 }],
    "sync-contribution": [{ epoch: 0, bps: 6667 }],
  },
} as unknown as ChainSpec;

function sinkAt(
  now: number,
  more: { readonly meaning?: (cause: string) => string; readonly earlier?: readonly DutyRecord[] } = {},
): DutyTimelines {
  const clock: Clock = { now: () => now, at: () => () => {} };
  return createTimelineSink({ clock, log: silent }, { chain, self: 2 as OperatorIndex, ...more });
}
const key = (i: number): GroupKey => `0x${i.toString(16).padStart(96, "0")}` as GroupKey;

function play(
  sink: DutyTimelines,
  duty: DutyId,
  of: {
    readonly validators: number;
    readonly sentAt?: number;
    readonly outcomes?: readonly Pick<DutyOutcome, "outcome" | "cause">[];
  },
): void {
  sink.record(duty, { at: 1, stage: "scheduled", facts: { validators: of.validators } });
  if (of.sentAt !== undefined) sink.record(duty, { at: of.sentAt, stage: "broadcast" });
  for (const [i, outcome] of (of.outcomes ?? []).entries())
    sink.finish({ duty, groupKey: key(i), ...outcome });
}

const stateAfter = (kind: DutyKind, of: Parameters<typeof play>[2]): string | undefined => {
  const sink = sinkAt(1);
  play(sink, { slot: 10, kind }, of);
  return sink.digests().duties[0]?.state;
};

test("a duty of an earlier life stands as it did", () => {
  const before = sinkAt(1);
  const sentAt = 10 * SLOT_MS + 5_000;
  play(
    before,
    { slot: 10, kind: "attester" },
    { validators: 1, sentAt, outcomes: [{ outcome: "included" }] },
  );
  play(
    before,
    { slot: 11, kind: "attester" },
    { validators: 2, outcomes: [{ outcome: "failed", cause: "x" }] },
  );
  const after = sinkAt(2, { earlier: before.recent(10) });
  const { duties, whole } = after.digests(before.digests().token);
  assert.equal(whole, true);
  assert.deepEqual(duties, before.digests().duties);
});

test("a duty stands as the worst of its validators does", () => {
  const inSlot = 10 * SLOT_MS + 5_000;
  const included = { outcome: "included" } as const;
  assert.equal(stateAfter("attester", { validators: 2 }), "waiting");
  assert.equal(stateAfter("attester", { validators: 2, sentAt: inSlot }), "sent");
  assert.equal(stateAfter("attester", { validators: 2, sentAt: inSlot, outcomes: [included] }), "sent");
  assert.equal(
    stateAfter("attester", { validators: 2, sentAt: inSlot, outcomes: [included, included] }),
    "done",
  );
  const late = { outcome: "included", cause: "included-late" } as const;
  assert.equal(stateAfter("attester", { validators: 2, sentAt: inSlot, outcomes: [included, late] }), "late");
  const failed = { outcome: "failed", cause: "no-consensus" } as const;
  assert.equal(stateAfter("attester", { validators: 3, outcomes: [included, late, failed] }), "failed");
  const notIncluded = { outcome: "not-included", cause: "not-included" } as const;
  assert.equal(stateAfter("proposer", { validators: 1, sentAt: inSlot, outcomes: [notIncluded] }), "failed");
});

test("what no block names is late when it was sent after its slot; what a block has is not, whoever sent it", () => {
  const afterSlot = 11 * SLOT_MS + 1;
  const sent = { outcome: "broadcast" } as const;
  assert.equal(
    stateAfter("sync-message", { validators: 1, sentAt: afterSlot - 2, outcomes: [sent] }),
    "done",
  );
  assert.equal(stateAfter("sync-message", { validators: 1, sentAt: afterSlot, outcomes: [sent] }), "late");
  assert.equal(
    stateAfter("attester", { validators: 1, sentAt: afterSlot, outcomes: [{ outcome: "included" }] }),
    "done",
  );
  assert.equal(stateAfter("exit", { validators: 1, sentAt: afterSlot, outcomes: [sent] }), "done");
});

test("a node that only looks on has not failed", () => {
  const watched = { outcome: "failed", cause: "watching-for-a-double" } as const;
  assert.equal(stateAfter("attester", { validators: 1, outcomes: [watched] }), "watched");
  const failed = { outcome: "failed", cause: "no-consensus" } as const;
  assert.equal(stateAfter("attester", { validators: 2, outcomes: [watched, failed] }), "failed");
});

test("a digest tells when it was due and sent, who signed, and what its causes mean", () => {
  const sink = sinkAt(1, { meaning: (cause) => `do something about ${cause}` });
  const duty = { slot: 10, kind: "attester" } as const;
  sink.record(duty, { at: 1, stage: "scheduled", facts: { validators: 2 } });
  sink.record(duty, { at: 2, stage: "decided", facts: { round: 3 } });
  sink.record(duty, { at: 3, stage: "partial-received", facts: { from: 3, validators: 2 } });
  sink.record(duty, { at: 4, stage: "signed", facts: { validators: 2 } });
  sink.record(duty, { at: 124_100, stage: "broadcast", facts: { validators: 1 } });
  sink.record(duty, { at: 124_900, stage: "broadcast", facts: { validators: 1 } });
  sink.finish({ duty, groupKey: key(0), outcome: "failed", cause: "bad-partials" });
  const { duties, causes } = sink.digests();
  assert.deepEqual(duties, [
    {
      slot: 10,
      kind: "attester",
      state: "failed",
      validators: 2,
      dueAt: 123_999,
      broadcastAt: 124_100,
      round: 3,
      signers: [2, 3],
      outcomes: [{ outcome: "failed", cause: "bad-partials", validators: 1 }],
    },
  ]);
  assert.deepEqual(causes, { "bad-partials": "do something about bad-partials" });
});

test("who asks again gets what changed, and everything when the token is of another life of the node", () => {
  const sink = sinkAt(1_000);
  play(sink, { slot: 1, kind: "attester" }, { validators: 1 });
  play(sink, { slot: 2, kind: "attester" }, { validators: 1 });
  const first = sink.digests();
  assert.equal(first.whole, true);
  assert.equal(first.duties.length, 2);
  assert.deepEqual(sink.digests(first.token).duties, []);
  sink.finish({ duty: { slot: 1, kind: "attester" }, groupKey: key(0), outcome: "included" });
  const second = sink.digests(first.token);
  assert.equal(second.whole, false);
  assert.deepEqual(
    second.duties.map(({ slot }) => slot),
    [1],
  );
  for (const foreign of [sinkAt(2_000).digests().token, "", "nonsense", `.${"9".repeat(400)}`])
    assert.equal(sink.digests(foreign).whole, true, foreign);
});

test("with 3,000 validators an answer stays small: 64 slots of every kind, and then what a slot brings", () => {
  const sink = sinkAt(1);
  const kinds: readonly DutyKind[] = [
    "attester",
    "aggregator",
    "prepare-aggregator",
    "proposer",
    "randao",
    "sync-message",
    "prepare-sync-contribution",
    "sync-contribution",
  ];
  const slot = (number: number): void => {
    for (const kind of kinds) {
      const duty = { slot: number, kind };
      const outcomes = Array.from({ length: 94 }, (_, i) =>
        i % 10 === 0
          ? ({ outcome: "failed", cause: "not-enough-partials" } as const)
          : ({ outcome: "included" } as const),
      );
      for (let from = 0; from < 4; from++)
        sink.record(duty, { at: 1, stage: "partial-received", facts: { from } });
      play(sink, duty, { validators: 94, sentAt: number * SLOT_MS + 4_000, outcomes });
    }
  };
  for (let number = 0; number < 64; number++) slot(number);
  const first = sink.digests();
  assert.equal(first.duties.length, 512);
  assert.ok(JSON.stringify(first).length < 160_000, `${JSON.stringify(first).length} characters`);
  slot(64);
  const next = sink.digests(first.token);
  assert.equal(next.duties.length, kinds.length);
  assert.ok(JSON.stringify(next).length < 3_000, `${JSON.stringify(next).length} characters`);
});
