import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { PeerStatus } from "../p2p/index.ts";
import type { Clock } from "../ports/index.ts";
import { keyUse } from "./preflight.ts";
import { judgeBeaconNode, judgeClock, judgePeers } from "./preflight-verdicts.ts";
import { beaconNode, peer as peerStatus } from "./testing/statuses.ts";

const chain = { genesisTime: 0, slotMs: 12_000 };
const status = beaconNode({ node: "localhost:5052", version: "Node/v1", latencyMs: 3, score: 1 });
const seen = { chain, headSlot: 99, median: 3, now: 100 * 12_000 + 500 };

test("a beacon node is well when it is synced, verified, quick, has peers and a block of now; each lack is told with what to do", () => {
  const cases: readonly (readonly [more: object, seen: object, state: string, says: RegExp])[] = [
    [{}, {}, "good", /synced, answers in 3\.0 ms, 50 peers/],
    [{ syncDistance: 40 }, {}, "bad", /40 slots behind/],
    [{ optimistic: true }, {}, "bad", /not verified/],
    [{ executionOffline: true }, {}, "bad", /no execution client/],
    [{ peers: 0 }, {}, "odd", /no peers/],
    [{}, { median: 900 }, "odd", /900 ms/],
    [{}, { headSlot: 90 }, "odd", /10 slots old/],
    // A clock that is ten seconds behind, early in a slot; and one that is a minute behind.
    [{}, { headSlot: 105 }, "bad", /5 slots from now/],
    [{ peers: undefined }, { headSlot: undefined }, "good", /synced, answers in 3\.0 ms$/],
  ];
  for (const [more, other, state, says] of cases) {
    const [verdict] = judgeBeaconNode({ ...status, ...more }, { ...seen, ...other });
    assert.equal(verdict?.state, state, says.source);
    assert.match(verdict?.says ?? "", says);
    if (state !== "good") assert.ok((verdict?.advice ?? "") !== "");
  }
});

const peer = (operator: number, more: Partial<PeerStatus> = {}): PeerStatus =>
  peerStatus(operator, { peerId: "16Uiu2HA", silentMs: 0, nickname: "ana", clockOffsetMs: 10, ...more });
const states = (verdicts: readonly { readonly state: string }[]): string[] =>
  verdicts.map(({ state }) => state);

test("operators that are away, relayed or on another lock are told, and whether the rest is a threshold", () => {
  assert.deepEqual(states(judgePeers([peer(1), peer(2), peer(3)], 3)), ["good", "good", "good", "good"]);
  assert.deepEqual(states(judgePeers([peer(1), peer(2, { rttMs: 900 }), peer(3)], 3)), [
    "good",
    "odd",
    "good",
    "good",
  ]);
  const mixed = [peer(1, { connected: false }), peer(2, { path: "relayed" }), peer(3)];
  assert.deepEqual(states(judgePeers(mixed, 3)), ["odd", "odd", "good", "good"]);
  const few = [peer(1, { connected: false }), peer(2, { sameLock: false }), peer(3)];
  assert.deepEqual(states(judgePeers(few, 3)), ["odd", "bad", "good", "bad"]);
  const old = judgePeers([peer(1, { supported: false, version: "v1.7.2" }), peer(2), peer(3)], 3);
  assert.equal(old[0]?.says, "runs Charon v1.7.2, which is too old for this program");
});

test("a clock that differs from those of most operators is ours to set; one that differs alone is its operator's", () => {
  assert.equal(judgeClock([peer(1), peer(2), peer(3)]).state, "good");
  const ours = judgeClock([peer(1, { clockOffsetMs: 10_000 }), peer(2, { clockOffsetMs: 10_100 }), peer(3)]);
  assert.equal(ours.state, "bad");
  assert.match(ours.says, /10\.1 s/);
  const theirs = judgeClock([peer(1), peer(2, { clockOffsetMs: -10_000 }), peer(3)]);
  assert.equal(theirs.state, "odd");
  assert.match(theirs.says, /operator 2/);
  assert.equal(judgeClock([peer(1, { clockOffsetMs: undefined })]).state, "odd");
});

test("peers are met only while nobody else renews the lock of the node key, and `run` with its flag would not begin either", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-preflight-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const privateKeyFile = join(folder, "charon-enr-private-key");
  const { signal } = new AbortController();
  const never = { now: () => 1_000_000, at: () => () => assert.fail("it waited") };
  const use = (privateKeyFileLock: boolean, clock: Clock = never) =>
    keyUse(clock, { privateKeyFile, privateKeyFileLock }, "0xaa", signal);
  const lock = (renewed: number): void =>
    writeFileSync(
      `${privateKeyFile}.lock`,
      JSON.stringify({ command: "charon run", timestamp: new Date(renewed).toISOString() }),
    );
  assert.equal(await use(true), undefined);
  lock(900_000);
  assert.equal(await use(true), undefined, "a lock of long ago");

  /** Whoever holds the lock renews it while we wait. */
  const renewing = (): Clock => {
    let now = 1_000_000;
    return {
      now: () => now,
      at: (due, run) => {
        now = due;
        lock(due - 100);
        setImmediate(run);
        return () => {};
      },
    };
  };
  for (const flag of [true, false]) {
    lock(999_500);
    const verdict = await use(flag, renewing());
    assert.equal(verdict?.state, flag ? "bad" : "odd");
    assert.match(
      verdict?.says ?? "",
      /another process renewed the lock just now; ports and operators were left alone/,
    );
    assert.match(verdict?.advice ?? "", /Stop the other Charon or Trireme/);
  }
});
