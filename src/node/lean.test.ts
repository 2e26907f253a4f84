import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";

test("the installed program starts as lean as the nodes of the demonstration", () => {
  const script = readFileSync(new URL("../../bin/trireme", import.meta.url), "utf8");
  assert.ok(script.includes(`exec "$node" ${LEAN_FLAGS.join(" ")} `));
  for (const [name, value] of Object.entries(LEAN_ENVIRONMENT))
    assert.ok(script.includes(`export ${name}="\${${name}:-${value}}"`));
});
