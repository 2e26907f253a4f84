import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "./index.ts";

test("JSON of more values than honest programs write is refused before it is parsed", (t) => {
  const parse = t.mock.method(JSON, "parse");
  const hostile = {
    deep: "[".repeat(50_000) + "]".repeat(50_000),
    objects: `[${"{},".repeat(50_000)}{}]`,
    members: '{"a":'.repeat(50_000),
    numbers: `[${"0,".repeat(50_000)}0]`,
  };
  for (const [shape, text] of Object.entries(hostile))
    assert.throws(() => parseJson(text), RangeError, shape);
  assert.equal(parse.mock.callCount(), 0);
});

test("what honest programs write, and small texts of whatever shape, are parsed", () => {
  const liveness = Array.from({ length: 10_000 }, (_, i) => ({ index: String(i), is_live: true }));
  assert.deepEqual(parseJson(JSON.stringify(liveness)), liveness);
  const indices = Array.from({ length: 100_000 }, (_, i) => String(i));
  assert.deepEqual(parseJson(JSON.stringify(indices), 3), indices);
  assert.deepEqual(parseJson("[[],[],{},0]"), [[], [], {}, 0]);
  assert.throws(() => parseJson("{"), SyntaxError);
});
