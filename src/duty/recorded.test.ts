import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex } from "../base/index.ts";
import { inlineBlsWork, verify } from "../crypto/index.ts";
import { type MessageHandler, silent, unmetered } from "../ports/index.ts";
import { type GroupKey, type OperatorIndex, slotStart } from "../spec/index.ts";
import { decodePartials } from "./codec/sets.ts";
import { createExchange } from "./exchange.ts";
import { PartialStore } from "./partial-store.ts";

const traffic = sharedPath("fixtures/charon-traffic/traffic.jsonl");
const shares = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/golden/duty/public-shares.json"), "utf8"),
) as Record<GroupKey, string[]>;

test("partial signatures that real Charon nodes sent make group signatures", {
  skip: traffic === undefined ? missingShared("fixtures/charon-traffic/traffic.jsonl") : false,
}, async () => {
  const chain = simChainSpec(32);
  const publicShares = new Map(
    Object.entries(shares).map(([key, list]) => [key as GroupKey, list.map((text) => fromHex(text))]),
  );
  const store = new PartialStore(publicShares.keys());
  const clock = new SimClock(slotStart(chain, 0));
  let receive: MessageHandler = () => undefined;
  createExchange({
    clock,
    chain,
    store,
    gate: () => true,
    log: silent,
    meter: unmetered,
    onReceived: () => {},
    onForget: () => {},
    transport: {
      self: 3 as OperatorIndex,
      operatorCount: 4,
      connected: () => [],
      send: async () => {},
      request: async () => new Uint8Array(),
      handle: (_protocol, _limits, handler) => {
        receive = handler;
      },
    },
  });
  const bls = inlineBlsWork();
  const made = new Map<string, number>();
  for (const line of readFileSync(traffic ?? "", "utf8").split("\n")) {
    if (!line.includes('"parsigex"')) continue;
    const { hex, from: sender } = JSON.parse(line) as { hex: string; from: string };
    const from = Number(sender.replace("node", ""));
    const { duty, partials } = decodePartials(fromHex(hex));
    assert.equal(
      partials.every(({ share }) => share === from + 1),
      true,
    );
    await receive(from as OperatorIndex, fromHex(hex));
    const jobs = store.of(duty).takeReady({ threshold: 3 }, publicShares);
    for (const [i, { signature, guilty }] of (await bls.combine(jobs)).entries()) {
      const job = jobs[i];
      assert.ok(job !== undefined && signature !== undefined);
      assert.deepEqual(guilty, []);
      assert.ok(verify({ publicKey: fromHex(job.groupKey), root: job.root, signature }));
      made.set(duty.kind, (made.get(duty.kind) ?? 0) + 1);
    }
  }
  assert.ok(
    (made.get("attester") ?? 0) > 0 && (made.get("proposer") ?? 0) > 0 && (made.get("randao") ?? 0) > 0,
  );
});
