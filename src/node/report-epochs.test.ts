import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { type Logger, silent } from "../ports/index.ts";
import { firstSlotOf, slotStart } from "../spec/index.ts";
import type { DutyDigest, DutyState } from "../telemetry/index.ts";
import type { Finding } from "./findings.ts";
import { reportEpochs } from "./report-epochs.ts";

const chain = simChainSpec(8);
const duty = (epoch: number, state: DutyState, kind: DutyDigest["kind"] = "attester"): DutyDigest => ({
  slot: firstSlotOf(chain, epoch),
  kind,
  state,
  validators: 3,
  signers: [],
  outcomes: [],
});

function world({ duties, findings = [] }: { duties: readonly DutyDigest[]; findings?: readonly Finding[] }) {
  const clock = new SimClock(slotStart(chain, 0));
  const lines: string[] = [];
  const say =
    (level: string): Logger["info"] =>
    (sentence, facts) =>
      void lines.push(`${level} ${sentence} ${JSON.stringify(facts)}`);
  const log: Logger = { ...silent, info: say("info"), warn: say("warn") };
  const end = reportEpochs({ clock, chain, log }, () => ({ findings, duties, connected: 4, operators: 4 }));
  /** Until the epoch has been told of, or would have been. */
  const pass = (epoch: number): Promise<unknown> =>
    clock.run({ until: slotStart(chain, firstSlotOf(chain, epoch + 1) + 2) + 1 });
  return { lines, end, pass };
}

test("an epoch in which all was well is one line, with what was on time and who is here", async () => {
  const { lines, end, pass } = world({
    duties: [
      duty(0, "done"),
      duty(0, "sent", "sync-message"),
      duty(0, "late", "proposer"), // Blocks take a vote a slot later every day; nothing is to be done about it.
      duty(0, "waiting", "prepare-aggregator"), // A step on the way, which may wait for ever.
      duty(1, "failed"), // Another epoch's.
    ],
  });
  await pass(0);
  assert.deepEqual(lines, [
    'info Epoch over: all is well {"epoch":0,"onTime":"2 of 3","connected":"4 of 4"}',
  ]);
  await pass(1);
  assert.equal(lines.length, 2);
  end();
  await pass(3);
  assert.equal(lines.length, 2, "it was ended");
});

test("an epoch in which something was wrong says the gravest, and what to do", async () => {
  const findings: readonly Finding[] = [
    { level: "warning", what: "operator-3 is not connected.", advice: "Ask." },
    { level: "note", what: "Other.", advice: "" },
  ];
  const { lines, pass } = world({ duties: [duty(0, "done")], findings });
  await pass(0);
  assert.deepEqual(lines, [
    'warn Epoch over: not all is well {"epoch":0,"onTime":"1 of 1","connected":"4 of 4","why":"operator-3 is not connected.","advice":"Ask."}',
  ]);
});

test("a vote that is still not agreed on two slots after the epoch is told of, though nothing else is wrong", async () => {
  const { lines, pass } = world({ duties: [duty(0, "done"), duty(0, "waiting")] });
  await pass(0);
  assert.match(lines[0] ?? "", /^warn Epoch over: not all is well .*"1 of 2".*not come to an end/);
});

test("a node that watches for a double says so, and its duties are nobody's failure", async () => {
  const findings: readonly Finding[] = [{ level: "note", what: "This node watches.", advice: "" }];
  const { lines, pass } = world({ duties: [duty(0, "watched")], findings });
  await pass(0);
  assert.deepEqual(lines, [
    'info Epoch over {"epoch":0,"onTime":"0 of 0","connected":"4 of 4","note":"This node watches."}',
  ]);
});
