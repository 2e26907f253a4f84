import assert from "node:assert/strict";
import { test } from "node:test";
import { printable, printableLines } from "./printable.ts";

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
