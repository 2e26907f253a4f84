import assert from "node:assert/strict";
import { test } from "node:test";
import { dialectOf, ownDialect, readDialect, writeDialect } from "./dialect.ts";

test("a Charon's version tells the minor version and which broadcast it speaks", () => {
  const known: readonly (readonly [string, string, 1 | 2])[] = [
    ["v1.10.0", "v1.10", 1],
    ["v1.10.3", "v1.10", 1],
    ["v1.10", "v1.10", 1],
    ["v1.11.0-rc1", "v1.11", 1],
    ["v1.11.0-rc3", "v1.11", 2],
    ["v1.11.0-dev", "v1.11", 2],
    ["v1.11.0", "v1.11", 2],
    ["v1.12.1", "v1.12", 2],
  ];
  for (const [version, minor, broadcast] of known)
    assert.deepEqual(dialectOf(version), { minor, broadcast }, version);
});

test("versions that are too old, or none, are not spoken", () => {
  for (const version of [
    "v1.9.5",
    "v0.19.0",
    "v2.0.0",
    "",
    "latest",
    "v1",
    "v1.11.0 ",
    "1.11.0",
    "v1.99999.0",
  ])
    assert.equal(dialectOf(version), undefined, version);
});

test("a dialect is read back from the journal as it was written", () => {
  for (const dialect of [ownDialect, { minor: "v1.10", broadcast: 1 } as const])
    assert.deepEqual(readDialect(writeDialect(dialect)), dialect);
});
