import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { byClient, byClientButAggregation, type Signing } from "./index.ts";

// Goal: an operator keeps a validator client that cannot aggregate in a cluster, and the cluster aggregates all the same.
// Method: every operator has such a client; what is done is counted with and without the keystores' help.
const KINDS = ["attester", "proposer", "sync-message", "aggregator", "sync-contribution"];

/** How many duties of each kind went out, as the first operator saw it. */
async function sent(signing: NonNullable<DutyWorld["options"]["signing"]>): Promise<Map<string, number>> {
  const world = new DutyWorld(23, { hasClient: () => true, signing, chain: { syncSeats: [[0], [1], [2]] } });
  for (const { client } of world.operators) if (client !== undefined) client.temper.selects = false;
  world.start();
  await world.runToSlot(12);
  const summary = world.summary(0);
  await Promise.all(world.operators.map(({ runner }) => runner.stop()));
  const count = (kind: string): number =>
    (summary[`${kind} broadcast`] ?? 0) + (summary[`${kind} included`] ?? 0);
  return new Map(KINDS.map((kind) => [kind, count(kind)]));
}

test("keystores aggregate beside a validator client that asks for no selection proofs", async () => {
  const seen = await sent((_, signer) => byClientButAggregation(signer));
  for (const kind of KINDS) assert.ok((seen.get(kind) ?? 0) > 0, `${kind}: none`);
});

test("without the keystores such a client's operator does all but aggregate", async () => {
  const seen = await sent((): Signing => byClient);
  assert.deepEqual(
    KINDS.filter((kind) => seen.get(kind) === 0),
    ["aggregator", "sync-contribution"],
  );
});
