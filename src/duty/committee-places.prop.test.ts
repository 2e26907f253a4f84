import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CommitteePlaces } from "./committee-places.ts";

const size = (active: number, count: number, index: number): number =>
  Math.floor((active * (index + 1)) / count) - Math.floor((active * index) / count);

const world = fc
  .record({ committeesPerSlot: fc.integer({ min: 1, max: 16 }), slotsPerEpoch: fc.constantFrom(8, 32) })
  .chain(({ committeesPerSlot, slotsPerEpoch }) =>
    fc.record({
      committeesPerSlot: fc.constant(committeesPerSlot),
      slotsPerEpoch: fc.constant(slotsPerEpoch),
      active: fc.integer({
        min: committeesPerSlot * slotsPerEpoch,
        max: 200 * committeesPerSlot * slotsPerEpoch,
      }),
      slot: fc.nat(slotsPerEpoch - 1),
      committee: fc.nat(committeesPerSlot - 1),
      others: fc.subarray(Array.from({ length: committeesPerSlot }, (_, i) => i)),
    }),
  );

test("the true place of our bit is always among the possible ones, and there are few of them", () => {
  fc.assert(
    fc.property(world, ({ committeesPerSlot, slotsPerEpoch, active, slot, committee, others }) => {
      const count = committeesPerSlot * slotsPerEpoch;
      const at = (i: number): number => size(active, count, slot * committeesPerSlot + i);
      const places = new CommitteePlaces(committeesPerSlot, slotsPerEpoch);
      places.learnLength(slot, committee, at(committee));
      const present = [...new Set([...others, committee])].toSorted((a, b) => a - b);
      const bits = present.reduce((sum, i) => sum + at(i), 0);
      const before = present.filter((i) => i < committee).reduce((sum, i) => sum + at(i), 0);
      const found = places.places(slot, present, bits, { committee, place: 0 });
      assert.ok(found.includes(before), `${found} has no ${before}`);
      assert.ok(found.length <= present.length + 1);
      if (present.length === 1) assert.deepEqual(found, [0]);
    }),
    { numRuns: 200 },
  );
});

test("a committee that is not in the attestation has no place in it", () => {
  const places = new CommitteePlaces(2, 8);
  places.learnLength(0, 0, 4);
  assert.deepEqual(places.places(0, [1], 4, { committee: 0, place: 2 }), []);
});
