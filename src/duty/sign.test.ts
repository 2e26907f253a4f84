import assert from "node:assert/strict";
import { test } from "node:test";
import { simChainSpec } from "../../sim/chain-spec.ts";
import { SimClock } from "../../sim/clock.ts";
import { silent, unmetered } from "../ports/index.ts";
import { type DutyId, type GroupKey, type ShareIndex, slotStart } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { DutyRecord } from "./duty-record.ts";
import { MemoryHealth } from "./memory-health.ts";
import { createMetrics } from "./metrics.ts";
import type { DutyOffer } from "./offers.ts";
import { Outboxes } from "./outboxes.ts";
import { type Partial, PartialStore } from "./partial-store.ts";
import { release } from "./sign.ts";

const chain = simChainSpec(8);
const id: DutyId = { slot: 3, kind: "sync-contribution" };
const groupKey = `0x${"aa".repeat(48)}` as GroupKey;
const never = new AbortController().signal;

/** Our share's word on a part of the validator's duty. */
const word = (part: number, text: number): Partial => ({
  groupKey,
  share: 1 as ShareIndex,
  part,
  root: new Uint8Array(32).fill(text),
  signature: new Uint8Array(96).fill(text),
  data: Uint8Array.of(part, text),
});

function scene() {
  const clock = new SimClock(slotStart(chain, 3));
  const store = new PartialStore([groupKey]);
  const memory = new MemoryHealth();
  const told: string[] = [];
  const context = {
    clock,
    chain,
    store,
    memory,
    share: 1 as ShareIndex,
    log: silent,
    metrics: createMetrics(unmetered, clock, chain),
    exchange: {
      offer: (_duty: DutyId, partials: readonly Partial[]) =>
        void told.push(...partials.map(({ data }) => data.join("/"))),
    },
  } as unknown as DutyContext;
  const sinks = { clock, timeline: { record: () => {}, finish: () => {} }, onFinish: () => {} };
  const duty = { id, validators: new Map(), record: new DutyRecord(id, [groupKey], sinks) };
  const say = (...made: readonly Partial[]): readonly string[] => {
    release(context, duty, made, never);
    return told.splice(0);
  };
  return { clock, store, memory, context, duty, told, say };
}

test("of two words of ours on one thing peers are told the first, at once or later, and so is our own store", () => {
  const { store, say } = scene();
  assert.deepEqual(say(word(0, 1), word(1, 1), word(0, 2)), ["0/1", "1/1"]);
  assert.deepEqual(say(word(0, 3), word(2, 1)), ["2/1"]);
  assert.deepEqual(say(word(1, 1)), [], "not even the same again: it is on its way until it is there");
  assert.deepEqual(store.spare(id, 1 as ShareIndex, [word(0, 1)]), ["duplicate"]);
  assert.deepEqual(store.spare(id, 1 as ShareIndex, [word(0, 2)]), [undefined]);
});

test("a node that doubts its slashing memory keeps and tells nothing of what was signed before", () => {
  const { store, memory, duty, say } = scene();
  memory.doubt();
  assert.deepEqual(say(word(0, 1)), []);
  assert.ok(!store.peek(id).has(groupKey, 0, 1 as ShareIndex));
  assert.equal(duty.record.causeOf(groupKey), "slashing-memory-doubted");
});

test("a client's signature that is verified when its duty is over waits for nothing", async () => {
  const { clock, context, duty, told } = scene();
  const over = new AbortController();
  const offer: DutyOffer = {
    duty,
    signal: over.signal,
    items: new Map([
      ["a", {} as never],
      ["b", {} as never],
    ]),
  };
  const outboxes = new Outboxes(context);
  outboxes.put(offer, word(0, 1));
  await clock.run({ forMs: 1_000 });
  assert.deepEqual(told.splice(0), ["0/1"]);
  over.abort();
  let timers = 0;
  const at = clock.at.bind(clock);
  clock.at = (...args) => {
    timers++;
    return at(...args);
  };
  outboxes.put(offer, word(1, 1));
  await clock.run({ forMs: 1_000 });
  assert.deepEqual(told, []);
  assert.equal(timers, 0);
});
