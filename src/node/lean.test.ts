import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";

test("the installed program starts as lean as the nodes of the demonstration", () => {
  const [first] = readFileSync(new URL("../main.ts", import.meta.url), "utf8").split("\n");
  const environment = Object.entries(LEAN_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  assert.equal(first, ["#!/usr/bin/env -S", ...environment, "node", ...LEAN_FLAGS].join(" "));
});
