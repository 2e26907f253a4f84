import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/chain-spec.ts";
import { SimClock } from "../../sim/clock.ts";
import { type SigningRequest, type SyncDuty, silent, unmetered } from "../ports/index.ts";
import {
  type altair,
  type DutyId,
  domainAt,
  dutyName,
  type GroupKey,
  type ShareIndex,
  type Slot,
  signingRoot,
  slotStart,
} from "../spec/index.ts";
import { signedCodecs } from "./codec/kinds.ts";
import type { GroupSigned } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { DutyRecord } from "./duty-record.ts";
import { Known } from "./known.ts";
import { createMetrics } from "./metrics.ts";
import { type Partial, PartialStore } from "./partial-store.ts";
import { bySigner } from "./signing.ts";
import { createSyncMessageStages } from "./sync-message-stages.ts";

// Epochs of eight slots, and a fork at the first slot of epoch 1.
const chain = simChainSpec(8, 1);
const codec = signedCodecs["sync-message"];
const never = new AbortController().signal;
const member = `0x${"aa".repeat(48)}` as GroupKey;
/** A validator of the cluster that sits in no sync committee, as far as we know. */
const another = `0x${"bb".repeat(48)}` as GroupKey;
const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function scene(slot: Slot, heads: (() => Promise<Uint8Array>)[]) {
  const clock = new SimClock(slotStart(chain, slot));
  const store = new PartialStore([member, another]);
  const asked: SigningRequest[] = [];
  const told: Partial[] = [];
  const published: altair.SyncCommitteeMessage[] = [];
  const outcomes: string[] = [];
  const waited: Slot[] = [];
  const context = {
    clock,
    chain,
    store,
    memory: { state: "well" },
    share: 1 as ShareIndex,
    log: silent,
    metrics: createMetrics(unmetered, clock, chain),
    beacon: {
      headRoot: () => {
        assert.deepEqual(waited, [slot], "the head is asked for when it is time");
        return heads.shift()?.() ?? assert.fail("asked for a head again");
      },
      publishSyncMessages: async (messages: readonly altair.SyncCommitteeMessage[]) =>
        void published.push(...messages),
    },
    signing: bySigner({
      groupKeys: [member],
      sign: async (requests) => {
        asked.push(...requests);
        return requests.map(() => new Uint8Array(96).fill(1));
      },
    }),
    exchange: { offer: (_: DutyId, partials: readonly Partial[]) => void told.push(...partials) },
  } as unknown as DutyContext;
  const known = new Known();
  const stages = createSyncMessageStages(context, known, {
    voteTime: async (of) => void waited.push(of),
  });
  const id: DutyId = { slot, kind: "sync-message" };
  const duty = {
    id,
    validators: new Map<GroupKey, SyncDuty>([
      [member, { pubkey: member, validatorIndex: 7, positions: [3, 400] }],
    ]),
    record: new DutyRecord(id, [member], {
      clock,
      timeline: { record: () => {}, finish: () => {} },
      onFinish: ({ outcome }) => void outcomes.push(outcome),
    }),
  };
  return { clock, stages, duty, known, asked, told, published, outcomes };
}

test("the head is signed for the fork of the message's own slot, on both sides of a fork", async () => {
  const versions = [7, 8].map(
    (slot) => [slot, domainAt(chain, "syncCommittee", slot === 7 ? 0 : 1)] as const,
  );
  assert.notDeepEqual(versions[0]?.[1], versions[1]?.[1]);
  for (const [slot, domain] of versions) {
    const { stages, duty, asked, told } = scene(slot, [async () => root(5)]);
    await stages.offer(duty, never);
    assert.deepEqual(asked, [{ groupKey: member, root: signingRoot(root(5), domain) }]);
    const [one] = told;
    assert.ok(one !== undefined && told.length === 1);
    const value = codec.decode(one.data);
    assert.deepEqual(value, {
      slot,
      beaconBlockRoot: root(5),
      validatorIndex: 7,
      signature: new Uint8Array(96).fill(1),
    });
    assert.deepEqual(codec.signingRoot(value, chain), one.root, "peers come to the same root");
  }
});

test("a head that does not come is asked for again, and one that has come is signed once", async () => {
  const down = (): Promise<Uint8Array> => Promise.reject(new Error("down"));
  const { clock, stages, duty, told } = scene(3, [down, down, async () => root(5)]);
  const offered = stages.offer(duty, never);
  await clock.run({ forMs: 1_000 });
  await offered;
  assert.equal(told.length, 1);
  assert.equal(duty.record.causeOf(member), undefined, "what failed first succeeded in the end");
});

test("what goes out is the group's signature under the index that we know, and nothing of who is no member here", async () => {
  const { stages, duty, known, published, outcomes } = scene(3, []);
  const signed = (groupKey: GroupKey, validatorIndex: number): GroupSigned => ({
    groupKey,
    root: root(1),
    part: 0,
    signature: new Uint8Array(96).fill(9),
    data: codec.encode({
      slot: 3,
      beaconBlockRoot: root(6),
      validatorIndex,
      signature: new Uint8Array(96).fill(2),
    }),
  });
  await stages.broadcast(duty, [signed(member, 666), signed(another, 8)], never);
  assert.deepEqual(published, [
    { slot: 3, beaconBlockRoot: root(6), validatorIndex: 7, signature: new Uint8Array(96).fill(9) },
  ]);
  assert.deepEqual(
    known.syncRoots.known(3, member),
    root(6),
    `contributions of ${dutyName(duty.id)} are about it`,
  );
  assert.equal(known.syncRoots.known(3, another), undefined);
  assert.deepEqual(outcomes, ["broadcast"]);
});
