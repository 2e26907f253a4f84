import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import type { DutyId, GroupKey, ShareIndex } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { type DutyPartials, type Partial, PartialStore } from "./partial-store.ts";

const groupKey = `0x${"aa".repeat(48)}` as GroupKey;
const other = `0x${"bb".repeat(48)}` as GroupKey;
const share = (i: number): ShareIndex => i as ShareIndex;
const duty = (slot: number): DutyId => ({ slot, kind: "attester" });
const partial = (from: number, more: globalThis.Partial<Partial> = {}): Partial => ({
  groupKey,
  share: share(from),
  part: 0,
  root: new Uint8Array(32).fill(1),
  signature: new Uint8Array(96).fill(from),
  data: Uint8Array.of(from, 1),
  ...more,
});
const publicShares = new Map(
  [groupKey, other].map((key) => [key, [1, 2, 3, 4].map(() => new Uint8Array(48))]),
);
const ready = (partials: DutyPartials): (readonly [number, readonly number[]])[] =>
  partials
    .takeReady({ threshold: 3 }, publicShares)
    .map(({ root, partials: of }) => [root[0] ?? 0, of.map((one) => one.share)]);
const stored = (...partials: readonly Partial[]): DutyPartials => {
  const store = new PartialStore([groupKey, other]);
  for (const one of partials) store.add(duty(1), one.share, [one]);
  return store.of(duty(1));
};

test("the first word of a share counts: the same again is a duplicate, another one an equivocation, neither is kept", () => {
  const store = new PartialStore([groupKey]);
  assert.deepEqual(store.add(duty(1), share(1), [partial(1)]), []);
  assert.deepEqual(store.add(duty(1), share(1), [partial(1)]), ["duplicate"]);
  const second = partial(1, { data: Uint8Array.of(9), signature: new Uint8Array(96).fill(9) });
  assert.deepEqual(store.add(duty(1), share(1), [second]), ["equivocation"]);
  for (const i of [2, 3]) store.add(duty(1), share(i), [partial(i)]);
  const [job] = store.of(duty(1)).takeReady({ threshold: 3 }, publicShares);
  assert.deepEqual(job?.partials[0]?.signature, new Uint8Array(96).fill(1));
  assert.deepEqual(store.add(duty(1), share(1), [partial(1, { groupKey: other })]), ["unknown-validator"]);
});

test("a threshold over one root is combined; what was combined is not combined again", () => {
  assert.deepEqual(ready(stored(partial(1), partial(2))), []);
  const root = new Uint8Array(32).fill(2);
  const partials = stored(partial(1), partial(2, { root }), partial(3, { root }), partial(4, { root }));
  const [job] = partials.takeReady({ threshold: 3 }, publicShares);
  assert.deepEqual(
    job?.partials.map((one) => one.share),
    [2, 3, 4],
  );
  assert.ok(job !== undefined);
  assert.deepEqual(ready(partials), [], "the same partials are not tried twice");
  partials.combined(job);
  partials.add(partial(1, { part: 1 }));
  assert.deepEqual(ready(partials), []);
});

test("of what is combined it is known who signed, and whether somebody says the same again; nobody's bytes are kept", () => {
  const store = new PartialStore([groupKey]);
  for (const i of [1, 2, 3]) store.add(duty(1), share(i), [partial(i)]);
  const partials = store.of(duty(1));
  const [job] = partials.takeReady({ threshold: 3 }, publicShares);
  assert.ok(job !== undefined);
  partials.combined(job);
  assert.equal(partials.dataOf(job, share(1)), undefined);
  assert.deepEqual(store.add(duty(1), share(4), [partial(4)]), [], "the last one comes late");
  for (const i of [1, 4]) {
    assert.deepEqual(store.add(duty(1), share(i), [partial(i)]), ["duplicate"]);
    assert.deepEqual(store.spare(duty(1), share(i), [partial(i)]), ["duplicate"]);
    const another = partial(i, { data: Uint8Array.of(i, 2) });
    assert.deepEqual(store.add(duty(1), share(i), [another]), ["equivocation"]);
    assert.deepEqual(store.spare(duty(1), share(i), [another]), [undefined]);
  }
  assert.deepEqual(ready(partials), []);
  assert.ok(partials.has(groupKey, 0, share(4)));
  assert.deepEqual([...partials.everyone], [0, 1, 2, 3]);
  assert.deepEqual(partials.signers(groupKey), [0, 1, 2, 3]);
});

test("a bad share is left out, and the others are tried again with what comes", () => {
  const partials = stored(partial(1), partial(2), partial(3));
  const [job] = partials.takeReady({ threshold: 3 }, publicShares);
  assert.ok(job !== undefined);
  partials.markBad(job, share(2));
  assert.ok(partials.hasBad(groupKey));
  assert.ok(!partials.hasBad(other));
  assert.deepEqual(ready(partials), [], "two good ones are not enough");
  partials.add(partial(4));
  assert.deepEqual(ready(partials), [[1, [1, 3, 4]]]);
});

test("what is published is the bytes that go with the root, ours where we signed it", () => {
  const root = new Uint8Array(32).fill(2);
  const partials = stored(partial(1), partial(2, { root }), partial(3), partial(4));
  const [job] = partials.takeReady({ threshold: 3 }, publicShares);
  assert.ok(job !== undefined);
  assert.deepEqual(partials.dataOf(job, share(3)), Uint8Array.of(3, 1));
  assert.deepEqual(partials.dataOf(job, share(2)), Uint8Array.of(1, 1), "ours is over another root");
  // While the first three are being combined more of a larger cluster say something else.
  for (const i of [5, 6, 7]) partials.add(partial(i, { root }));
  assert.deepEqual(ready(partials), [[2, [2, 5, 6, 7]]]);
  assert.deepEqual(partials.dataOf(job, share(5)), Uint8Array.of(1, 1));
});

test("bytes and duties of one peer are bounded and free again when a duty is over; others are not touched", () => {
  const store = new PartialStore([groupKey]);
  const half = new Uint8Array(LIMITS.bytesPerPeerMax / 2);
  assert.deepEqual(store.add(duty(1), share(1), [partial(1, { data: half })]), []);
  assert.deepEqual(store.add(duty(2), share(1), [partial(1, { data: half })]), []);
  assert.deepEqual(store.add(duty(3), share(1), [partial(1)]), ["too-many"]);
  assert.deepEqual(store.add(duty(3), share(2), [partial(2)]), []);
  store.forget(duty(1));
  assert.deepEqual(store.add(duty(3), share(1), [partial(1)]), []);

  const many = new PartialStore([groupKey]);
  for (let slot = 0; slot < LIMITS.dutiesPerPeerMax; slot++)
    assert.deepEqual(many.add(duty(slot), share(1), [partial(1)]), []);
  assert.deepEqual(many.add(duty(9_999), share(1), [partial(1)]), ["too-many"]);
  many.forget(duty(0));
  assert.deepEqual(many.add(duty(9_999), share(1), [partial(1)]), []);
});

test("parts of a duty are combined, judged and remembered each by itself, and count together for who took part", () => {
  const partials = stored(
    ...[1, 2].map((i) => partial(i, { data: Uint8Array.of(i, 0) })),
    ...[1, 2, 3].map((i) => partial(i, { part: 3, data: Uint8Array.of(i, 3) })),
    partial(4, { groupKey: other }),
  );
  const [job, ...none] = partials.takeReady({ threshold: 3 }, publicShares);
  assert.ok(job !== undefined && none.length === 0, "two of part 0 and three of part 3 are no four or five");
  assert.equal(job.part, 3);
  assert.deepEqual(partials.signers(groupKey), [0, 1, 2], "whoever signed any part");
  assert.deepEqual(partials.signers(other), [3]);
  assert.ok(partials.has(groupKey, 3, share(3)) && !partials.has(groupKey, 0, share(3)));
  partials.markBad(job, share(2));
  assert.ok(partials.hasBad(groupKey) && !partials.hasBad(other));
  partials.add(partial(3, { data: Uint8Array.of(3, 0) }));
  assert.deepEqual(ready(partials), [[1, [1, 2, 3]]], "bad in part 3 is not bad in part 0");
  partials.add(partial(4, { part: 3, data: Uint8Array.of(4, 3) }));
  assert.deepEqual(ready(partials), [[1, [1, 3, 4]]]);
  partials.combined(job);
  assert.ok(partials.repeats(share(1), { ...partial(1), data: Uint8Array.of(1, 3) }));
  assert.ok(partials.repeats(share(1), { ...partial(1), data: Uint8Array.of(1, 0) }));
  assert.ok(!partials.repeats(share(1), { ...partial(1), data: Uint8Array.of(1, 1) }), "of no part");
  assert.ok(!partials.repeats(share(1), { ...partial(1), groupKey: other, data: Uint8Array.of(1, 3) }));
});

test("a look at a duty that is over keeps nothing", () => {
  const store = new PartialStore([groupKey]);
  store.add(duty(1), share(1), [partial(1)]);
  assert.deepEqual(store.peek(duty(1)).signers(groupKey), [0]);
  store.forget(duty(1));
  assert.deepEqual(store.peek(duty(1)).signers(groupKey), []);
  assert.equal(store.dutyCount, 0);
});

test("whoever waits is woken by the next partial signatures, and let go when the duty ends", async () => {
  const store = new PartialStore([groupKey]);
  const over = new AbortController();
  const waiting = store.of(duty(1)).changed(over.signal);
  store.add(duty(1), share(1), [partial(1)]);
  assert.equal(await waiting, true);
  assert.equal(getEventListeners(over.signal, "abort").length, 0, "who was woken leaves nothing behind");
  const again = store.of(duty(1)).changed(over.signal);
  over.abort();
  assert.equal(await again, false);
  assert.equal(await store.of(duty(1)).changed(over.signal), false);
});
