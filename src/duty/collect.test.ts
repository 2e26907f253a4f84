import assert from "node:assert/strict";
import { test } from "node:test";
import { type CombineJob, type CombineResult, silent } from "../ports/index.ts";
import type { DutyId, GroupKey, ShareIndex } from "../spec/index.ts";
import { collect, type GroupSigned } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { DutyRecord } from "./duty-record.ts";
import { type Partial, PartialStore } from "./partial-store.ts";

const groupKey = `0x${"aa".repeat(48)}` as GroupKey;
/** A validator of the cluster that, as far as we know, has no duty here. */
const another = `0x${"bb".repeat(48)}` as GroupKey;
const id: DutyId = { slot: 1, kind: "attester" };
const share = (i: number): ShareIndex => i as ShareIndex;
const partial = (from: number, of: GroupKey = groupKey): Partial => ({
  groupKey: of,
  share: share(from),
  part: 0,
  root: new Uint8Array(32),
  signature: new Uint8Array(96).fill(from),
  data: Uint8Array.of(from),
});

/** Collects over a `combine` that the test plays. */
function collecting(
  combine: (job: CombineJob) => CombineResult | undefined,
  groupKeys: readonly GroupKey[] = [groupKey],
) {
  const store = new PartialStore([groupKey, another]);
  const over = new AbortController();
  const bad: number[] = [];
  const tried: number[][] = [];
  const context = {
    clock: { now: () => 0, at: () => () => {} },
    cluster: { threshold: 3 },
    publicShares: new Map(
      [groupKey, another].map((key) => [key, [1, 2, 3, 4].map(() => new Uint8Array(48))]),
    ),
    bls: {
      combine: async (jobs: readonly CombineJob[]) =>
        jobs.flatMap((job) => {
          tried.push(job.partials.map((one) => one.share));
          return combine(job) ?? [];
        }),
    },
    store,
    share: share(4),
    log: silent,
    metrics: {
      aggregation: () => {},
      stage: () => {},
      badPartial: (_: DutyId, peer: number) => void bad.push(peer),
    },
  } as unknown as DutyContext;
  const record = new DutyRecord(id, groupKeys, {
    clock: context.clock,
    timeline: { record: () => {}, finish: () => {} },
    onFinish: () => {},
  });
  const found = collect(
    context,
    { id, validators: new Map(groupKeys.map((key) => [key, 1])), record },
    over.signal,
  );
  return { store, over, bad, tried, found };
}

const group = new Uint8Array(96).fill(9);

test("what does not verify is not given out, whoever is guilty is left out, and the rest is tried again", async () => {
  const { store, bad, tried, found } = collecting(({ partials }) =>
    partials.some((one) => one.share === 2)
      ? { signature: undefined, guilty: [share(2)] }
      : { signature: group, guilty: [] },
  );
  for (const i of [1, 2, 3]) store.add(id, share(i), [partial(i)]);
  const first = found.next();
  await new Promise(setImmediate);
  store.add(id, share(4), [partial(4)]);
  const { value } = await first;
  assert.deepEqual(tried, [
    [1, 2, 3],
    [1, 3, 4],
  ]);
  assert.deepEqual(bad, [1]);
  assert.deepEqual(
    value?.map(({ signature, data }: { signature: Uint8Array; data: Uint8Array }) => [signature, data]),
    [[group, Uint8Array.of(4)]],
  );
  assert.equal((await found.next()).done, true, "every validator has its signature");
});

test("a validator that only others know of is combined too, and ends nothing", async () => {
  const { store, found } = collecting(() => ({ signature: group, guilty: [] }));
  for (const i of [1, 2, 3]) store.add(id, share(i), [partial(i, another)]);
  const keys = async (): Promise<readonly GroupKey[] | undefined> =>
    (await found.next()).value?.map((signed: { groupKey: GroupKey }) => signed.groupKey);
  assert.deepEqual(await keys(), [another]);
  for (const i of [1, 2, 3]) store.add(id, share(i), [partial(i)]);
  assert.deepEqual(await keys(), [groupKey]);
  assert.equal(await keys(), undefined);
});

test("a validator that signs more than we expect takes no other one's place", async () => {
  const { store, found } = collecting(() => ({ signature: group, guilty: [] }), [groupKey, another]);
  const signed = async (): Promise<readonly (readonly [GroupKey, number])[] | undefined> =>
    (await found.next()).value?.map(({ groupKey: of, part }: GroupSigned) => [of, part]);
  const twice = (i: number): readonly Partial[] => [partial(i), { ...partial(i), part: 1 }];
  for (const i of [1, 2, 3]) store.add(id, share(i), twice(i));
  assert.deepEqual(await signed(), [
    [groupKey, 0],
    [groupKey, 1],
  ]);
  for (const i of [1, 2, 3]) store.add(id, share(i), [partial(i, another)]);
  assert.deepEqual(await signed(), [[another, 0]]);
  assert.equal(await signed(), undefined);
});

test("a combination without an answer is none", async () => {
  const { store, over, found } = collecting(() => undefined);
  for (const i of [1, 2, 3]) store.add(id, share(i), [partial(i)]);
  const first = found.next();
  await new Promise(setImmediate);
  over.abort();
  assert.equal((await first).done, true);
});
