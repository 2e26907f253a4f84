import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex, type Hex, toHex } from "../base/index.ts";
import { decryptKeystore, inlineBlsWork, parseKeystore, type SecretKey, verify } from "../crypto/index.ts";
import { type MessageHandler, silent, unmetered } from "../ports/index.ts";
import { type GroupKey, type OperatorIndex, type ShareIndex, slotStart } from "../spec/index.ts";
import { signedCodecOf } from "./codec/kinds.ts";
import { decodePartials } from "./codec/sets.ts";
import { Exchange } from "./exchange.ts";
import { PartialStore } from "./partial-store.ts";

const traffic = sharedPath("fixtures/charon-traffic/traffic.jsonl");
const shares = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/golden/duty/public-shares.json"), "utf8"),
) as Record<GroupKey, string[]>;

test("partial signatures of real Charon nodes and one of ours make group signatures", {
  skip: traffic === undefined ? missingShared("fixtures/charon-traffic/traffic.jsonl") : false,
}, async () => {
  const chain = simChainSpec(32);
  const publicShares = new Map(
    Object.entries(shares).map(([key, list]) => [key as GroupKey, list.map((text) => fromHex(text))]),
  );
  const store = new PartialStore(publicShares.keys());
  const clock = new SimClock(slotStart(chain, 0));
  let receive: MessageHandler = () => undefined;
  new Exchange({
    clock,
    chain,
    store,
    gate: () => true,
    maySign: () => true,
    log: silent,
    meter: unmetered,
    onReceived: () => {},
    onForget: () => {},
    onStanding: () => undefined,
    transport: {
      self: 3 as OperatorIndex,
      operatorCount: 4,
      connected: () => [],
      onBroken: () => {},
      send: async () => {},
      request: async () => new Uint8Array(),
      handle: (_protocol, _limits, handler) => {
        receive = handler;
      },
    },
  });
  const ours = await sharesOfNode3();
  const bls = inlineBlsWork();
  const made = new Map<string, number>();
  for (const line of readFileSync(traffic ?? "", "utf8").split("\n")) {
    if (!line.includes('"parsigex"')) continue;
    const { hex, from: sender } = JSON.parse(line) as { hex: string; from: string };
    const from = Number(sender.replace("node", ""));
    const { duty, partials } = decodePartials(fromHex(hex));
    assert.ok(partials.every(({ share }) => share === from + 1));
    await receive(from as OperatorIndex, fromHex(hex));
    const own = partials.map((partial) => {
      const codec = signedCodecOf(duty.kind);
      const value = codec.decode(partial.data);
      const root = codec.signingRoot(value, chain) as Uint8Array;
      const part = codec.part?.(value) ?? 0;
      const secret = ours.get(publicShares.get(partial.groupKey)?.map(toHex)[3] ?? "0x");
      assert.ok(secret !== undefined);
      return { ...partial, share: 4 as ShareIndex, root, part, signature: secret.sign(root) };
    });
    store.add(duty, 4 as ShareIndex, own);
    const jobs = store.of(duty).takeReady({ threshold: 3 }, publicShares);
    for (const [i, { signature, guilty }] of (await bls.combine(jobs)).entries()) {
      const job = jobs[i];
      assert.ok(job !== undefined && signature !== undefined);
      assert.deepEqual(guilty, []);
      assert.ok(verify({ publicKey: fromHex(job.groupKey), root: job.root, signature }));
      made.set(duty.kind, (made.get(duty.kind) ?? 0) + 1);
    }
  }
  assert.deepEqual(Object.fromEntries(made), {
    "prepare-aggregator": 3,
    randao: 3,
    proposer: 3,
    attester: 2,
    aggregator: 3,
    "sync-contribution": 2,
  });
});

/** The key shares of the silent fourth node, by public share. */
async function sharesOfNode3(): Promise<ReadonlyMap<Hex, SecretKey>> {
  const folder = sharedPath("clusters/split-16/node3/validator_keys") ?? "";
  const found = new Map<Hex, SecretKey>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".json")) continue;
    const password = readFileSync(join(folder, file.replace(".json", ".txt")), "utf8");
    const secret = await decryptKeystore(parseKeystore(readFileSync(join(folder, file), "utf8")), password);
    found.set(toHex(secret.publicKey()), secret);
  }
  return found;
}
