import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorIndex } from "../spec/index.ts";
import type { CeremonyProgress, PeerProgress } from "./progress.ts";
import { describeChanges, lasting, renderCeremony } from "./view.ts";

const peer = (i: number, more: Partial<PeerProgress> = {}): PeerProgress => ({
  operator: i as OperatorIndex,
  connected: true,
  path: "direct",
  program: "charon v1.11.0",
  nickname: "",
  step: 1,
  trouble: undefined,
  waitingFor: undefined,
  waitingSince: undefined,
  ...more,
});
const progress = (more: Partial<CeremonyProgress> = {}): CeremonyProgress => ({
  clusterName: "aegina",
  self: 0 as OperatorIndex,
  threshold: 3,
  validators: 100,
  part: "keys",
  outcome: undefined,
  partSince: 1_000,
  startedAt: 0,
  now: 200_000,
  keysDone: 41,
  keysWanted: 100,
  peers: [1, 2, 3].map((i) => peer(i)),
  ...more,
});
const waiting = { connected: false, waitingFor: "to connect", waitingSince: 15_000 };

test("the live view says which part is under way, how many keys are done, and who is waited for since when", () => {
  const view = progress({
    peers: [peer(1), peer(2, { ...waiting, trouble: "connection refused" }), peer(3)],
  });
  const lines = renderCeremony(view, { columns: 80, color: false });
  const text = lines.join("\n");
  assert.match(text, /"aegina": 100 validators\n You are operator 0 of 4, any 3 of whom sign\./);
  assert.match(text, /✔ Meeting the other operators/);
  assert.match(text, /▸ Making keys {2}41 of 100 {2}3 min 19 s/);
  assert.match(text, /○ operator 2 .*waited for 3 min 5 s to connect\n {4}connection refused/);
  assert.match(text, /3 min 20 s so far\. Ctrl-C stops this node/);
  assert.match(text, /● operator 3 +charon v1\.11\.0/);
});

test("what peers and the definition call themselves gives the terminal no commands, in the view and in lines", () => {
  const evil = "\u001b]52;c;ZXZpbA==\u0007\u009b2J\nall is well";
  const view = progress({
    clusterName: evil,
    peers: [peer(1, { nickname: evil, program: evil }), peer(2, { trouble: evil, waitingFor: evil })],
  });
  const lines = [
    ...renderCeremony(view, { columns: 500, color: false }),
    ...renderCeremony({ ...view, outcome: "complete" }, { columns: 500, color: false }),
    ...describeChanges(undefined, view, { reminder: true }),
  ];
  for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
  assert.match(lines.join("\n"), /all is well/);
});

test("the view of a complete ceremony shows no trouble with those who have left, that of a failed one where it failed", () => {
  const gone = [peer(1, { connected: false, trouble: "connection refused" })];
  const shown = (outcome: CeremonyProgress["outcome"]): string =>
    renderCeremony(progress({ part: "finishing", outcome, peers: gone }), {
      columns: 150,
      color: false,
    }).join("\n");
  assert.match(shown("complete"), /✔ Writing deposit data\n\n {2}✔ operator 1\n\n {2}It took 3 min 20 s\./);
  assert.doesNotMatch(shown("complete"), /refused/);
  assert.match(shown("failed"), /✘ Writing deposit data[\s\S]*connection refused/);
});

test("no line is wider than the screen, with colours and without", () => {
  const view = progress({ peers: [peer(1, { ...waiting, trouble: "x".repeat(300) })] });
  for (const color of [true, false])
    for (const line of renderCeremony(view, { columns: 60, color })) {
      // oxlint-disable-next-line no-control-regex
      const shown = line.replaceAll(/\u001b\[[0-9;]*m/g, "");
      assert.ok(shown.length <= 60, shown);
    }
});

test("plain lines tell what changed, once, and remind of whom is waited for", () => {
  const now = progress();
  assert.deepEqual(describeChanges(now, now, { reminder: false }), []);
  assert.deepEqual(describeChanges(now, progress({ part: "deposits", keysDone: 0 }), { reminder: false }), [
    "Signing deposits …",
  ]);
  assert.deepEqual(describeChanges(now, progress({ keysDone: 52 }), { reminder: false }), [
    "  52 of 100 keys",
  ]);
  const gone = progress({ peers: [peer(1), peer(2, waiting), peer(3)] });
  assert.deepEqual(describeChanges(now, gone, { reminder: false }), ["  operator 2 is gone"]);
  assert.deepEqual(describeChanges(gone, gone, { reminder: true }), [
    "  waiting for operator 2 to connect since 3 min 5 s; it is not connected",
  ]);
  assert.deepEqual(describeChanges(gone, now, { reminder: false }), [
    "  operator 2 is connected (charon v1.11.0)",
  ]);
});

test("times are said as people say them", () => {
  assert.deepEqual([-5, 999, 59_999, 60_000, 3_600_000].map(lasting), [
    "0 s",
    "0 s",
    "59 s",
    "1 min 0 s",
    "1 h 0 min",
  ]);
});
