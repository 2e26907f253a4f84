import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "./errors.ts";
import { printable, printableLines, withoutSecrets } from "./printable.ts";

test("terminal commands and hidden characters become visible escapes, and other text stays", () => {
  assert.equal(printable("a\u001b]52;c;ZXZpbA==\u0007b"), "a\\u001b]52;c;ZXZpbA==\\u0007b");
  assert.equal(printable("\u009b31mred\u202egnitset\r\n"), "\\u009b31mred\\u202egnitset\\u000d\\u000a");
  assert.equal(printable("Ægina «3» ✔ 木 🐟"), "Ægina «3» ✔ 木 🐟");
  assert.equal(printableLines("one\ntwo\u001b[2J\n"), "one\ntwo\\u001b[2J\n");
});

test("a JSON document means the same afterwards", () => {
  const value = { name: "\u001b[2J\u009b\u202e\n" };
  assert.deepEqual(JSON.parse(printableLines(JSON.stringify(value, null, 2))), value);
});

test("passwords, queries and keys in paths of URLs are hidden, and what names a place stays", () => {
  for (const [text, shown] of [
    ["https://me:pw@node.example/eth?k=1", "https://[secret]@node.example/eth?[secret]"],
    [
      "open https://mainnet.example/v3/9aa3d95b3bc440fa88ea12eaa4456161",
      "open https://mainnet.example/v3/[secret]",
    ],
    ["https://x.example/aB3_dEfGh-jKlMnOpQ12/beacon/ and on", "https://x.example/[secret]/beacon/ and on"],
    ["http://127.0.0.1:5052/eth/v1/beacon/states/head", "http://127.0.0.1:5052/eth/v1/beacon/states/head"],
    [`https://api.example/dv/0x${"ab".repeat(32)}`, `https://api.example/dv/0x${"ab".repeat(32)}`],
    [
      "/ip4/127.0.0.1/tcp/3610/p2p/16Uiu2HAm26fpJEP8wQ22F6FG6CR8WGKRyk3b",
      "/ip4/127.0.0.1/tcp/3610/p2p/16Uiu2HAm26fpJEP8wQ22F6FG6CR8WGKRyk3b",
    ],
  ] as const)
    assert.equal(withoutSecrets(text), shown);
});

test("what the parser of JSON says of a file has no piece of the file in it", () => {
  for (const text of ["c0ffee", "c0ffee".repeat(9), '{"a": c0ffee', "\nc0ffeex\n"])
    assert.doesNotMatch(explain(new Error("read a file", { cause: errorOf(text) })), /c0ffee/);
});

function errorOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    return error;
  }
}
