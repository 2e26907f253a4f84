import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { aggregateSignatures, fastAggregateVerify, sha256 } from "../crypto/index.ts";
import { BlockTree } from "./block-tree.ts";
import { Checkpoints } from "./checkpoints.ts";
import { formatReport } from "./format-report.ts";
import { interopPublicKey, interopSecretKey } from "./interop.ts";
import { Latencies, percentile } from "./latencies.ts";
import { OtherValidators } from "./others.ts";
import { genesisBlock } from "./payload.ts";
import { Roster } from "./roster.ts";
import { inlineBls, SignatureCheck } from "./signature-check.ts";
import { SignaturePile, weightedSum } from "./signature-pile.ts";
import { liveSlot } from "./testing/test-validators.ts";
import { testChain } from "./testing/test-world.ts";
import { stateOf, ValidatorSet } from "./validators.ts";

const setOf = (watched: number, others = 0): ValidatorSet =>
  new ValidatorSet(
    Array.from({ length: watched + others }, (_, index) =>
      stateOf(index, index < watched, {
        pubkey: sha256(Buffer.from(`${index}`), Buffer.alloc(16)).slice(0, 48),
        withdrawalAddress: new Uint8Array(20),
        balanceGwei: 32_000_000_000,
      }),
    ),
  );

test("interop keys are the well-known ones", () => {
  // From the test vectors of eth2.0-pm, interop/mocked_start.
  assert.equal(
    Buffer.from(interopSecretKey(0).revealBytes()).toString("hex"),
    "25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866",
  );
  assert.match(interopPublicKey(0), /^0xa99a76ed7796f7be22d5b7e85deeb7c5677e88/);
});

test("every active validator attests exactly once per epoch, in the seat that the committees say", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 2, max: 32 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(1000),
      (count, slotsPerEpoch, committeesPerSlot, epoch) => {
        const roster = new Roster(setOf(count), { slotsPerEpoch, proposers: "everyone", committeesPerSlot });
        const seated = Array.from({ length: slotsPerEpoch }, (_, place) =>
          roster.committeesAt(epoch * slotsPerEpoch + place).flat(),
        ).flat();
        assert.deepEqual(
          seated.toSorted((a, b) => a - b),
          Array.from({ length: count }, (_, index) => index),
        );
        for (let index = 0; index < count; index++) {
          const seat = roster.seat(epoch, index);
          assert.ok(seat !== undefined);
          const members = roster.committee(seat.slot, seat.committee);
          assert.equal(members?.[seat.position], index);
          assert.equal(members?.length, seat.committeeLength);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("proposals go round: nobody proposes twice before everybody has once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 2, max: 32 }), (count, slotsPerEpoch) => {
      const roster = new Roster(setOf(count), {
        slotsPerEpoch,
        proposers: "everyone",
        committeesPerSlot: undefined,
      });
      const turns = Array.from({ length: 3 * count }, (_, slot) => roster.proposer(slot));
      for (let round = 0; round < 3; round++)
        assert.equal(new Set(turns.slice(round * count, (round + 1) * count)).size, count);
    }),
    { numRuns: 30 },
  );
});

test("watched proposers only, when asked for; the sync committee seats everybody", () => {
  const roster = new Roster(setOf(3, 20), {
    slotsPerEpoch: 8,
    proposers: "watched",
    committeesPerSlot: undefined,
  });
  for (let slot = 0; slot < 40; slot++) assert.ok(roster.proposer(slot) < 3);
  assert.equal(roster.syncCommittee(0).length, 512);
  assert.equal(new Set(roster.syncCommittee(0)).size, 23);
  assert.deepEqual(roster.syncCommittee(0), roster.syncCommittee(255));
  assert.notDeepEqual(roster.syncCommittee(0), roster.syncCommittee(256));
});

test("the same validators get the same duties on every run, others get others", () => {
  const options = { slotsPerEpoch: 8, proposers: "everyone", committeesPerSlot: undefined } as const;
  const draw = (set: ValidatorSet): unknown => {
    const roster = new Roster(set, options);
    return Array.from({ length: 16 }, (_, slot) => [roster.proposer(slot), roster.committeesAt(slot)]);
  };
  assert.deepEqual(draw(setOf(30)), draw(setOf(30)));
  assert.notDeepEqual(draw(setOf(30)), draw(setOf(30, 1)));
});

test("a weighted sum is the sum of as many copies, for all weights", () => {
  const root = new Uint8Array(32).fill(3);
  const signatures = [0, 1, 2].map((index) => interopSecretKey(index).sign(root));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 3, maxLength: 3 }), (weights) => {
      const items = signatures.map((signature, i) => ({ signature, weight: weights[i] ?? 0 }));
      const copies = items.flatMap(({ signature, weight }) =>
        Array.from({ length: weight }, () => signature),
      );
      assert.deepEqual(weightedSum(items), aggregateSignatures(copies));
    }),
    { numRuns: 25 },
  );
});

test("a place in a pile is taken once, and the others sign as one", () => {
  const root = new Uint8Array(32).fill(4);
  const others = new OtherValidators(3, 10);
  const together = others.signTogether([10, 11, 12, 12], root) as Uint8Array;
  const keys = [...others.publicKeys, others.publicKeys[2] as Uint8Array];
  assert.ok(fastAggregateVerify(root, keys, together));

  const pile = new SignaturePile();
  assert.ok(pile.add({ places: [0, 2, 3, 4], signature: together, weight: 1 }));
  assert.ok(!pile.add({ places: [1, 2], signature: together, weight: 1 }));
  const own = interopSecretKey(0);
  assert.ok(pile.add({ places: [1], signature: own.sign(root), weight: 1 }));
  assert.ok(fastAggregateVerify(root, [...keys, own.publicKey()], pile.aggregate() as Uint8Array));
});

test("the same signature is verified once, also while the first check is under way", async () => {
  let batches = 0;
  const check = new SignatureCheck({
    verify: (sets) => {
      batches++;
      return inlineBls.verify(sets);
    },
  });
  const root = new Uint8Array(32).fill(5);
  const set = { publicKey: interopSecretKey(0).publicKey(), root, signature: interopSecretKey(0).sign(root) };
  const wrong = { ...set, publicKey: interopSecretKey(1).publicKey() };

  const answers = await Promise.all([
    check.each([set, wrong]),
    check.each([set]),
    check.each([wrong, set, set]),
  ]);

  assert.deepEqual(answers, [[true, false], [true], [false, true, true]]);
  assert.equal(batches, 1);
  assert.equal(check.verified, 2);
});

test("epochs justify with two thirds of the stake, not with less, and finalize in a row", () => {
  const root = new Uint8Array(32).fill(1);
  const everyone = Array.from({ length: 300 }, (_, index) => index);
  const run = (voters: number): { justified: number; finalized: number } => {
    const checkpoints = new Checkpoints({
      stake: (indices) => BigInt([...indices].length),
      active: () => everyone,
      checkpointRoot: () => root,
    });
    for (let epoch = 0; epoch < 8; epoch++) {
      if (epoch > 0) checkpoints.enter(epoch);
      checkpoints.include(epoch, root, everyone.slice(0, voters));
      checkpoints.include(epoch, new Uint8Array(32), everyone); // Another target counts for nothing.
    }
    const { currentJustified, finalized } = checkpoints.now;
    return { justified: currentJustified.epoch, finalized: finalized.epoch };
  };
  assert.deepEqual(run(200), { justified: 6, finalized: 5 });
  assert.deepEqual(run(199), { justified: 0, finalized: 0 });
});

test("the newest block up to a slot is found over empty slots and after pruning", () => {
  const genesis = genesisBlock(new Uint8Array(32), 0);
  const tree = new BlockTree(genesis);
  for (const slot of [2, 3, 7]) tree.extend({ ...genesis, slot, rootHex: `0x${slot}` });

  assert.deepEqual(
    [0, 1, 2, 5, 6, 7, 9].map((slot) => tree.upTo(slot).slot),
    [0, 0, 2, 3, 3, 7, 7],
  );
  tree.prune(3);
  assert.deepEqual(
    [2, 3, 7].map((slot) => tree.at(slot)?.slot),
    [undefined, 3, 7],
  );
  assert.equal(tree.upTo(1).slot, 0);
  tree.prune(100);
  assert.equal(tree.head.slot, 7);
});

test("percentiles are nearest ranks over the newest values", () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 2000; ms++) latencies.add(ms);
  assert.equal(latencies.values.length, 512);
  assert.equal(Math.min(...latencies.values), 1489);
  assert.equal(percentile([5, 1, 3], 0.5), 3);
  assert.equal(percentile([5, 1, 3], 0.95), 5);
  assert.equal(percentile([], 0.5), null);
});

test("the report reads well: totals, who fell short, and what was refused", async () => {
  const live = await testChain({ count: 4, otherValidators: 4, networkName: "shipyard" });
  const before = formatReport(live.chain.report());
  assert.match(before, /before genesis/);
  for (let slot = 0; slot < 5; slot++) await liveSlot(live, slot);
  live.moveTo(8);
  const text = formatReport(live.chain.report());

  assert.match(text, /^shipyard: 4 watched validators, 4 others; slots of 1 s\nslot 8 \(epoch 2\)/);
  assert.match(text, /attester +8? +/);
  assert.match(text, /Nothing slashable was signed\./);
  assert.ok(text.split("\n").every((line) => line.length <= 120));
  assert.deepEqual(JSON.parse(JSON.stringify(live.chain.report())).totals, live.chain.report().totals);
});
