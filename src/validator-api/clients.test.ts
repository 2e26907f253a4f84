import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { clientOf, VALIDATOR_CLIENTS } from "./clients.ts";

const of = (agent: string): string =>
  clientOf(new Request("http://api/", { headers: { "user-agent": agent } })).name;

test("clients are known by what they call themselves, and an unknown one gets what the specification says", () => {
  assert.equal(of("Lighthouse/v8.0.1-abcdef/x86_64-linux"), "lighthouse");
  assert.equal(of("Prysm/v7.1.6/c40b59a"), "prysm");
  assert.equal(of("Vouch/1.13.1"), "vouch");
  assert.equal(of("go-eth2-client/0.29.0"), "vouch");
  assert.equal(of("nim-presto/0.0.3 (amd64/linux)"), "nimbus");
  assert.equal(of("Lodestar/v1.23.0/d0ba6bc"), "lodestar");
  assert.equal(of("teku/v26.8.0"), "teku");
  assert.equal(of("curl/8.5"), "unknown");
  assert.equal(of(""), "unknown");
});

test("nothing of the program but the table of clients depends on which client asks", () => {
  const root = join(import.meta.dirname, "..");
  const names = new RegExp(VALIDATOR_CLIENTS.map(({ name }) => `(?<!@)\\b${name}(?!star)`).join("|"), "i");
  const without = (text: string): string =>
    text
      .replaceAll(/\/\*[\s\S]*?\*\//g, "")
      .replaceAll(/(^|\s)\/\/.*$/gm, "")
      // Packages that the client of that name publishes, and what they are told.
      .replaceAll(/"@lodestar\/[^"]*"|\bLODESTAR_PRESET\b/g, "");
  const found = globSync("**/*.ts", { cwd: root })
    .filter((file) => !/test|validator-api\/clients\.ts$/.test(file))
    .filter((file) => names.test(without(readFileSync(join(root, file), "utf8"))));
  assert.deepEqual(found, []);
});

test("docs/validator-clients.md speaks of every client of the table", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/validator-clients.md"), "utf8");
  for (const { name } of VALIDATOR_CLIENTS) assert.match(page, new RegExp(`^## ${name}$`, "im"), name);
});
