import assert from "node:assert/strict";
import { test } from "node:test";
import { genesisData } from "@lodestar/config/networks";
import { networkByName } from "../../src/cluster/index.ts";

test("networks begin when and with which validators the field's own tables say", () => {
  for (const [name, { genesisTime, genesisValidatorsRoot }] of Object.entries(genesisData)) {
    const ours = networkByName(name);
    if (ours === undefined) continue;
    assert.equal(ours.genesisTime, genesisTime, name);
    assert.equal(ours.genesisValidatorsRoot, genesisValidatorsRoot, name);
  }
  for (const name of ["mainnet", "gnosis", "hoodi", "sepolia"])
    assert.ok(networkByName(name)?.genesisValidatorsRoot, name);
});
