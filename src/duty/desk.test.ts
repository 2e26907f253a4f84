import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { DutyWorld, type DutyWorldOptions, type SimOperator } from "../../sim/duty-world.ts";
import { AssertionFailed, toHex } from "../base/index.ts";
import type { DecidedOf, Submission } from "../ports/index.ts";
import {
  domainAt,
  type electra,
  type GroupKey,
  type OperatorIndex,
  type Root,
  signingRoot,
  ssz,
} from "../spec/index.ts";
import { attestationSigningRoot } from "./codec/attestation.ts";
import { decodePartials } from "./codec/sets.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";

// The desk of operator 0, with the test in the place of its validator client; the others sign by themselves.

const never = new AbortController().signal;
const CLIENT = 0;

interface Scene {
  readonly world: DutyWorld;
  readonly operator: SimOperator;
  /** A slot in which a validator of ours votes. */
  readonly slot: number;
  readonly groupKey: GroupKey;
  /** Duties of which a partial signature left operator 0. */
  readonly left: string[];
}

async function scene(seed: number, options: DutyWorldOptions = {}): Promise<Scene> {
  const world = new DutyWorld(seed, { clientSigns: (index) => index === CLIENT, ...options });
  const left: string[] = [];
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== CLIENT || protocol !== PARSIGEX_PROTOCOL) return undefined;
    const { duty } = decodePartials(message);
    left.push(`${duty.slot}/${duty.kind}`);
    return undefined;
  });
  world.start();
  const [first] = world.chain.attesterDuties(1);
  assert.ok(first !== undefined);
  return {
    world,
    operator: world.operators[CLIENT] as SimOperator,
    slot: first.slot,
    groupKey: first.pubkey,
    left,
  };
}

async function sign(world: DutyWorld, operator: number, groupKey: GroupKey, root: Root): Promise<Uint8Array> {
  const [signature] = await world.keys.signer(operator as OperatorIndex).sign([{ groupKey, root }], never);
  assert.ok(signature !== undefined);
  return signature;
}

function voteOf(
  { slot, groupKey }: Scene,
  { data, duty }: DecidedOf["attester"],
  signature: Uint8Array,
): Submission {
  const vote = { committeeIndex: 0, attesterIndex: duty.validatorIndex, data, signature };
  return { kind: "attester", slot, groupKey, signed: { fork: "fulu", vote } };
}

/** What the desk says of one item while the world goes on. */
async function said({ world, operator }: Scene, item: Submission): Promise<string> {
  const verdicts = operator.runner.desk.submit([item], never);
  await world.clock.run({ forMs: 5 });
  const [verdict] = await verdicts;
  return verdict === undefined ? "taken" : `${verdict.code}: ${verdict.message}`;
}

async function decidedVote(made: Scene): Promise<DecidedOf["attester"]> {
  const { world, operator, slot, groupKey } = made;
  const decided = operator.runner.desk.decided("attester", slot, never);
  await world.runToSlot(slot + 1);
  const vote = (await decided).get(groupKey);
  assert.ok(vote !== undefined, "operators agreed on a vote");
  return vote;
}

test("a bug of ours is not told to the client as a reason to sign nothing", async () => {
  const bls: { broken: boolean } = { broken: false };
  const made = await scene(31, {
    bls: (honest) => ({
      ...honest,
      verify: async (claims) => {
        if (bls.broken) throw new AssertionFailed("as if a signature had no root");
        return honest.verify(claims);
      },
    }),
  });
  await made.world.runToSlot(made.slot - 1);
  const vote = await decidedVote(made);
  bls.broken = true;
  const { desk } = made.operator.runner;
  const verdicts = desk.submit([voteOf(made, vote, new Uint8Array(96))], never);
  const failed = assert.rejects(verdicts, AssertionFailed);
  await made.world.clock.run({ forMs: 5 });
  await failed;
});

test("a client's vote leaves only when it is our share's signature of what was decided, for this chain and epoch", async () => {
  const made = await scene(31);
  const { world, slot, groupKey, left } = made;
  await world.runToSlot(slot);
  const decided = await decidedVote(made);
  const root = attestationSigningRoot(world.spec, decided.data);
  const name = `${slot}/attester`;
  const own = await sign(world, CLIENT, groupKey, root);

  const anothers = voteOf(made, decided, await sign(world, 2, groupKey, root));
  assert.match(
    await said(made, anothers),
    /^duty\/wrong-share: .*operator 2's share made it, and this is operator 0/,
  );

  const object = ssz.phase0.AttestationData.hashTreeRoot(decided.data);
  for (const [what, wrong] of [
    ["no domain", object],
    ["the domain of another kind", signingRoot(object, domainAt(world.spec, "proposer", 1))],
    ["another chain", signingRoot(object, new Uint8Array(32).fill(1))],
  ] as const) {
    const item = voteOf(made, decided, await sign(world, CLIENT, groupKey, wrong));
    assert.match(await said(made, item), /^duty\/wrong-share: .*of another fork or epoch/, what);
  }

  const data = ssz.phase0.AttestationData.clone(decided.data);
  data.beaconBlockRoot = new Uint8Array(32).fill(9);
  const other = await sign(world, CLIENT, groupKey, attestationSigningRoot(world.spec, data));
  assert.match(await said(made, voteOf(made, { ...decided, data }, other)), /^duty\/not-what-was-decided/);

  const index = ssz.phase0.AttestationData.clone(decided.data);
  index.index = 1;
  const indexed = await sign(world, CLIENT, groupKey, attestationSigningRoot(world.spec, index));
  assert.match(
    await said(made, voteOf(made, { ...decided, data: index }, indexed)),
    /^duty\/not-what-was-decided/,
  );

  const stranger = `0x${"cd".repeat(48)}` as GroupKey;
  assert.match(
    await said({ ...made, groupKey: stranger }, voteOf({ ...made, groupKey: stranger }, decided, own)),
    /^duty\/not-decided/,
  );
  await world.clock.run({ forMs: 1_000 });
  assert.ok(!left.includes(name), "nothing that was refused has left");

  assert.equal(await said(made, voteOf(made, decided, own)), "taken");
  assert.equal(await said(made, voteOf(made, decided, own)), "taken", "the same may come again");
  await world.clock.run({ forMs: 1_000 });
  assert.equal(left.filter((one) => one === name).length, 3, "once to every peer");
});

test("who holds another operator's share is known as nobody who signs well", async () => {
  const judged: number[] = [];
  const made = await scene(31, {
    bls: (honest) => ({
      ...honest,
      verify(claims) {
        judged.push(claims.length);
        return honest.verify(claims);
      },
    }),
  });
  const { world, slot, groupKey, operator } = made;
  await world.runToSlot(slot);
  const decided = await decidedVote(made);
  const from = { address: "client" };
  const others = await sign(world, 3, groupKey, attestationSigningRoot(world.spec, decided.data));
  const submit = (...signatures: readonly Uint8Array[]): Promise<unknown> =>
    operator.runner.desk.submit(
      signatures.map((signature) => voteOf(made, decided, signature)),
      never,
      from,
    );
  await submit(others);
  assert.deepEqual(
    judged,
    [1, 1, 1, 1, 1],
    "as the own share's, the group's, and each operator's but the own",
  );
  await submit(new Uint8Array(96).fill(1), new Uint8Array(96).fill(2));
  assert.equal(judged[5], 1);
});

test("a client with the whole key is an alarm, and who repeats the group's signature from the network is none", async () => {
  for (const othersSign of [false, true]) {
    const made = await scene(31, {
      clientSigns: (index) => index === CLIENT || (!othersSign && index === 1),
    });
    const { world, slot, groupKey, operator } = made;
    await world.runToSlot(slot);
    const decided = await decidedVote(made);
    const root = attestationSigningRoot(world.spec, decided.data);
    const item = voteOf(made, decided, world.keys.groupSignature(groupKey, root));
    assert.match(await said(made, item), othersSign ? /everybody can have by now/ : /made with the whole/);
    const alarms = operator.log.filter(({ sentence }) => sentence.includes("holds a whole validator key"));
    assert.equal(alarms.length, othersSign ? 0 : 1);
  }
});

test("a thousand signatures are looked at bit by bit, and what else is to be done comes between", async () => {
  const made = await scene(31);
  const { world, slot, operator } = made;
  await world.runToSlot(slot);
  const decided = await decidedVote(made);
  const wrong = voteOf({ ...made, slot: slot + 1 }, decided, new Uint8Array(96));
  const answers: number[] = [];
  const verdicts = operator.runner.desk
    .submit(Array(1_000).fill(wrong), never)
    .then((all) => answers.push(all.length));
  await new Promise(setImmediate);
  assert.deepEqual(answers, []);
  await world.clock.run({ forMs: 0 });
  await verdicts;
  assert.deepEqual(answers, [1_000]);
});

test("a client that aggregates with its own selection proof hears what is wrong with it", async () => {
  const made = await scene(36);
  const { world, operator, slot, groupKey, left } = made;
  await world.runToSlot(slot);
  const decided = operator.runner.desk.decided("aggregator", slot, never);
  await world.clock.run({ forMs: Math.floor(world.spec.slotMs * 0.8) });
  const aggregate = (await decided).get(groupKey);
  assert.ok(aggregate !== undefined, "operators agreed on an aggregate");
  const proof = signingRoot(ssz.Slot.hashTreeRoot(slot), domainAt(world.spec, "selectionProof", 1));
  const message = {
    aggregatorIndex: world.chain.attesterDuties(1)[0]?.validatorIndex ?? 0,
    aggregate: aggregate.value as electra.Attestation,
    selectionProof: await sign(world, CLIENT, groupKey, proof),
  };
  const signed = { fork: aggregate.fork, value: { message, signature: new Uint8Array(96).fill(1) } };
  assert.match(
    await said(made, { kind: "aggregator", slot, groupKey, signed }),
    /^duty\/not-what-was-decided: .*its selection proof is not the cluster's/,
  );
  assert.ok(!left.includes(`${slot}/aggregator`));
});

test("of two heads that a client signs at the same time peers are told one", async () => {
  const made = await scene(37, { chain: { syncSeats: [[7]] } });
  const { world, operator } = made;
  const [member] = world.chain.duties.syncDuties();
  assert.ok(member !== undefined);
  const { pubkey: groupKey, validatorIndex } = member;
  const told = new Set<string>();
  world.network.intercept(({ from, protocol, message }) => {
    const { duty, partials } = protocol === PARSIGEX_PROTOCOL ? decodePartials(message) : { duty: undefined };
    if (from === CLIENT && duty?.kind === "sync-message" && duty.slot === 3)
      for (const { data } of partials ?? []) told.add(toHex(data));
    return undefined;
  });
  await world.runToSlot(3);
  await world.clock.run({ forMs: world.spec.slotMs / 2 });
  const domain = domainAt(world.spec, "syncCommittee", 0);
  const verdicts = await Promise.all(
    [1, 2].map(async (byte): Promise<unknown> => {
      const beaconBlockRoot = new Uint8Array(32).fill(byte);
      const signature = await sign(world, CLIENT, groupKey, signingRoot(beaconBlockRoot, domain));
      const signed = { slot: 3, beaconBlockRoot, validatorIndex, signature };
      const verdict = operator.runner.desk.submit(
        [{ kind: "sync-message", slot: 3, groupKey, signed }],
        never,
      );
      await world.clock.run({ forMs: 5 });
      return (await verdict)[0];
    }),
  );
  await world.clock.run({ forMs: 1_000 });
  assert.deepEqual(verdicts, [undefined, undefined], "both are taken, as either may be the head");
  assert.equal(told.size, 1);
});

test("a head that a client signs for another slot is not taken for this one", async () => {
  const made = await scene(37, { chain: { syncSeats: [[7]] } });
  const { world, left } = made;
  const [member] = world.chain.duties.syncDuties();
  assert.ok(member !== undefined);
  const { pubkey: groupKey, validatorIndex } = member;
  await world.runToSlot(3);
  await world.clock.run({ forMs: world.spec.slotMs / 2 });
  const beaconBlockRoot = new Uint8Array(32).fill(1);
  const root = signingRoot(beaconBlockRoot, domainAt(world.spec, "syncCommittee", 0));
  const signature = await sign(world, CLIENT, groupKey, root);
  const of = (slot: number): Submission => ({
    kind: "sync-message",
    slot: 3,
    groupKey,
    signed: { slot, beaconBlockRoot, validatorIndex, signature },
  });
  for (const slot of [2, 4]) assert.match(await said(made, of(slot)), /^duty\/not-what-was-decided/);
  await world.clock.run({ forMs: 1_000 });
  assert.ok(!left.includes("3/sync-message"));
  assert.equal(await said(made, of(3)), "taken");
});

test("before the decision there is nothing to sign, and after the deadline nothing is taken", async () => {
  const made = await scene(32);
  const { world, slot, groupKey, operator } = made;
  await world.runToSlot(slot);
  const decided = await decidedVote(made);
  const later = slot + world.spec.slotsPerEpoch;
  const early = voteOf(
    { ...made, slot: later },
    { ...decided, data: { ...decided.data, slot: later } },
    new Uint8Array(96),
  );
  assert.match(await said(made, early), /^duty\/(not-decided|not-ours|not-known-yet)/);
  const own = await sign(world, CLIENT, groupKey, attestationSigningRoot(world.spec, decided.data));
  await world.runToSlot(slot + world.spec.slotsPerEpoch + 1);
  assert.match(await said(made, voteOf(made, decided, own)), /^duty\/too-late/);
  await assert.rejects(operator.runner.desk.decided("attester", slot, never), { code: "duty/too-late" });
});

test("what the slashing memory refused is not laid out, and the client hears that it was refused", async () => {
  const made = await scene(33);
  const { world, slot, groupKey, operator, left } = made;
  const before = operator.disk.admit(
    [
      {
        pubkey: groupKey,
        vote: { kind: "attestation", source: 0, target: 1, signingRoot: new Uint8Array(32).fill(7) },
      },
    ],
    never,
  );
  await world.clock.run({ forMs: 10 });
  assert.deepEqual(await before, [{ admitted: true }]);
  await world.runToSlot(slot);
  const decided = operator.runner.desk.decided("attester", slot, never);
  await world.runToSlot(slot + 1);
  assert.equal((await decided).get(groupKey), undefined);
  // What the others decided and signed, as the client would have it from another node.
  const vote = world.chain.votes.find(
    ({ groupKey: key, attestation }) => key === groupKey && attestation.data.slot === slot,
  );
  assert.ok(vote !== undefined, "the other three voted");
  const { data } = vote.attestation;
  const own = await sign(world, CLIENT, groupKey, attestationSigningRoot(world.spec, data));
  const duty = { validatorIndex: 0 } as DecidedOf["attester"]["duty"];
  assert.match(await said(made, voteOf(made, { data, duty }, own)), /^duty\/slashable/);
  assert.ok(!left.includes(`${slot}/attester`));
});

test("signatures that a client sends one by one leave together: when it pauses, and when the first has waited long enough", async () => {
  const made = await scene(36, {
    validatorCount: 12,
    chain: { syncSeats: Array.from({ length: 12 }, (_, i) => [i]) },
  });
  const { world, operator, slot, left } = made;
  const kind = "sync-message" as const;
  await world.runToSlot(slot);
  const decided = operator.runner.desk.decided(kind, slot, never);
  await world.clock.run({ forMs: world.spec.slotMs / 3 });
  const [, ...messages] = await decided; // One validator never signs: nobody knows that the others are all.
  assert.ok(messages.length >= 8);
  const submit = async ([groupKey, message]: (typeof messages)[number]): Promise<void> => {
    const root = signingRoot(message.beaconBlockRoot, domainAt(world.spec, "syncCommittee", 1));
    const signed = {
      slot,
      validatorIndex: 0,
      ...message,
      signature: await sign(world, CLIENT, groupKey, root),
    };
    assert.equal(await said(made, { kind, slot, groupKey, signed }), "taken");
  };
  const sent = (): number =>
    left.filter((name) => name === `${slot}/${kind}`).length / (world.operators.length - 1);
  for (const message of messages.slice(0, 3)) {
    await submit(message);
    await world.clock.run({ forMs: 25 });
  }
  assert.equal(sent(), 0);
  await world.clock.run({ forMs: 20 });
  assert.equal(sent(), 1, "the client paused");
  for (const message of messages.slice(3, 8)) {
    await submit(message);
    await world.clock.run({ forMs: 25 });
  }
  assert.equal(sent(), 2, "the first of these did not wait for the pause");
});

test("while a node watches for a double its client is given nothing and nothing is taken", async () => {
  const made = await scene(34, { past: () => ({ memory: { complete: false } as never, freshKeys: false }) });
  const { operator, slot } = made;
  await assert.rejects(operator.runner.desk.decided("attester", slot, never), { code: "duty/unavailable" });
  const data = ssz.phase0.AttestationData.defaultValue();
  data.slot = slot;
  const item = voteOf(made, { data, duty: { validatorIndex: 0 } as never }, new Uint8Array(96));
  assert.match(await said(made, item), /^duty\/unavailable: .*watches for a double/);
});

test("thousands of selections wait as one: those that are there, and the others until the signal", async () => {
  const made = await scene(35);
  const { world, operator, groupKey } = made;
  await world.runToSlot(2);
  const items = Array.from({ length: 6_000 }, (_, i) => ({
    kind: "prepare-aggregator" as const,
    slot: 9 + (i % 5),
    groupKey: `0x${i.toString(16).padStart(96, "0")}` as GroupKey,
  }));
  const over = new AbortController();
  const proofs = operator.runner.desk.combined([...items, { ...items[0], groupKey } as never], over.signal);
  // A composite signal for each of them blocked the event loop for half a second.
  assert.equal(getEventListeners(over.signal, "abort").length, 1);
  over.abort();
  const reached = await proofs;
  assert.ok(reached.at(-1) !== undefined, "the others have made this one already");
  assert.equal(reached.filter((proof) => proof !== undefined).length, 1);
});
