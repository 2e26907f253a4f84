import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { AssertionFailed } from "../base/index.ts";
import type { ShareSigner } from "../ports/index.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";
import { type AgreedStages, isProof, performAgreedDuty } from "./scripts.ts";
import type { SlotDuty } from "./slot-duty.ts";

const never = new AbortController().signal;

// A promise that nobody holds ends the process when it rejects (docs/adr/0210).
test("signatures that cannot be combined end no process while a decision is awaited, and the duty goes on", async (t) => {
  const unowned: unknown[] = [];
  const note = (reason: unknown): void => void unowned.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const decision = Promise.withResolvers<readonly never[]>();
  const offered: string[] = [];
  const stages = {
    fetch: () => new Promise(() => {}),
    agree: () => decision.promise,
    guard: async () => [],
    offer: async () => void offered.push("offered"),
    async *collect() {
      yield await Promise.reject(new Error("the thread that combines is gone"));
    },
    broadcast: async () => {},
  } as unknown as AgreedStages<never, never>;
  const duty = performAgreedDuty({} as SlotDuty<never>, stages, never);
  await new Promise(setImmediate);
  assert.deepEqual(unowned, []);
  decision.resolve([]);
  await assert.rejects(duty, /the thread that combines is gone/);
  assert.deepEqual(offered, ["offered"]);
});

test("an operator whose signer gives no proofs, or never answers, knows those of the cluster and does what they are for", async () => {
  const signers: readonly ShareSigner["sign"][] = [
    async () => Promise.reject(new Error("the remote signer is down")),
    () => new Promise(() => {}),
  ];
  for (const sign of signers) {
    const world = new DutyWorld(3, {
      chain: { ownProposers: 1 },
      signing: (index, signer) => ({
        hasClient: false,
        signerOf: (kind) => (index === 0 && isProof(kind) ? { ...signer, sign } : signer),
      }),
    });
    world.start();
    await world.runToSlot(18);
    const fetched = new Map<string, number>();
    for (const { duty, entry } of world.operators[0]?.timeline ?? []) {
      const kind = duty.split("/")[1] ?? "";
      if (entry.stage === "fetched") fetched.set(kind, (fetched.get(kind) ?? 0) + 1);
    }
    for (const kind of ["proposer", "aggregator"]) assert.ok((fetched.get(kind) ?? 0) > 3, kind);
  }
});

test("after a bug on the way to the slashing memory a node lets nothing out any more, and the others go on", async () => {
  let broken = false;
  const world = new DutyWorld(3, {
    disk: (index, honest) => ({
      ...honest,
      admit: async (votes, signal) => {
        if (index === 0 && broken) throw new AssertionFailed("as if a vote had no root");
        return honest.admit(votes, signal);
      },
    }),
  });
  const sent: number[] = [];
  world.network.intercept(({ from, protocol }) => {
    if (protocol === PARSIGEX_PROTOCOL && broken) sent.push(from);
    return undefined;
  });
  world.start();
  await world.runToSlot(6);
  broken = true;
  await world.runToSlot(8); // Here its first duty fails; proofs that were made before are on their way.
  sent.length = 0;
  await world.runToSlot(16);
  assert.ok(!sent.includes(0), "not even what the memory is not asked about");
  for (const other of [1, 2, 3]) assert.ok(sent.includes(other));
  assert.ok(world.operators[0]?.log.some((line) => JSON.stringify(line).includes("A bug in Trireme")));
});

test("a node that doubts its slashing memory signs nothing, though the memory answers again and its signature alone is missing", async () => {
  const state = { broken: false, asked: 0 };
  const world = new DutyWorld(3, {
    disk: (index, honest) => ({
      ...honest,
      admit: async (votes, signal) => {
        if (index === 0 && state.broken) {
          state.broken = false;
          throw new AssertionFailed("as if a vote had no root");
        }
        return honest.admit(votes, signal);
      },
    }),
    signer: (index, honest) => ({
      ...honest,
      sign: (requests, signal) => {
        if (index === 0) state.asked++;
        return honest.sign(requests, signal);
      },
    }),
  });
  world.start();
  await world.runToSlot(6);
  state.broken = true;
  await world.runToSlot(8);
  const [first] = world.operators;
  assert.equal(first?.runner.status().memory, "doubted");
  world.crash(3);
  state.asked = 0;
  const before = world.chain.votes.length;
  await world.runToSlot(18);
  assert.equal(state.asked, 0, "its share signs nothing");
  assert.equal(world.chain.votes.length, before, "and what it signs is in no group signature");
  assert.ok((world.summary(0)["attester failed slashing-memory-doubted"] ?? 0) > 0);
});

test("a bug of ours in asking the beacon node is told as such, and the others propose", async () => {
  const world = new DutyWorld(3);
  const [first] = world.operators;
  assert.ok(first !== undefined);
  first.beacon.attestationData = async () => {
    throw new AssertionFailed("as if a vote had no root");
  };
  world.start();
  await world.runToSlot(14);
  const bugs = world.bugs.filter(({ by, why }) => by === 0 && why.includes("as if a vote had no root"));
  assert.ok(bugs.length > 0);
  assert.ok(!first.log.some(({ sentence }) => sentence.startsWith("Vote data not fetched")));
  assert.ok((world.summary(0)["attester included"] ?? 0) > 0);
});
