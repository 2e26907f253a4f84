import assert from "node:assert/strict";
import { test } from "node:test";
import { Signature } from "@chainsafe/blst";
import fc from "fast-check";
import type { GroupKey, ShareIndex } from "../spec/index.ts";
import { combineSlot, inlineBlsWork, type SlotJob, verify, verifyEach } from "./index.ts";
import { CURVE_ORDER } from "./scalar.ts";
import { signedSum } from "./signed-sum.ts";
import { honestJob, testRoot, testValidator } from "./testing/slot.ts";

const validators = Array.from({ length: 12 }, (_, i) => testValidator(i, { threshold: 3, shareCount: 4 }));
const root = testRoot("slot 1");
const other = testRoot("another root");
const first = validators[0] as (typeof validators)[number];

// On the curve, outside the subgroup (test/vectors/bls12381/deserialization_G2/deserialization_fails_not_in_G2.json).
const OUTSIDE = new Uint8Array(
  Buffer.from(
    "8123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "hex",
  ),
);

/** The signature with a point added whose order divides the cofactor: it is on the curve, near to right, and not in the subgroup. */
function withCofactorPart(signature: Uint8Array): Uint8Array {
  const part = signedSum([Signature.fromBytes(OUTSIDE)], [CURVE_ORDER]) as Signature;
  return (signedSum([Signature.fromBytes(signature), part], [1n, 1n]) as Signature).toBytes();
}

/** Ways in which a partial signature can be wrong. */
const lies: Readonly<Record<string, (job: SlotJob, share: number) => Uint8Array>> = {
  "too short": () => new Uint8Array(95),
  empty: () => new Uint8Array(0),
  uncompressed: () => new Uint8Array(192),
  "not a point": () => new Uint8Array(96).fill(0xff),
  infinity: () => Uint8Array.of(0xc0, ...new Uint8Array(95)),
  "not in the subgroup": () => OUTSIDE,
  "moved out of the subgroup": (_, share) =>
    withCofactorPart(first.shares[share - 1]?.secret.sign(root) as Uint8Array),
  "another root": (_, share) => first.shares[share - 1]?.secret.sign(other) as Uint8Array,
  "another share's": (job, share) =>
    job.partials.find((partial) => partial.share !== share)?.signature as Uint8Array,
};

function withLie(job: SlotJob, share: number, lie: Uint8Array): SlotJob {
  const partials = job.partials.map((p) => (p.share === share ? { ...p, signature: lie } : p));
  return { ...job, partials };
}

test("a slot of honest partials gives every group signature and blames nobody", () => {
  const jobs = validators.map((validator, i) => honestJob(validator, i < 8 ? root : testRoot(`root ${i}`)));
  for (const [i, { signature, guilty }] of combineSlot(jobs).entries()) {
    assert.deepEqual(signature, validators[i]?.key.sign((jobs[i] as SlotJob).root));
    assert.deepEqual(guilty, []);
  }
});

for (const [name, lie] of Object.entries(lies)) {
  test(`a partial that is ${name} is blamed on its share and the rest makes the signature`, () => {
    for (const share of [1, 2, 3, 4]) {
      // Four of which three are used: whichever the choice, the lie is in it when one of the others is missing.
      const signers = [1, 2, 3, 4, 5].filter((i) => i <= 4);
      const job = honestJob(first, root, signers);
      const bad = withLie(job, share, lie(job, share));
      const [result] = combineSlot([bad]);
      assert.deepEqual(result?.signature, first.key.sign(root));
      assert.ok(result?.guilty.every((s) => s === share));

      const three = signers.filter((i) => i !== (share % 4) + 1);
      const short = honestJob(first, root, three);
      const [failed] = combineSlot([withLie(short, share, lie(short, share))]);
      assert.equal(failed?.signature, undefined);
      assert.deepEqual(
        failed?.guilty.filter((s) => s !== share),
        [],
      );
      const needsNoPairing = failed?.guilty.length === 0;
      assert.ok(!needsNoPairing || name === "never", `the liar is not named: ${name}`);
    }
  });
}

test("share indices that do not exist are blamed and do not disturb the others", () => {
  const job = honestJob(first, root);
  for (const share of [0, -1, 5, 1.5, Number.NaN, 2 ** 40] as ShareIndex[]) {
    const stranger = { share, signature: first.key.sign(root) };
    const [result] = combineSlot([{ ...job, partials: [stranger, ...job.partials] }]);
    assert.deepEqual(result?.signature, first.key.sign(root));
    assert.deepEqual(result?.guilty, [share]);
  }
});

test("a share that answers twice with different bytes is blamed; repeating the same bytes is no offence", () => {
  const job = honestJob(first, root, [1, 2, 3]);
  const second = { share: 2 as ShareIndex, signature: first.key.sign(other) };
  const [equivocal] = combineSlot([{ ...job, partials: [...job.partials, second] }]);
  assert.deepEqual(equivocal?.guilty, [2]);
  assert.deepEqual(equivocal?.signature, first.key.sign(root));

  const [repeated] = combineSlot([{ ...job, partials: [...job.partials, ...job.partials] }]);
  assert.deepEqual(repeated?.guilty, []);
  assert.deepEqual(repeated?.signature, first.key.sign(root));
});

test("two partials with errors that cancel each other make no wrong signature and are no reason to blame a third", () => {
  const jobs = validators.map((validator) => honestJob(validator, root));
  const job = jobs[3] as SlotJob;
  const swapped = withLie(
    withLie(job, 1, job.partials[1]?.signature as Uint8Array),
    2,
    job.partials[0]?.signature as Uint8Array,
  );
  const results = combineSlot(jobs.map((j, i) => (i === 3 ? swapped : j)));
  assert.equal(results[3]?.signature, undefined);
  assert.deepEqual(results[3]?.guilty.toSorted(), [1, 2]);
});

test("jobs that cannot be (no such key, threshold zero, no partials) give no signature and no exception", () => {
  const job = honestJob(first, root);
  const jobs: SlotJob[] = [
    { ...job, groupKey: "0x12" as GroupKey },
    { ...job, groupKey: "rubbish" as GroupKey },
    { ...job, threshold: 0 },
    { ...job, threshold: Number.NaN },
    { ...job, partials: [] },
    { ...job, publicShares: [] },
    { ...job, root: new Uint8Array(0) },
    { ...job, groupKey: (validators[1] as (typeof validators)[number]).groupKey },
  ];
  for (const { signature } of combineSlot(jobs)) assert.equal(signature, undefined);
  assert.deepEqual(combineSlot([...jobs, job]).at(-1)?.signature, first.key.sign(root));
  assert.deepEqual(combineSlot([]), []);
});

test("a lock whose public shares do not fit the group key blames no one who signed as its public share says", () => {
  const stranger = validators[1] as (typeof validators)[number];
  const jobs = [{ ...honestJob(stranger, root), groupKey: first.groupKey }, honestJob(first, root)];
  const [wrong, right] = combineSlot(jobs);
  assert.equal(wrong?.signature, undefined);
  assert.deepEqual(wrong?.guilty, []);
  assert.deepEqual(right?.signature, first.key.sign(root));
});

// Goal: whatever up to all operators send, every job with enough honest partials gets its signature, no honest share is
// ever blamed, and a signature that cannot be made has a liar named.
test("honest jobs are signed and only liars are blamed, whoever lies where", () => {
  const lieNames = Object.keys(lies);
  const lieAt = fc.record({
    job: fc.nat({ max: validators.length - 1 }),
    share: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom(...lieNames),
  });
  const scene = fc.record({
    lying: fc.array(lieAt, { maxLength: 20 }),
    silent: fc.array(fc.tuple(fc.nat({ max: validators.length - 1 }), fc.integer({ min: 1, max: 4 })), {
      maxLength: 6,
    }),
    distinctRoots: fc.boolean(),
  });
  fc.assert(
    fc.property(scene, ({ lying, silent, distinctRoots }) => {
      const allHonest = validators.map((validator, at) => {
        const signers = [1, 2, 3, 4].filter((s) => !silent.some(([j, share]) => j === at && share === s));
        return honestJob(validator, distinctRoots ? testRoot(`distinct ${at}`) : root, signers);
      });
      const jobs = [...allHonest];
      const planted = jobs.map(() => new Set<number>());
      for (const { job: at, share, kind } of lying) {
        // A lie departs from the truth, not from an earlier lie: what another's lie was made of may be one's own truth.
        const job = allHonest[at] as SlotJob;
        if (!job.partials.some((partial) => partial.share === share) || job.partials.length < 2) continue;
        jobs[at] = withLie(
          jobs[at] as SlotJob,
          share,
          (lies[kind] as (job: SlotJob, share: number) => Uint8Array)(job, share),
        );
        planted[at]?.add(share);
      }
      const results = combineSlot(jobs);
      for (const [at, { signature, guilty }] of results.entries()) {
        const job = jobs[at] as SlotJob;
        const bad = planted[at] as Set<number>;
        const honest = job.partials.length - bad.size;
        if (honest >= 3) assert.deepEqual(signature, validators[at]?.key.sign(job.root));
        else assert.equal(signature, undefined);
        assert.ok(
          guilty.every((share) => bad.has(share)),
          "an honest share is blamed",
        );
        if (signature === undefined && job.partials.length >= 3)
          assert.ok(guilty.length > 0, "nobody is named");
      }
    }),
    { numRuns: 25 },
  );
});

test("one operator whose partials are all bad costs a few batches, not one search per validator", () => {
  const jobs = validators.map((validator) => {
    const job = honestJob(validator, root);
    return withLie(job, 1, (job.partials[1] as { signature: Uint8Array }).signature);
  });
  const results = combineSlot(jobs);
  for (const [i, { signature }] of results.entries())
    assert.deepEqual(signature, validators[i]?.key.sign(root));
  // Its later partials were left aside without a check: they were not needed.
  assert.equal(results.filter(({ guilty }) => guilty.length > 0).length, 1);
  assert.ok(results.every(({ guilty }) => guilty.every((share) => share === 1)));
});

test("batch verification finds exactly the planted bad signatures", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bad: fc.boolean(), own: fc.boolean() }), { maxLength: 12 }), (plan) => {
      const sets = plan.map(({ bad, own }, i) => {
        const validator = validators[i] as (typeof validators)[number];
        const message = own ? testRoot(`own ${i}`) : root;
        return {
          publicKey: validator.key.publicKey(),
          root: message,
          signature: validator.key.sign(bad ? other : message),
        };
      });
      assert.deepEqual(
        verifyEach(sets),
        plan.map(({ bad }) => !bad),
      );
    }),
    { numRuns: 15 },
  );
});

test("two bad signatures whose errors cancel in a plain sum do not pass as a batch", () => {
  const [a, b] = validators as [(typeof validators)[number], (typeof validators)[number]];
  // Swapped signatures over one root: their sum is right, each is wrong.
  const sets = [
    { publicKey: a.key.publicKey(), root, signature: b.key.sign(root) },
    { publicKey: b.key.publicKey(), root, signature: a.key.sign(root) },
  ];
  assert.deepEqual(verifyEach(sets), [false, false]);
});

test("a signature that was moved out of the subgroup is refused alone, beside others of its root, and of other roots", () => {
  const set = (of: (typeof validators)[number], over: Uint8Array) => ({
    publicKey: of.key.publicKey(),
    root: over,
    signature: of.key.sign(over),
  });
  const [, second, third] = validators as [never, typeof first, typeof first];
  const good = set(first, root);
  const moved = { ...good, signature: withCofactorPart(good.signature) };
  assert.notDeepEqual(moved.signature, good.signature);
  assert.equal(verify(good), true);
  assert.equal(verify(moved), false);
  assert.deepEqual(verifyEach([moved, set(second, root)]), [false, true], "a batch of one root");
  assert.deepEqual(
    verifyEach([moved, set(second, other), set(third, other)]),
    [false, true, true],
    "a batch of several roots",
  );
});

test("the inline implementation of heavy work does the same", async () => {
  const work = inlineBlsWork();
  const [result] = await work.combine([honestJob(first, root)]);
  assert.deepEqual(result?.signature, first.key.sign(root));
  const set = { publicKey: first.key.publicKey(), root, signature: first.key.sign(root) };
  assert.deepEqual(await work.verify([set, { ...set, root: other }]), [true, false]);
});
