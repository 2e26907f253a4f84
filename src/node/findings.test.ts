import assert from "node:assert/strict";
import { test } from "node:test";
import { CAUSES } from "../duty/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { DutyDigest } from "../telemetry/index.ts";
import { type Facts, type Finding, findings } from "./findings.ts";
import { participation } from "./participation.ts";
import { beaconNode, peer } from "./testing/statuses.ts";

const op = (operator: number): OperatorIndex => operator as OperatorIndex;
const facts = (over: Partial<Facts> = {}): Facts => ({
  at: 0,
  version: "v1",
  operator: 0,
  nickname: "",
  cluster: { name: "", lockHash: "0x", operators: 4, threshold: 3, validators: 2 },
  chain: { network: "", genesisTime: 0, slotMs: 12_000, slotsPerEpoch: 32 },
  ready: [],
  peers: [peer(1), peer(2), peer(3)],
  relays: [],
  participation: [],
  beacon: [beaconNode()],
  duties: {
    slot: 0,
    scheduled: true,
    watching: undefined,
    memory: "well",
    running: [],
    awaitingInclusion: 0,
    validators: { known: 2, active: 2 },
  },
  slashingMemory: { origin: "kept", signs: true },
  process: {
    pid: 1,
    uptimeSeconds: 1,
    cpuSeconds: 1,
    residentBytes: 1,
    eventLoopWorstMs: 3,
    eventLoopHeldMs: 2,
  },
  ...over,
});
const duty = (slot: number, over: Partial<DutyDigest> = {}): DutyDigest => ({
  slot,
  kind: "attester",
  state: "done",
  validators: 1,
  broadcastAt: 1,
  signers: [op(0), op(1), op(2)],
  outcomes: [{ outcome: "included", validators: 1 }],
  ...over,
});
const failed = (slot: number, cause: string): DutyDigest =>
  duty(slot, { state: "failed", outcomes: [{ outcome: "failed", cause, validators: 1 }] });

const whats = (found: readonly Finding[]): string[] => found.map(({ level, what }) => `${level}: ${what}`);

test("a node in good order has nothing to tell", () => {
  assert.deepEqual(findings(facts(), [duty(1), duty(2)]), []);
});

test("one operator that is away is named with what the cluster can still lose, and one too many stops it", () => {
  const away = { connected: false, path: undefined, lastError: "connection refused" } as const;
  const [one] = findings(facts({ peers: [peer(1), peer(2), peer(3, { ...away, nickname: "dora" })] }), []);
  assert.equal(
    one?.what,
    "operator-3 (dora) is not connected. The cluster signs without it, and no other operator may fail.",
  );
  assert.match(one?.advice ?? "", /connection refused/);
  const two = findings(
    facts({ peers: [peer(1), peer(2, away), peer(3, away)], ready: ["quorum peers not connected"] }),
    [],
  );
  assert.deepEqual(whats(two), ["bad: Too few operators are connected: 2 with this one, and 3 must sign."]);
  assert.match(two[0]?.advice ?? "", /operator-2 and operator-3/);
});

test("the gravest is told first, whatever it is about", () => {
  const found = findings(
    facts({
      ready: ["watching for a double", "key shares missing"],
      beacon: [
        beaconNode(),
        beaconNode({ node: "second:5052", usable: false, reachable: false, lastError: "refused" }),
      ],
    }),
    [],
  );
  assert.deepEqual(
    found.map(({ level }) => level),
    ["bad", "warning", "note"],
  );
  assert.equal(found[1]?.what, "Beacon node second:5052 does not answer (refused).");
});

test("a memory that cannot be written, or that is doubted after a bug, is told of, and what to do", () => {
  for (const [reason, said, advice] of [
    ["slashing memory unavailable", /cannot be written/, /disk space/],
    ["slashing memory doubted", /A bug was found .* signs nothing more/, /start the node again/],
  ] as const) {
    const [found] = findings(facts({ ready: [reason] }), []);
    assert.equal(found?.level, "bad");
    assert.match(found?.what ?? "", said);
    assert.match(found?.advice ?? "", advice);
  }
});

test("a beacon node without peers is told of, and one that does not say how many it has is not", () => {
  const of = (peers: number | undefined): string[] =>
    whats(findings(facts({ beacon: [beaconNode({ peers })] }), []));
  assert.deepEqual(of(0), ["warning: Beacon node first:5052 has no peers."]);
  assert.deepEqual(of(undefined), []);
});

test("without a beacon node it is said why none can be used", () => {
  const beacon = [
    beaconNode({ usable: false, syncDistance: 900 }),
    beaconNode({ node: "second:5052", usable: false, chain: "other" }),
  ];
  const found = findings(facts({ beacon, ready: ["beacon node not synced"] }), []);
  assert.match(found[0]?.advice ?? "", /^Wait until it has caught up/);
  assert.deepEqual(whats(found), [
    "bad: No beacon node can be used: first:5052 is 900 slots behind the chain; second:5052 serves another chain than the cluster's.",
  ]);
});

test("failed duties are counted by their cause, with what to do; more than half of all is grave", () => {
  const some = findings(facts(), [
    duty(1),
    duty(2),
    duty(3),
    failed(4, "client-silent"),
    failed(5, "client-silent"),
  ]);
  assert.deepEqual(whats(some), ["warning: 2 of the 5 duties of the last epoch failed: client-silent."]);
  assert.equal(some[0]?.advice, CAUSES["client-silent"]);
  const most = findings(facts(), [
    duty(1),
    failed(2, "no-consensus"),
    failed(3, "bad-partials"),
    failed(4, "bad-partials"),
  ]);
  assert.deepEqual(whats(most), [
    "bad: 3 of the 4 duties of the last epoch failed: bad-partials (2), no-consensus (1).",
  ]);
  assert.equal(most[0]?.advice, CAUSES["bad-partials"]);
  assert.deepEqual(findings(facts(), [duty(1, { state: "waiting" }), duty(2, { state: "watched" })]), []);
});

test("an operator that is connected and signs nothing is named, once there is enough to tell by", () => {
  const of = (count: number): readonly Finding[] =>
    findings(facts({ participation: [{ operator: op(2), signed: 0, of: count }] }), []);
  assert.match(of(8)[0]?.what ?? "", /^operator-2 is connected and signs nothing/);
  assert.deepEqual(of(7), []);
});

test("another program that runs as this operator is the gravest of all, with what to do while we sign and while we do not", () => {
  const double = { at: 0, duty: "7/attester", evidence: "signed" } as const;
  const [beside] = findings(facts({ double }), []);
  assert.equal(
    `${beside?.level}: ${beside?.what}`,
    "bad: Another program runs as this operator: it signed a message with this node's key (7/attester).",
  );
  assert.match(beside?.advice ?? "", /stop one of the two/);
  const watching = { origin: "new", signs: false } as const;
  const [instead] = findings(facts({ double: { ...double, evidence: "led" }, slashingMemory: watching }), []);
  assert.match(instead?.what ?? "", /led a round in this node's place/);
  assert.match(instead?.advice ?? "", /signs nothing until two epochs after/);
});

test("an operator of whom two programs run is named, so that somebody tells him", () => {
  const [twice] = findings(facts({ peers: [peer(1), peer(2, { runsTwice: true }), peer(3)] }), []);
  assert.equal(
    `${twice?.level}: ${twice?.what}`,
    "warning: operator-2 runs twice: two programs speak with its key.",
  );
});

test("validators seen signing elsewhere, another lock and clocks apart are told", () => {
  const { duties } = facts();
  const watching = {
    reason: "new memory",
    quietEpochs: 0,
    signsAt: 1,
    unexplained: 2,
    unexplainedKeys: [],
  } as const;
  assert.match(
    findings(facts({ duties: { ...duties, watching } }), [])[0]?.what ?? "",
    /^2 of the validators were seen/,
  );
  assert.match(
    findings(facts({ peers: [peer(1, { sameLock: false })] }), [])[0]?.what ?? "",
    /another cluster lock/,
  );
  assert.deepEqual(
    whats(
      findings(facts({ peers: [peer(1, { supported: false, client: "charon", version: "v1.7.2" })] }), []),
    ),
    ["warning: operator-1 runs Charon v1.7.2, which is too old for this program."],
  );
  const off = { clockOffsetMs: -3_200 };
  const theirs = findings(facts({ peers: [peer(1), peer(2), peer(3, off)] }), []);
  assert.equal(theirs[0]?.what, "The clock of operator-3 differs from ours by 3.2 s.");
  const ours = findings(facts({ peers: [peer(1), peer(2, off), peer(3, off)] }), []);
  assert.equal(ours[0]?.what, "This machine's clock differs from those of most operators.");
});

test("what was left when the node was stopped is no failure", () => {
  assert.deepEqual(findings(facts(), [duty(1), failed(2, "stopped"), failed(3, "stopped")]), []);
  const [found] = findings(facts(), [duty(1), duty(2), failed(3, "stopped"), failed(4, "no-consensus")]);
  assert.match(found?.what ?? "", /^1 of the 3 duties of the last epoch failed: no-consensus/);
});

test("advice that a reason not to be ready gives is not given twice", () => {
  const found = findings(facts({ ready: ["slashing memory doubted"] }), [
    failed(1, "slashing-memory-doubted"),
  ]);
  assert.deepEqual(
    found.map(({ advice }) => advice === ""),
    [false, true],
  );
});

test("a node that watches says when it begins to sign", () => {
  const watching = {
    reason: "new memory",
    quietEpochs: 1,
    signsAt: 400_000,
    unexplained: 0,
    unexplainedKeys: [],
  } as const;
  const { duties } = facts();
  const [found] = findings(
    facts({ at: 30_000, ready: ["watching for a double"], duties: { ...duties, watching } }),
    [],
  );
  assert.match(found?.advice ?? "", /in about 7 min/);

  const [waits] = findings(
    facts({
      ready: ["watching for a double"],
      duties: { ...duties, watching: { ...watching, reason: "memory may be a copy" } },
    }),
    [],
  );
  assert.match(`${waits?.what} ${waits?.advice}`, /may be a copy.*Wait until a beacon node has caught up/);
});

test("an operator takes part in the duties that were sent and whose messages have had time to come", () => {
  const duties = [
    duty(8), // Before the window.
    duty(10),
    duty(11, { signers: [op(0), op(3)] }),
    duty(12, { broadcastAt: undefined } as unknown as Partial<DutyDigest>),
    duty(19), // Its messages may still be on their way.
  ];
  assert.deepEqual(participation(duties, [op(0), op(2), op(3)], { from: 10, now: 20 }), [
    { operator: 0, signed: 2, of: 2 },
    { operator: 2, signed: 1, of: 2 },
    { operator: 3, signed: 1, of: 2 },
  ]);
});
