import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../base/index.ts";
import { BeaconError } from "./errors.ts";
import { connectedWorld, FakeNode, json } from "./testing/fake-node.ts";
import { recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const recorded = recordedJson("sync_contribution_unknown_block.json");
const { slot, beacon_block_root: root } = recorded.data;

// Prysm answers 200 with a contribution of nobody when it has sync messages for the slot and none for the block.
test("a contribution of nobody is taken for none, and another node's is used", async () => {
  const empty = new FakeNode("empty").on("/eth/v1/validator/sync_committee_contribution", () =>
    json(recorded),
  );
  const alone = await connectedWorld([empty]);
  await assert.rejects(
    alone.beacon.syncContribution(Number(slot), 0, fromHex(root), signal),
    (error) =>
      error instanceof BeaconError && error.code === "beacon/refused" && error.facts["status"] === 404,
  );
  await alone.beacon.close();

  const some = { data: { ...recorded.data, aggregation_bits: `0x01${"00".repeat(15)}` } };
  const full = new FakeNode("full").on("/eth/v1/validator/sync_committee_contribution", () => json(some));
  const both = await connectedWorld([empty, full]);
  const found = await both.beacon.syncContribution(Number(slot), 0, fromHex(root), signal);
  assert.equal(toHex(found.aggregationBits.uint8Array), some.data.aggregation_bits);
  await both.beacon.close();
});
