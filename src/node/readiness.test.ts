import assert from "node:assert/strict";
import { test } from "node:test";
import type { BeaconNodeStatus } from "../beacon/index.ts";
import type { MemoryState } from "../duty/index.ts";
import { readiness } from "./readiness.ts";
import type { Watched } from "./wire-monitoring.ts";

/** A node that is ready, but for what a test changes. */
function reasons(
  over: {
    readonly memory?: MemoryState;
    readonly connected?: number;
    readonly beacon?: readonly Partial<BeaconNodeStatus>[];
  } = {},
): readonly string[] {
  const { memory = "well", connected = 3, beacon = [{ usable: true }] } = over;
  return readiness({
    stopping: new AbortController().signal,
    duties: { status: () => ({ memory }) },
    beacon: { status: () => beacon },
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

test("beacon nodes that are only behind are told from ones that are down or of another chain", () => {
  const behind = { usable: false, reachable: true, chain: "ours" } as const;
  const down = { usable: false, reachable: false, chain: "ours" } as const;
  const other = { usable: false, reachable: true, chain: "other" } as const;
  assert.deepEqual(reasons({ beacon: [down, behind] }), ["beacon node not synced"]);
  assert.deepEqual(reasons({ beacon: [down, other] }), ["beacon node down"]);
  assert.deepEqual(reasons({ beacon: [behind, { usable: true }] }), []);
});
