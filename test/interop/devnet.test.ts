import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { toHex } from "../../src/base/index.ts";
import { parseLock } from "../../src/cluster/index.ts";
import { ChainRewards } from "./chain-rewards.ts";
import { notPicked } from "./peers.ts";

// What the chain paid the validators of a cluster, asked of a real beacon node. The network and the cluster are started by
// whoever runs this: BEACON_NODE_URL is the beacon node, CLUSTER_LOCK the cluster's lock file. DEVNET_EPOCHS (2) whole epochs
// from the next one on are watched, or from DEVNET_FROM_EPOCH on, which may lie in the past.
const url = process.env["BEACON_NODE_URL"] ?? "";
const lockFile = process.env["CLUSTER_LOCK"] ?? "";
const EPOCHS = Number(process.env["DEVNET_EPOCHS"] ?? 2);
const FROM_EPOCH = process.env["DEVNET_FROM_EPOCH"];
const NAME = "a cluster on a network of real nodes earns all that the chain pays";
const skip =
  url === "" || lockFile === ""
    ? "NOT TESTED: set BEACON_NODE_URL to a beacon node of a network, and CLUSTER_LOCK to the lock of a cluster that runs on it"
    : notPicked(NAME);

test(NAME, { skip }, async (t) => {
  const chain = new ChainRewards(url);
  const { genesisMs, slotMs, slotsPerEpoch } = await chain.timing();
  const lock = parseLock(
    readFileSync(lockFile.endsWith(".json") ? lockFile : join(lockFile, "cluster-lock.json"), "utf8"),
  );
  const indices = await chain.indices(lock.validators.map(({ publicKey }) => toHex(publicKey)));
  const now = Math.floor((Date.now() - genesisMs) / (slotMs * slotsPerEpoch));
  const from = FROM_EPOCH === undefined ? now + 1 : Number(FROM_EPOCH);
  const losses: string[] = [];
  for (let epoch = from; epoch < from + EPOCHS; epoch++) {
    // Rewards are told two epochs later, when no vote can come any more.
    await sleep(Math.max(0, genesisMs + ((epoch + 2) * slotsPerEpoch + 1) * slotMs - Date.now()));
    const belowIdeal = await chain.belowIdeal(epoch, indices);
    const proposals = await chain.proposals(epoch, indices);
    const missed = proposals.filter(({ inChain }) => !inChain);
    const sync = await chain.syncSeats(epoch, slotsPerEpoch, indices);
    t.diagnostic(
      `epoch ${epoch}: ${indices.length} validators, ${belowIdeal.length} rewards below ideal, ` +
        `${proposals.length - missed.length} of ${proposals.length} proposals in the chain, ` +
        `${sync.seats - sync.missed} of ${sync.seats} messages of its ${sync.members} sync committee members paid` +
        (sync.emptyBlocks === 0 ? "" : `, ${sync.emptyBlocks} blocks without any sync message of anybody`),
    );
    losses.push(
      ...belowIdeal.map((loss) => `epoch ${epoch}: ${loss}`),
      ...missed.map(({ slot, validator }) => `slot ${slot}: no block of validator ${validator}`),
      ...(sync.missed === 0 ? [] : [`epoch ${epoch}: ${sync.missed} sync committee messages not in a block`]),
    );
  }
  assert.deepEqual(losses, []);
});
