import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemoryState } from "../duty/index.ts";
import { readiness } from "./readiness.ts";
import type { Watched } from "./wire-monitoring.ts";

/** A node that is ready, but for what a test changes. */
function reasons(
  over: { readonly memory?: MemoryState; readonly connected?: number } = {},
): readonly string[] {
  const { memory = "well", connected = 3 } = over;
  return readiness({
    stopping: new AbortController().signal,
    duties: { status: () => ({ memory }) },
    beacon: { status: () => [{ usable: true }] },
    p2p: { transport: { connected: () => Array.from({ length: connected }) } },
    cluster: { threshold: 3 },
    shares: 2,
    validatorApi: () => undefined,
    watch: { status: undefined },
  } as unknown as Watched);
}

test("a node whose slashing memory is not well is not ready, and that is the first reason", () => {
  assert.deepEqual(reasons(), []);
  assert.deepEqual(reasons({ memory: "unavailable" }), ["slashing memory unavailable"]);
  assert.deepEqual(reasons({ memory: "doubted", connected: 1 }), [
    "slashing memory doubted",
    "quorum peers not connected",
  ]);
});
