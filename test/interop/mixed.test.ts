import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { judgedKinds } from "../../src/chain/index.ts";
import { statusOf, submitExit } from "./exit.ts";
import { sumOf } from "./metrics.ts";
import {
  FIRST_WATCHED_SLOT,
  type MixedCluster,
  type RelayKind,
  type Seat,
  startMixedCluster,
} from "./mixed-cluster.ts";
import { charonNames, complaints, decisionsOf, dutiesOf, partialsTaken } from "./observe.ts";
import { notPicked, peerProgram } from "./peers.ts";

// Method: separate processes of both programs on loopback, a relay to meet through, and a chain that judges every duty.
// INTEROP_EPOCHS=1, INTEROP_VALIDATORS and INTEROP_SLOT_MS shorten or lighten a run; INTEROP_ONLY picks scenarios by part of their names.
const EPOCHS = Number(process.env["INTEROP_EPOCHS"] ?? 3);
const SLOT_MS = Number(process.env["INTEROP_SLOT_MS"] ?? 5_000);
/** A dead leader costs a proposal the first round, a second and a half: more than a third of five seconds has room for. */
const DEAD_LEADER_SLOT_MS = 7_000;
const VALIDATORS = Number(process.env["INTEROP_VALIDATORS"] ?? 16);
const charon = peerProgram("CHARON_BIN");
const clients = { prysm: peerProgram("PRYSM_VALIDATOR_BIN"), vouch: peerProgram("VOUCH_BIN") };

interface Scenario {
  readonly name: string;
  readonly seats: readonly Seat[];
  readonly relay: RelayKind;
  /** Duties that must all be on time; attestations and proposals when left out: Charon's mock client does no more. */
  readonly kinds?: readonly string[];
  /** Blocks are those of a builder. */
  readonly builder?: boolean;
  /** In the end one validator leaves, by the hands of the operators with clients. */
  readonly exit?: boolean;
}

const T = "trireme";
const C = "charon";
const P = "charon+prysm";
const TP = "trireme+prysm";
const V = "charon+vouch";
const TV = "trireme+vouch";
const OF_RELAY = { charon: "Charon's", trireme: "Trireme's" } as const;
/** Beside Charon Vouch takes no part in aggregates and contributions: it asks nobody for the cluster's selection proofs. */
const WITHOUT_SELECTIONS = ["attester", "proposer", "sync-message"];
/** One of four seats, two, and three are Trireme's, met through Charon's relay and through ours. */
const seatings: readonly (readonly [
  name: string,
  relay: RelayKind,
  seats: readonly (typeof T | typeof C)[],
])[] = [
  ["1 Trireme, 3 Charon", C, [C, T, C, C]],
  ["2 Trireme, 2 Charon", C, [T, C, T, C]],
  ["3 Trireme, 1 Charon", C, [T, T, T, C]],
  ["1 Trireme, 3 Charon", T, [C, C, T, C]],
  ["2 Trireme, 2 Charon", T, [C, T, C, T]],
  ["3 Trireme, 1 Charon", T, [T, C, T, T]],
];
const scenarios: readonly Scenario[] = [
  ...seatings.map(([name, relay, seats]) => ({ name: `${name}, ${OF_RELAY[relay]} relay`, seats, relay })),
  ...seatings.map(([name, relay, seats]) => ({
    name: `${name} with Prysm's validator, ${OF_RELAY[relay]} relay`,
    seats: seats.map((seat) => (seat === C ? P : seat)),
    relay,
    kinds: judgedKinds,
  })),
  {
    name: "4 Trireme with Prysm's validator",
    seats: [TP, TP, TP, TP],
    relay: T,
    kinds: judgedKinds,
    exit: true,
  },
  {
    name: "2 Trireme and 2 Charon, all with Prysm's validator",
    seats: [TP, P, TP, P],
    relay: T,
    kinds: judgedKinds,
    exit: true,
  },
  {
    name: "Trireme alone, with Prysm's validator, and Charon with it",
    seats: [T, TP, TP, P],
    relay: T,
    kinds: judgedKinds,
  },
  { name: "4 Trireme with Vouch", seats: [TV, TV, TV, TV], relay: T, kinds: judgedKinds },
  {
    name: "Trireme alone, two with Vouch, and Charon with Vouch",
    seats: [T, TV, V, TV],
    relay: T,
    kinds: judgedKinds,
  },
  {
    name: "2 Trireme and 2 Charon, all with Vouch",
    seats: [TV, V, TV, V],
    relay: T,
    kinds: WITHOUT_SELECTIONS,
  },
  {
    name: "Trireme alone, with Vouch, with Prysm's validator, and Charon with Prysm's",
    seats: [T, TV, TP, P],
    relay: T,
    kinds: judgedKinds,
    exit: true,
  },
  {
    name: "4 Trireme, two with Prysm's validator, blocks of a builder",
    seats: [T, TP, TP, T],
    relay: T,
    kinds: judgedKinds,
    builder: true,
  },
  {
    name: "2 Trireme, 2 Charon with Prysm's validator, blocks of a builder",
    seats: [T, P, P, T],
    relay: T,
    kinds: judgedKinds,
    builder: true,
  },
  {
    name: "4 Trireme, three with Vouch, blocks of a builder",
    seats: [T, TV, TV, TV],
    relay: T,
    kinds: judgedKinds,
    builder: true,
  },
  { name: "3 Trireme, 1 Charon without a signer", seats: [T, T, "charon+nobody", T], relay: C },
];

for (const scenario of scenarios) {
  test(`mixed cluster: ${scenario.name}`, { skip: skipped(scenario) }, async (t) => {
    const cluster = await start(scenario, SLOT_MS);
    try {
      const end = FIRST_WATCHED_SLOT + EPOCHS * 32;
      await cluster.atSlot(FIRST_WATCHED_SLOT);
      const begun = new Date().toISOString().slice(11, 19);
      await cluster.atSlot(end + 2);
      expectEveryDuty(t, cluster, FIRST_WATCHED_SLOT, end, scenario.kinds);
      expectRoundOne(t, cluster, FIRST_WATCHED_SLOT, end);
      await expectPartialsBothWays(t, cluster);
      await expectIntroduced(cluster);
      expectNoComplaint(cluster, begun);
      if (scenario.builder === true) expectBuilderBlocks(t, cluster, FIRST_WATCHED_SLOT, end);
      if (scenario.exit === true) await expectExit(t, cluster, end + 2);
    } finally {
      await cluster.stop();
    }
  });
}

const killed: Scenario = {
  name: "one Charon killed, then one Trireme, then both back",
  seats: [T, C, T, C],
  relay: C,
};
test(`mixed cluster: ${killed.name}`, { skip: skipped(killed) }, async (t) => {
  const cluster = await start(killed, Math.max(SLOT_MS, DEAD_LEADER_SLOT_MS));
  const [, firstCharon, secondTrireme] = cluster.nodes;
  const first = FIRST_WATCHED_SLOT;
  try {
    await cluster.atSlot(first + 8);
    await firstCharon?.process.end("SIGKILL");
    await cluster.atSlot(first + 24);
    expectEveryDuty(t, cluster, first + 9, first + 22);
    firstCharon?.process.start();
    // The mock client inside Charon prepares attestations at the start of an epoch: it signs again from the next one on.
    await cluster.atSlot(first + 40);
    await secondTrireme?.process.end("SIGKILL");
    await cluster.atSlot(first + 52);
    expectEveryDuty(t, cluster, first + 41, first + 50);
    secondTrireme?.process.start();
    await cluster.atSlot(first + 66);
    expectEveryDuty(t, cluster, first + 54, first + 64);
  } finally {
    await cluster.stop();
  }
});

const start = ({ seats, relay, builder = false }: Scenario, slotMs: number): Promise<MixedCluster> =>
  startMixedCluster({
    charon: charon.path,
    clients: { prysm: clients.prysm.path, vouch: clients.vouch.path },
    seats,
    relay,
    validators: VALIDATORS,
    slotMs,
    builder,
  });

function skipped({ name, seats, relay }: Scenario): string | false {
  const unwanted = notPicked(name);
  if (unwanted !== false) return unwanted;
  for (const [name, program] of Object.entries({ charon, ...clients }))
    if (seats.some((seat) => seat.includes(name)) && program.skip !== false) return program.skip;
  return relay === C ? charon.skip : false;
}

function expectEveryDuty(
  t: TestContext,
  cluster: MixedCluster,
  from: number,
  to: number,
  kinds: readonly string[] = ["attester", "proposer"],
): void {
  const { onTime, bad } = dutiesOf(cluster, from, to, kinds);
  const { slashings, totals } = cluster.chain.report();
  const p95 = `p95 attestations ${totals.attester.p95Ms} ms, proposals ${totals.proposer.p95Ms} ms after due`;
  t.diagnostic(`slots ${from} to ${to - 1}: ${onTime} of ${onTime + bad.length} duties on time (${p95})`);
  for (const kind of kinds) {
    const of = dutiesOf(cluster, from, to, [kind]);
    if (kinds.length > 2) t.diagnostic(`  ${kind}: ${of.onTime} of ${of.onTime + of.bad.length}`);
    assert.ok(of.onTime > 0, `there were duties of kind ${kind}`);
  }
  assert.deepEqual(bad, [], "every duty is on time");
  assert.equal(slashings.count, 0, "nothing slashable");
}

/** Every block of the cluster's own is a builder's. */
function expectBuilderBlocks(t: TestContext, cluster: MixedCluster, from: number, to: number): void {
  const ours = cluster.chain
    .report()
    .slots.filter(({ slot, block }) => slot >= from && slot < to && block?.by === "watched")
    .map(({ slot }) => slot);
  const built = ours.filter((slot) => cluster.blinded.has(slot));
  t.diagnostic(`${built.length} of ${ours.length} blocks are a builder's`);
  assert.ok(ours.length > 0);
  assert.deepEqual(built, ours);
}

/** A validator leaves once a threshold of operators has left its signature of the exit. */
async function expectExit(t: TestContext, cluster: MixedCluster, slot: number): Promise<void> {
  const index = await submitExit(cluster, Math.floor(slot / 32));
  await cluster.atSlot(slot + 4);
  const status = await statusOf(cluster, index);
  t.diagnostic(`validator ${index}, whose exit its operators' clients signed, is ${status}`);
  assert.equal(status, "active_exiting");
}

function expectRoundOne(t: TestContext, cluster: MixedCluster, from: number, to: number): void {
  const byNode = cluster.nodes.map((node) => decisionsOf(node, from, to));
  const later = byNode.flatMap((decisions, i) =>
    decisions
      .filter(({ round }) => round !== 1)
      .map(({ duty, round }) => `node ${i}: ${duty} in round ${round}`),
  );
  const triremes = cluster.nodes.filter((node) => node.program === T).map((node) => node.index);
  const all = byNode.flat();
  const led = all.filter(({ leader }) => triremes.includes(leader)).length;
  t.diagnostic(`${all.length - later.length} of ${all.length} decisions in round 1, ${led} led by Trireme`);
  assert.deepEqual(later, [], "every decision came in round 1");
  for (const index of triremes)
    assert.ok(
      all.some(({ leader }) => leader === index),
      `node ${index} led and was followed`,
    );
}

/** Each node that hears has the attestation partials of each node that signs. */
async function expectPartialsBothWays(t: TestContext, cluster: MixedCluster): Promise<void> {
  const signers = cluster.nodes.filter((node) => node.seat !== "charon+nobody");
  const counts: string[] = [];
  for (const node of cluster.nodes) {
    const samples = await node.metrics();
    for (const signer of signers) {
      if (signer === node) continue;
      const taken = partialsTaken(samples, signer);
      counts.push(`${signer.index}→${node.index} ${taken}`);
      assert.ok(
        taken >= EPOCHS * VALIDATORS,
        `${signer.process.name} to ${node.process.name}: ${taken} partials`,
      );
    }
  }
  t.diagnostic(`partial signatures of attestations taken: ${counts.join(", ")}`);
}

async function expectIntroduced(cluster: MixedCluster): Promise<void> {
  for (const node of cluster.nodes.filter(({ program }) => program !== T)) {
    const names = charonNames(node);
    const samples = await node.metrics();
    for (const other of cluster.nodes.filter(({ program }) => program === T)) {
      const peer = names[other.index] as string;
      assert.equal(sumOf(samples, "app_peerinfo_version_support", { peer }), 1, "Charon takes the version");
      // Charon before v1.11 does not ask which program a peer is.
      const asks = sumOf(samples, "app_peerinfo_dv_client", { dv_client: "charon" }) > 0;
      if (asks) assert.equal(sumOf(samples, "app_peerinfo_dv_client", { peer, dv_client: "trireme" }), 1);
    }
  }
}

function expectNoComplaint(cluster: MixedCluster, after: string): void {
  for (const node of cluster.nodes.filter(({ program }) => program !== T))
    for (const other of cluster.nodes.filter(({ program }) => program === T))
      assert.deepEqual(complaints(cluster, node, charonNames(node)[other.index] as string, after), []);
}
