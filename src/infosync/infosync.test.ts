import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { SimNetwork } from "../../sim/network.ts";
import { seededRandom } from "../base/index.ts";
import { createConsensus, type RunningConsensus } from "../consensus/index.ts";
import { NodeKey, sha256 } from "../crypto/index.ts";
import { silent, unmetered } from "../ports/index.ts";
import { type OperatorIndex, slotStart } from "../spec/index.ts";
import { calculate } from "./calculate.ts";
import { InfoSync, type Offer } from "./infosync.ts";
import {
  canonicaliseResult,
  dutyToMessage,
  PRIORITY_PROTOCOLS,
  PriorityMessage,
  PriorityResult,
  signMessage,
  textToAny,
} from "./wire.ts";

const chain = simChainSpec(32);
const lastSlot = chain.slotsPerEpoch - 1;
const start = slotStart(chain, lastSlot);
const duty = { slot: lastSlot, kind: "info-sync" } as const;
const keys = Array.from({ length: 4 }, (_, i) => NodeKey.fromBytes(sha256(Buffer.from(`node key ${i}`))));
const peerIds = keys.map((_, i) => `peer-${i}`);
const [PROTOCOL, LEGACY] = PRIORITY_PROTOCOLS;
const modern: Offer = { versions: ["v1.11", "v1.10"], protocols: ["/a"], proposals: ["full"] };
const old: Offer = { ...modern, versions: ["v1.10", "v1.9"] };

class World {
  readonly clock = new SimClock(start - 2_000);
  readonly network = new SimNetwork(this.clock, seededRandom(1), { operatorCount: 4 });
  readonly nodes: InfoSync[] = [];
  readonly consensus: RunningConsensus[] = [];

  /** @param watching - Operators that take no part for now. */
  constructor(offers: readonly (Offer | undefined)[], watching: readonly number[] = []) {
    for (const [i, offer] of offers.entries()) {
      const transport = this.network.transport(i as OperatorIndex);
      const common = {
        clock: this.clock,
        chain,
        key: keys[i] as NodeKey,
        publicKeys: keys.map(({ publicKey }) => publicKey),
        transport,
        log: silent,
      };
      const consensus = createConsensus({
        ...common,
        admit: () => true,
        canonicalise: canonicaliseResult,
        onDouble: () => assert.fail("nobody speaks with two voices"),
        meter: unmetered,
      });
      this.consensus.push(consensus);
      if (offer === undefined) continue;
      const node = new InfoSync({
        ...common,
        self: i as OperatorIndex,
        peerIds,
        threshold: 3,
        consensus,
        offer,
        silent: () => watching.includes(i),
      });
      this.nodes.push(node);
      node.start();
    }
  }

  inject(from: number, message: Uint8Array, protocol: string = PROTOCOL): void {
    this.network.inject({ from: from as OperatorIndex, to: 0 as OperatorIndex, protocol, message });
  }

  several(slot: number): (boolean | undefined)[] {
    return this.nodes.map((node) => node.severalContributions(slot));
  }
}

function worldOf(
  t: TestContext,
  offers: readonly (Offer | undefined)[],
  watching: readonly number[] = [],
): World {
  const world = new World(offers, watching);
  t.after(() => {
    for (const node of world.nodes) node.stop();
    for (const consensus of world.consensus) consensus.stop();
  });
  return world;
}

const messageOf = (author: number, change: Partial<PriorityMessage> = {}): Uint8Array =>
  PriorityMessage.encode(
    signMessage(
      {
        duty: dutyToMessage(duty),
        peerId: peerIds[author] ?? "",
        topics: [{ topic: textToAny("version"), priorities: [textToAny("v1.11")] }],
        ...change,
      },
      keys[author] as NodeKey,
    ),
  );

test("what a threshold of operators can do is agreed in the last slot of the epoch, and holds from there on", async (t) => {
  const world = worldOf(t, [modern, modern, modern, old]);
  await world.clock.run({ until: start + 1_000 });
  assert.deepEqual(world.several(lastSlot - 1), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(world.several(lastSlot), [true, true, true, true]);
  assert.deepEqual(world.several(lastSlot + 100), [true, true, true, true]);
});

test("what fewer than a threshold can do is not agreed", async (t) => {
  const world = worldOf(t, [modern, modern, old, old]);
  await world.clock.run({ until: start + 1_000 });
  assert.deepEqual(world.several(lastSlot), [false, false, false, false]);
});

test("an operator that is down delays the agreement by half a slot and no more", async (t) => {
  const world = worldOf(t, [modern, modern, modern, modern]);
  world.network.setDown(3, true);
  await world.clock.run({ until: start + chain.slotMs / 2 - 100 });
  assert.deepEqual(world.several(lastSlot), [undefined, undefined, undefined, undefined]);
  await world.clock.run({ until: start + chain.slotMs / 2 + 6_000 });
  assert.deepEqual(world.several(lastSlot), [true, true, true, undefined]);
});

test("an operator that watches for its double answers what it can do, and takes no part in the agreement", async (t) => {
  const world = worldOf(t, [modern, modern, modern, modern], [3]);
  const said: string[] = [];
  world.network.intercept(({ from, protocol }) => {
    if (from === 3) said.push(protocol);
    return undefined;
  });
  await world.clock.run({ until: start + 6_000 });
  assert.deepEqual(world.several(lastSlot), [true, true, true, undefined]);
  assert.equal(world.network.rejectionsOf(0), 0, "nobody is told that asking was wrong");
  assert.deepEqual(said, []);
});

test("an operator of Charon before v1.12, which knows the protocol by its old name only, is heard too", async (t) => {
  const world = worldOf(t, [modern, modern, modern, undefined]);
  world.network.transport(3 as OperatorIndex).handle(LEGACY, limits(), () => messageOf(3));
  await world.clock.run({ until: start + 1_000 });
  assert.deepEqual(world.several(lastSlot), [true, true, true], "everybody answered, so nobody waited");
});

test("an epoch later everything happens again", async (t) => {
  const world = worldOf(t, [modern, modern, modern, modern]);
  world.network.partition([0], [1], [2], [3]);
  await world.clock.run({ until: start + 2 * chain.slotMs });
  assert.deepEqual(world.several(lastSlot + 1), [undefined, undefined, undefined, undefined]);
  world.network.heal();
  await world.clock.run({ until: start + chain.slotsPerEpoch * chain.slotMs + 1_000 });
  assert.deepEqual(world.several(2 * lastSlot + 1), [true, true, true, true]);
});

test("a peer that asks a little early is answered when the slot begins; one that asks for another slot is refused", async (t) => {
  const world = worldOf(t, [modern, undefined, undefined, undefined]);
  const asker = world.network.transport(1 as OperatorIndex);
  const answers: PriorityMessage[] = [];
  void asker
    .request(0 as OperatorIndex, PROTOCOL, messageOf(1))
    .then((bytes) => answers.push(PriorityMessage.decode(bytes)));
  await world.clock.run({ until: start - 1 });
  assert.equal(answers.length, 0);
  assert.equal(world.network.rejectionsOf(1), 0);
  await world.clock.run({ until: start + 200 });
  assert.equal(answers[0]?.peerId, "peer-0");
  for (const slot of [0, lastSlot - 1, lastSlot + 1, lastSlot + chain.slotsPerEpoch])
    world.inject(1, messageOf(1, { duty: dutyToMessage({ slot, kind: "info-sync" }) }));
  await world.clock.run({ until: start + 400 });
  assert.equal(world.network.rejectionsOf(1), 4);
});

test("messages that no honest operator sends are refused", async (t) => {
  const world = worldOf(t, [modern, undefined, undefined, undefined]);
  const twice = [textToAny("v1.11"), textToAny("v1.11")];
  const bad: Record<string, Uint8Array> = {
    rubbish: Uint8Array.of(1, 2, 3),
    "another's name": messageOf(2),
    "another's signature": PriorityMessage.encode({
      ...PriorityMessage.decode(messageOf(2)),
      peerId: peerIds[1] ?? "",
    }),
    "no signature": PriorityMessage.encode({
      ...PriorityMessage.decode(messageOf(1)),
      signature: new Uint8Array(0),
    }),
    "another duty": messageOf(1, { duty: dutyToMessage({ slot: lastSlot, kind: "attester" }) }),
    "no duty": messageOf(1, { duty: undefined }),
    "a priority twice": messageOf(1, { topics: [{ topic: textToAny("version"), priorities: twice }] }),
    "a topic twice": messageOf(1, {
      topics: [
        { topic: textToAny("version"), priorities: [] },
        { topic: textToAny("version"), priorities: [] },
      ],
    }),
    "too many priorities": messageOf(1, {
      topics: [
        {
          topic: textToAny("version"),
          priorities: Array.from({ length: 1_000 }, (_, i) => textToAny(String(i))),
        },
      ],
    }),
  };
  await world.clock.run({ until: start + 100 });
  for (const [name, message] of Object.entries(bad)) {
    const before = world.network.rejectionsOf(1);
    world.inject(1, message);
    await world.clock.run({ until: world.clock.now() + 100 });
    assert.equal(world.network.rejectionsOf(1), before + 1, name);
  }
});

test("a leader that makes up a result loses its round, and the others agree on the truth", (t) =>
  loses(
    t,
    [0, 1, 2].map((i) => ({ ...PriorityMessage.decode(messageOf(i)), signature: new Uint8Array(65) })),
  ));

test("a leader that proposes more than operators have to say loses its round, though all of it is signed", (t) => {
  const text = (i: number): string => `${i}`.padEnd(400, ".");
  const priorities = Array.from({ length: 400 }, (_, i) => textToAny(text(i)));
  const long = { topics: [{ topic: textToAny("version"), priorities }] };
  return loses(
    t,
    [0, 1, 2].map((i) => PriorityMessage.decode(messageOf(i, long))),
  );
});

/** What the leader of the first round makes of these messages is not what is agreed on. */
async function loses(t: TestContext, messages: readonly PriorityMessage[]): Promise<void> {
  // The leader of round 1 of this duty, replaced by one that proposes what nobody has signed.
  const leader = (lastSlot + 13 + 1) % 4;
  const offers = [0, 1, 2, 3].map((i) => (i === leader ? undefined : old));
  const world = worldOf(t, offers);
  const forged = { messages, topics: calculate(messages, 3) };
  world.network
    .transport(leader as OperatorIndex)
    .handle(PROTOCOL, limits(), () =>
      messageOf(leader, { topics: [{ topic: textToAny("version"), priorities: [textToAny("v1.10")] }] }),
    );
  const value = canonicaliseResult({
    typeUrl: "type.googleapis.com/core.corepb.v1.PriorityResult",
    bytes: PriorityResult.encode(forged),
  });
  assert.ok(value !== undefined);
  let decidedByLeader: unknown;
  world.clock.at(start, () => {
    void world.consensus[leader]
      ?.agree(
        duty,
        { proposal: Promise.resolve(value), acceptable: () => true },
        new AbortController().signal,
      )
      .then((decision) => {
        decidedByLeader = decision;
      });
  });
  await world.clock.run({ until: start + 8_000 });
  assert.deepEqual(world.several(lastSlot), [false, false, false]);
  assert.ok(decidedByLeader !== undefined, "a later round decided");
  assert.notDeepEqual((decidedByLeader as { value: unknown }).value, value);
}

function limits() {
  return { messageBytesMax: 1_000_000, messagesPerSecondMax: 10, burstMax: 10, receiveTimeoutMs: 1_000 };
}
