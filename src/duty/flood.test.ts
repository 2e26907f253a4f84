import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import type { BlsWork, Clock, Sender, Submission } from "../ports/index.ts";
import { sleepUntil } from "../ports/index.ts";
import { slotStart } from "../spec/index.ts";
import { votesOf } from "./testing/world-checks.ts";

// Whoever reaches the validator API of operator 0 floods it with wrong signatures, beside its honest validator client. One of
// the other three operators signs nothing, so that no vote is made without that client.

const never = new AbortController().signal;
const FLOODED = 0;
const MUTE = 3;
const REQUESTS = 5;
const WRONG_PER_REQUEST = 400;

/** Time that the flooded operator's BLS work takes on the simulated clock, as measured of blst. */
interface Thread {
  busyMs: number;
}

/** Work of one thread, one piece after the other; wrong signatures are found by halves. */
function onOneThread(honest: BlsWork, clock: () => Clock, thread: Thread): BlsWork {
  let freeAt = 0;
  const take = async (costMs: number): Promise<void> => {
    thread.busyMs += costMs;
    freeAt = Math.max(freeAt, clock().now()) + costMs;
    await sleepUntil(clock(), freeAt, never);
  };
  return {
    async combine(jobs) {
      await take(2 * jobs.length);
      return honest.combine(jobs);
    },
    async verify(claims) {
      const right = await honest.verify(claims);
      const wrong = right.filter((is) => !is).length;
      await take(wrong === 0 ? 1 + 0.3 * claims.length : 1.3 * (2 * wrong - 1));
      return right;
    },
  };
}

/** As soon as there is something to vote for: thousands of signatures of it, none of them right. */
async function flood(world: DutyWorld, slot: number, from: Sender): Promise<void> {
  const desk = world.operators[FLOODED]?.runner.desk;
  const votes = await desk?.decided("attester", slot, never).catch(() => undefined);
  if (desk === undefined || votes === undefined) return;
  for (let request = 0; request < REQUESTS; request++) {
    const items = [...votes].flatMap(([groupKey, { data, duty }]) =>
      Array.from({ length: WRONG_PER_REQUEST }, (_, i): Submission => {
        const signature = new Uint8Array(96).fill(0x80);
        new DataView(signature.buffer).setUint32(4, (slot * REQUESTS + request) * WRONG_PER_REQUEST + i);
        const { committeeIndex, validatorIndex: attesterIndex } = duty;
        const vote = { committeeIndex, attesterIndex, data, signature };
        return { kind: "attester", slot, groupKey, signed: { fork: "fulu", vote } };
      }),
    );
    void desk.submit(items, never, { address: from.address });
  }
}

for (const [where, address] of [
  ["another address", "hostile"],
  ["the same address", "client"],
] as const)
  test(`a flood of wrong signatures from ${where} costs an honest client no duty, and bounded work`, async () => {
    const thread: Thread = { busyMs: 0 };
    let wrapped = 0;
    const world: DutyWorld = new DutyWorld(41, {
      validatorCount: 12,
      hasClient: (index) => index === FLOODED,
      clientSigns: (index) => index === MUTE,
      // Operators are made in order, and the first of them is flooded.
      bls: (honest) => (wrapped++ === FLOODED ? onOneThread(honest, () => world.clock, thread) : honest),
    });
    const { client } = world.operators[FLOODED] ?? {};
    assert.ok(client !== undefined);
    client.temper.slowMs = 200; // The flood is there first.
    world.start();
    await world.runToSlot(8);
    thread.busyMs = 0;
    for (let slot = 8; slot < 13; slot++) {
      world.clock.at(slotStart(world.spec, slot), () => void flood(world, slot, { address }));
    }
    await world.runToSlot(14);
    const voters = world.chain.attesterDuties(1).filter(({ slot }) => slot < 13).length;
    assert.equal(votesOf(world, 8, 13), voters, "every validator voted");
    const share = thread.busyMs / (6 * world.spec.slotMs);
    assert.ok(share > 0.2 && share < 0.4, `${share} of a core`);
  });
