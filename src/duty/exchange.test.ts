import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/chain-spec.ts";
import { SimClock } from "../../sim/clock.ts";
import { type MessageHandler, silent, unmetered } from "../ports/index.ts";
import {
  type DutyId,
  dutyDeadline,
  epochOf,
  type GroupKey,
  type OperatorIndex,
  type ShareIndex,
  slotStart,
} from "../spec/index.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { encodeRandao } from "./codec/randao.ts";
import { decodePartials, encodePartials } from "./codec/sets.ts";
import { Exchange } from "./exchange.ts";
import { LIMITS } from "./limits.ts";
import { PartialStore } from "./partial-store.ts";

const chain = simChainSpec(8);
const groupKey = `0x${"aa".repeat(48)}` as GroupKey;
const otherKeys = Array.from({ length: 300 }, (_, i) => `0x${String(i).padStart(96, "0")}` as GroupKey);
const never = new AbortController().signal;
const randao = (slot: number): DutyId => ({ slot, kind: "randao" });
const partialOf = (slot: number, share: number) => {
  const signature = new Uint8Array(96).fill(share);
  const data = encodeRandao({ epoch: epochOf(chain, slot), signature });
  return { groupKey, share: share as ShareIndex, data, signature };
};
const ours = (slot: number) => ({ ...partialOf(slot, 1), part: 0, root: new Uint8Array(32) });

/** Operator 0's exchange with two others, over a network that the test plays. */
function exchanging(
  send: (to: number, message: Uint8Array, signal: AbortSignal) => Promise<void>,
  groupKeys: readonly GroupKey[] = [groupKey],
  may: { readonly exist: boolean; readonly sign: boolean } = { exist: true, sign: true },
) {
  const store = new PartialStore(groupKeys);
  const clock = new SimClock(slotStart(chain, 0));
  const forgotten: [duty: DutyId, signers: number][] = [];
  let handler: MessageHandler = () => assert.fail("no handler");
  const exchange = new Exchange({
    clock,
    chain,
    store,
    gate: () => may.exist,
    maySign: () => may.sign,
    log: silent,
    meter: unmetered,
    onReceived: () => {},
    onForget: (duty) => void forgotten.push([duty, store.peek(duty).everyone.size]),
    onStanding: () => undefined,
    transport: {
      self: 0 as OperatorIndex,
      operatorCount: 3,
      connected: () => [],
      onBroken: () => {},
      send: (to, _protocol, message, signal = never) => send(to, message, signal),
      request: async () => new Uint8Array(),
      handle: (_protocol, _limits, given) => {
        handler = given;
      },
    },
  });
  const receive = async (
    from: number,
    duty: DutyId,
    partials = [partialOf(duty.slot, from + 1)],
  ): Promise<void> => void (await handler(from as OperatorIndex, encodePartials(duty, partials)));
  /** The same for a large message, which is read bit by bit. */
  const receiveLarge = async (...message: Parameters<typeof receive>): Promise<void> =>
    void (await Promise.all([receive(...message), clock.run({ forMs: 10 })]));
  return { store, clock, exchange, receive, receiveLarge, forgotten };
}

test("what peers and we said of a duty is kept until its deadline, told of once more, and then forgotten", async () => {
  const { store, clock, exchange, receive, forgotten } = exchanging(async () => {});
  for (const from of [1, 2]) await receive(from, randao(3));
  exchange.offer(randao(4), [ours(4)], never);
  const deadlines = [3, 4].map((slot) => dutyDeadline(chain, randao(slot)) ?? assert.fail());
  const [first = 0, last = 0] = deadlines.toSorted((a, b) => a - b);
  await clock.run({ until: first - 1 });
  assert.equal(store.dutyCount, 1, "of ours the exchange keeps nothing in the store");
  await clock.run({ until: last });
  assert.equal(store.dutyCount, 0);
  assert.deepEqual(forgotten, [
    [randao(3), 2],
    [randao(4), 0],
  ]);
});

// A block may take half a second to read, however short it is.
test("of a peer's blocks few are read in a slot, and of everybody else's as many", async () => {
  const { clock, receive } = exchanging(async () => {});
  const outcome = (from: number): Promise<string> =>
    receive(from, { slot: 3, kind: "proposer" }, [
      { ...partialOf(3, from + 1), data: new Uint8Array(8) },
    ]).then(
      () => "not read",
      () => "read",
    );
  const said = async (from: number): Promise<string[]> => {
    const all: string[] = [];
    for (let i = 0; i <= LIMITS.blocksReadPerSlotMax; i++) all.push(await outcome(from));
    return all;
  };
  const few = [...Array.from({ length: LIMITS.blocksReadPerSlotMax }, () => "read"), "not read"];
  assert.deepEqual([await said(1), await said(2)], [few, few]);
  await clock.run({ forMs: chain.slotMs });
  assert.deepEqual(await said(1), few);
});

test("a kind that no script here collects is not kept", async () => {
  const { store, receive } = exchanging(async () => {});
  await receive(1, { slot: 3, kind: "signature" });
  assert.equal(store.dutyCount, 0);
});

test("who says the same again is told once more what we signed, and no more often", async () => {
  const sent: number[] = [];
  const { clock, exchange, receive } = exchanging(async (to) => void sent.push(to));
  exchange.offer(randao(3), [ours(3)], never);
  await clock.run({ forMs: 1 });
  assert.deepEqual(sent, [1, 2]);
  for (let i = 0; i < 5; i++) await receive(2, randao(3));
  await clock.run({ forMs: 1 });
  assert.deepEqual(sent, [1, 2, 2]);
});

test("who says the same again is told all that we have signed in the duty since, part by part", async () => {
  const told: (readonly [to: number, keys: readonly GroupKey[]])[] = [];
  const keys = [groupKey, ...otherKeys.slice(0, 2)];
  const { clock, exchange, receive } = exchanging(async (to, message) => {
    told.push([to, decodePartials(message).partials.map((one) => one.groupKey)]);
  }, keys);
  const [first, second, third] = keys.map((key) => ({ ...ours(3), groupKey: key }));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  // A client's signatures leave when they come: two, and later a third, of another part.
  exchange.offer(randao(3), [first, second], never);
  exchange.offer(randao(3), [{ ...third, part: 1 }], never);
  exchange.offer(randao(4), [ours(4)], never);
  await clock.run({ forMs: 1 });
  told.length = 0;
  for (let i = 0; i < 2; i++) await receive(2, randao(3));
  await clock.run({ forMs: 1 });
  assert.deepEqual(told, [
    [2, keys.slice(0, 2).toSorted()],
    [2, keys.slice(2)],
  ]);
});

test("a selection proof is told again as long as its slot lasts", async () => {
  const selection: DutyId = { slot: 3, kind: "prepare-aggregator" };
  const said = (share: number) => {
    const signature = new Uint8Array(96).fill(share);
    const data = signedCodecs["prepare-aggregator"].encode({
      slot: 3,
      validatorIndex: 7,
      selectionProof: signature,
    });
    return { groupKey, share: share as ShareIndex, data, signature };
  };
  for (const [atSlot, expected] of [
    [3, [1, 2, 2]],
    [4, [1, 2]],
  ] as const) {
    const sent: number[] = [];
    const { clock, exchange, receive } = exchanging(async (to) => void sent.push(to));
    exchange.offer(selection, [{ ...said(1), part: 0, root: new Uint8Array(32) }], never);
    await clock.run({ forMs: slotStart(chain, atSlot) + 1 - clock.now() });
    for (let i = 0; i < 2; i++) await receive(2, selection, [said(3)]);
    await clock.run({ forMs: 1 });
    assert.deepEqual(sent, expected, `at the start of slot ${atSlot}`);
  }
});

test("what is over is told nobody again, and each subcommittee's selection is kept for itself", async () => {
  const sent: number[] = [];
  const { store, clock, exchange, receive } = exchanging(async (to) => void sent.push(to));
  exchange.offer(randao(3), [ours(3)], never);
  await clock.run({ until: dutyDeadline(chain, randao(3)) ?? assert.fail() });
  sent.length = 0;
  for (let i = 0; i < 2; i++) await receive(2, randao(3));
  await clock.run({ forMs: 1 });
  assert.deepEqual(sent, []);

  const selections: DutyId = { slot: 9, kind: "prepare-sync-contribution" };
  const proof = new Uint8Array(96).fill(3);
  const value = { slot: 9, validatorIndex: 7, subcommitteeIndex: 2, selectionProof: proof };
  const data = signedCodecs["prepare-sync-contribution"].encode(value);
  await receive(2, selections, [{ ...partialOf(9, 3), data, signature: proof }]);
  const kept = [0, 1, 2, 3].map((part) => store.peek(selections).has(groupKey, part, 3 as ShareIndex));
  assert.deepEqual(kept, [false, false, true, false]);
});

test("messages for a peer that takes none wait up to a number, and the oldest gives way", async () => {
  const givenUp: number[] = [];
  let order = 0;
  const { clock, exchange } = exchanging((to, _message, signal) => {
    const mine = order++;
    if (to !== 1) return Promise.resolve();
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        givenUp.push(mine);
        reject(signal.reason as Error);
      });
    });
  });
  for (let i = 0; i < LIMITS.unsentPerPeerMax; i++) exchange.offer(randao(i + 1), [ours(i + 1)], never);
  await clock.run({ forMs: 1 });
  assert.deepEqual(givenUp, []);
  exchange.offer(randao(LIMITS.unsentPerPeerMax + 1), [ours(LIMITS.unsentPerPeerMax + 1)], never);
  await clock.run({ forMs: 1 });
  assert.deepEqual(givenUp, [0]);
});

test("of validators that are not ours nothing is decoded, and what is ours is kept beside them", async () => {
  const { store, receive, receiveLarge } = exchanging(async () => {});
  const junk = { ...partialOf(3, 2), data: Uint8Array.of(1, 2, 3) };
  const foreign = otherKeys.map((key) => ({ ...junk, groupKey: key }));
  await receiveLarge(1, randao(3), [...foreign, partialOf(3, 2)]);
  assert.deepEqual(store.peek(randao(3)).signers(groupKey), [1]);
  await assert.rejects(receive(2, randao(3), [{ ...junk, share: 3 as ShareIndex }]), "of ours it is");
});

test("other work goes on while a large message is decoded, and nothing of it is lost", async () => {
  const { store, clock, receive } = exchanging(async () => {}, otherKeys);
  const partials = otherKeys.map((key) => ({ ...partialOf(3, 2), groupKey: key }));
  const kept = (): number => otherKeys.filter((key) => store.peek(randao(3)).signers(key).length > 0).length;
  let done = false;
  const received = receive(1, randao(3), partials).then(() => {
    done = true;
  });
  // A second one, later and the same, neither overtakes it nor is blamed.
  const again = receive(1, randao(3), partials);
  const meanwhile = await new Promise<boolean>((resolve) => {
    clock.at(clock.now(), () => resolve(!done));
    void clock.run({ forMs: 10 });
  });
  await Promise.all([received, again, clock.run({ forMs: 10 })]);
  assert.ok(meanwhile);
  assert.equal(kept(), otherKeys.length);
});

test("what a peer cannot have signed is refused, and the first word stays", async () => {
  const { store, receive } = exchanging(async () => {});
  const good = partialOf(1, 2);
  await assert.rejects(receive(1, randao(1), [partialOf(1, 3)]), { code: "duty/not-your-share" });
  const otherEpoch = partialOf(1 + chain.slotsPerEpoch, 2);
  await assert.rejects(receive(1, randao(1), [otherEpoch]), { code: "duty/impossible" });
  assert.equal(store.peek(randao(1)).everyone.size, 0);
  await receive(1, randao(1), [good]);
  const signature = new Uint8Array(96).fill(9);
  const second = { ...good, signature, data: encodeRandao({ epoch: 0, signature }) };
  await assert.rejects(receive(1, randao(1), [second]), { code: "duty/equivocation" });
  await receive(1, randao(1), [good]);
});

test("a duty that cannot be is not looked at, and a node that may not sign sends nothing", async () => {
  const sent: number[] = [];
  const send = async (to: number): Promise<void> => void sent.push(to);
  const { store, receive, exchange } = exchanging(send, [groupKey], { exist: false, sign: false });
  await assert.rejects(receive(1, randao(1)), { code: "duty/impossible" });
  assert.equal(store.dutyCount, 0);
  exchange.offer(randao(1), [ours(1)], never);
  exchange.offerTo(1 as OperatorIndex, randao(1), [ours(1)], never);
  await new Promise(setImmediate);
  assert.deepEqual(sent, []);
});
