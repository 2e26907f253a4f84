import assert from "node:assert/strict";
import { test } from "node:test";
import { interchangeOf, mergeInterchanges, SlashingError, writeInterchange } from "./interchange.ts";
import { parseInterchange } from "./parse-interchange.ts";

const ROOT = `0x${"11".repeat(32)}`;
const KEY = `0x${"ab".repeat(48)}`;
const file = (data: unknown, version: unknown = "5"): string =>
  JSON.stringify({ metadata: { interchange_format_version: version, genesis_validators_root: ROOT }, data });
const entry = (over: object = {}): object => ({
  pubkey: KEY,
  signed_blocks: [],
  signed_attestations: [],
  ...over,
});

test("what was written is read back the same", () => {
  const text = file([
    entry({
      signed_blocks: [{ slot: "3" }, { slot: "9", signing_root: ROOT }],
      signed_attestations: [{ source_epoch: "0", target_epoch: "1", signing_root: ROOT }],
    }),
  ]);
  const read = parseInterchange(text);
  assert.deepEqual(parseInterchange(writeInterchange(read)), read);
  assert.deepEqual(JSON.parse(writeInterchange(read)), JSON.parse(text));
});

test("entries of one validator are joined, whatever the case of its key", () => {
  const read = parseInterchange(
    file([
      entry({ signed_blocks: [{ slot: "3" }] }),
      entry({ pubkey: `0x${"AB".repeat(48)}`, signed_blocks: [{ slot: "2" }, { slot: "3" }] }),
    ]),
  );
  assert.equal(read.validators.length, 1);
  assert.deepEqual(read.validators[0]?.blocks, [{ slot: 2 }, { slot: 3 }]);
});

test("every fault is named with its place in the file", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["{", "the file"],
    ["[]", "the file"],
    [JSON.stringify({ data: [] }), "metadata"],
    [file([], 5), "metadata.interchange_format_version"],
    [file([], "4"), "metadata.interchange_format_version"],
    [file({}), "data"],
    [file([null]), "data[0]"],
    [file([entry(), entry({ pubkey: "0xab" })]), "data[1].pubkey"],
    [file([entry({ signed_blocks: undefined })]), "data[0].signed_blocks"],
    [file([entry({ signed_blocks: [{ slot: 3 }] })]), "data[0].signed_blocks[0].slot"],
    [file([entry({ signed_blocks: [{ slot: "-1" }] })]), "data[0].signed_blocks[0].slot"],
    [file([entry({ signed_blocks: [{ slot: "0x10" }] })]), "data[0].signed_blocks[0].slot"],
    [file([entry({ signed_blocks: [{ slot: "18446744073709551615" }] })]), "data[0].signed_blocks[0].slot"],
    [
      file([entry({ signed_attestations: [{ source_epoch: "1" }] })]),
      "data[0].signed_attestations[0].target_epoch",
    ],
    [
      file([entry({ signed_attestations: [{ source_epoch: "1", target_epoch: "2", signing_root: "0x" }] })]),
      "data[0].signed_attestations[0].signing_root",
    ],
  ];
  for (const [text, at] of cases) {
    assert.throws(
      () => parseInterchange(text),
      (error) =>
        error instanceof SlashingError &&
        error.code === "slashing/bad-interchange" &&
        error.facts["at"] === at,
      `${at} in ${text}`,
    );
  }
});

test("files of different chains are not merged", () => {
  const one = parseInterchange(file([]));
  const other = { ...one, genesisValidatorsRoot: new Uint8Array(32) };
  assert.throws(() => mergeInterchanges(one, other), { code: "slashing/other-chain" });
});

test("the minimal form holds the highest of each number and no root", () => {
  const complete = parseInterchange(
    file([
      entry({
        signed_blocks: [{ slot: "3", signing_root: ROOT }, { slot: "9" }],
        signed_attestations: [
          { source_epoch: "6", target_epoch: "7" },
          { source_epoch: "5", target_epoch: "8" },
        ],
      }),
    ]),
  );
  assert.deepEqual(interchangeOf(complete, "minimal").validators[0], {
    pubkey: KEY,
    blocks: [{ slot: 9 }],
    attestations: [{ source: 6, target: 8 }],
  });
});
