import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Connection } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { createHost, startHost } from "./host.ts";
import { Relay, reserveSlot } from "./relay.ts";
import { readRelay } from "./relay-address.ts";
import { Roster } from "./roster.ts";
import { HoldingProxy } from "./testing/delay-proxy.ts";
import { hostileRelay } from "./testing/hostile-relay.ts";
import { newKey, ObservedMeter, until } from "./testing/hosts.ts";
import { relayServer } from "./testing/relay-server.ts";
import { Violations } from "./violations.ts";

// Goal: a relay whose packets vanish is noticed in seconds, not when TCP gives up on it after a quarter of an hour.
const impatient = { pingEveryMs: 50, pingAnswerMs: 400, slotAnswerMs: 400 };
/** For relays that do answer, however slow the machine is. */
const patient = { pingEveryMs: 50, pingAnswerMs: 600_000, slotAnswerMs: 600_000 };
const noEnr = (): never => assert.fail("no ENR here");

/** A node that keeps one relay in use. */
async function keeping(
  address: string,
  waits: typeof impatient,
  use: (relay: Relay, connections: () => readonly Connection[]) => Promise<void>,
): Promise<void> {
  const [key, other] = [newKey(), newKey()];
  const operators = [key, other].map(({ publicKey }, i) => ({ index: i as OperatorIndex, publicKey }));
  const roster = new Roster(operators, 0 as OperatorIndex, key.revealBytes());
  const meter = new ObservedMeter();
  const violations = new Violations({ log: silent, meter, now: () => 0, onExcess: () => {} });
  const host = await createHost(
    { roster, violations, peersAt: () => [], onTurnedAway: () => {}, isNamed: () => false },
    { listen: [], announce: [], agent: "test", useRelays: true },
  );
  await startHost(host, []);
  const relayId = peerIdFromString(address.split("/").at(-1) ?? "");
  const relay = new Relay("relay-0", readRelay(address, noEnr), {
    roster,
    host: { connectionsTo: () => host.node.getConnections(relayId), dial: host.dial },
    log: silent,
    meter,
    readEnr: noEnr,
    headers: {},
    unixNow: Date.now,
    random: () => 0.5,
    bells: [],
    waits,
  });
  const end = new AbortController();
  const kept = relay.keep(end.signal);
  try {
    await use(relay, () => host.node.getConnections(relayId));
  } finally {
    end.abort();
    await kept;
    await host.node.stop();
  }
}

test("a relay whose packets vanish is given up, and used again over a new connection when they come through", async () => {
  const relay = await relayServer();
  const address = relay.getMultiaddrs().map(String)[0] ?? "";
  const proxy = await HoldingProxy.before(Number(/tcp\/(\d+)/.exec(address)?.[1]));
  try {
    await keeping(address.replace(/tcp\/\d+/, `tcp/${proxy.port}`), impatient, async (kept, connections) => {
      await until(() => kept.ready);
      const first = connections();
      proxy.hold();
      await until(() => !kept.ready);
      assert.ok(first.every(({ status }) => status === "aborted"));
      proxy.forward();
      await until(() => kept.ready);
    });
  } finally {
    proxy.close();
    await relay.stop();
  }
});

test("a relay that does not know pings is in use for as long as it says so", async () => {
  const relay = await relayServer();
  await relay.unhandle("/ipfs/ping/1.0.0");
  let asked = 0;
  relay.addEventListener("connection:open", ({ detail }) => {
    const inner = detail as unknown as { muxer: EventTarget };
    inner.muxer.addEventListener("stream", () => void asked++);
  });
  try {
    await keeping(relay.getMultiaddrs().map(String)[0] ?? "", patient, async (kept, connections) => {
      await until(() => kept.ready);
      const first = connections();
      await until(() => asked > 10);
      assert.deepEqual([kept.ready, connections()], [true, first]);
    });
  } finally {
    await relay.stop();
  }
});

test("a connection on which a relay leaves the wish for a slot unanswered is ended", async () => {
  const relay = await hostileRelay(() => {});
  const closed = new Promise((resolve) => relay.addEventListener("connection:close", resolve));
  try {
    await keeping(relay.getMultiaddrs().map(String)[0] ?? "", impatient, async () => void (await closed));
  } finally {
    await relay.stop();
  }
});

test("a wish for a slot that cannot be sent fails once, and leaves nothing behind that nobody waits for", async () => {
  const end = new AbortController();
  const stream = Object.assign(new EventTarget(), {
    status: "open",
    send: () => assert.fail("broken"),
    closeRead: () => Promise.resolve(),
    close: () => Promise.resolve(),
    abort: () => {},
  });
  const connection = { newStream: () => Promise.resolve(stream) } as unknown as Connection;
  await assert.rejects(reserveSlot(connection, 0, end.signal), /broken/);
  end.abort(new Error("over"));
  await setImmediate();
});

test("a relay that is down logs each reason once, however they take turns, and no more than a few", async (t) => {
  const { setTimeout: start } = globalThis;
  t.mock.method(globalThis, "setTimeout", ((action: () => void) => start(action, 0)) as typeof setTimeout);
  const lines: string[] = [];
  let reasons: readonly string[] = ["nothing listens", "timed out"];
  let dials = 0;
  const key = newKey();
  const operators = [{ index: 0 as OperatorIndex, publicKey: key.publicKey }];
  const address = `/ip4/127.0.0.1/tcp/1/p2p/${new Roster(operators, 0 as OperatorIndex, key.revealBytes()).self.id}`;
  const relay = new Relay("relay-0", readRelay(address, noEnr), {
    roster: new Roster(operators, 0 as OperatorIndex, key.revealBytes()),
    host: {
      connectionsTo: () => [],
      dial: () => Promise.reject(new Error(reasons[dials++ % reasons.length])),
    },
    log: { ...silent, warn: (_, facts) => void lines.push(String(facts?.["why"])) },
    meter: new ObservedMeter(),
    readEnr: noEnr,
    headers: {},
    unixNow: Date.now,
    random: () => 0.5,
    bells: [],
    waits: patient,
  });
  const end = new AbortController();
  const kept = relay.keep(end.signal);
  try {
    await until(() => dials >= 6);
    assert.deepEqual(lines, ["connect to relay: nothing listens", "connect to relay: timed out"]);
    reasons = Array.from({ length: 50 }, (_, i) => `reason ${i}`);
    await until(() => dials >= 60);
    assert.equal(lines.length, 8);
  } finally {
    end.abort();
    await kept;
  }
});
