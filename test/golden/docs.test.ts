import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { limitsReference } from "../../scripts/limits-reference.ts";
import { metricsReference } from "../../scripts/metrics-reference.ts";

const written = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../../docs/${name}.md`), "utf8");

test("docs/metrics.md is what the rooms declare; `npm run docs` writes it", () => {
  assert.equal(written("metrics"), metricsReference());
});

test("docs/limits.md is what the rooms' limits say; `npm run docs` writes it", async () => {
  const text = await limitsReference();
  assert.equal(written("limits"), text);
  // A constant, a field with its own reason, one with its object's, one whose reason stands behind it, and no "undefined".
  assert.match(text, /\| `BLOCK_BYTES_MAX` \| 64 MiB \| A block of 128 blobs/);
  assert.match(text, /\| `LIMITS.receiveTimeoutMs` \| 5 s \| A block with blobs over a slow line. \|/);
  assert.match(text, /\| `keptVotes.attestations` \| 128 \| How many votes of one validator are kept/);
  assert.match(text, /\| `interchangeLimits.textCharactersMax` \| [\d,]+ \| Little less than/);
  assert.doesNotMatch(text, /undefined|NaN/);
});
