import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { AssertionFailed } from "../base/index.ts";
import { type Logger, type ProtocolLimits, silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { frame } from "./framing.ts";
import { Inbound } from "./inbound.ts";
import { RECEIVING_BYTES_MAX_PER_PEER, VIOLATIONS_MAX_PER_WINDOW } from "./limits.ts";
import { Roster } from "./roster.ts";
import { HalfStream } from "./testing/half-stream.ts";
import { type HostilePeer, hostilePeer } from "./testing/hostile-peer.ts";
import {
  connected,
  holdSteadyTime,
  newKey,
  ObservedMeter,
  type TestNode,
  testNode,
} from "./testing/hosts.ts";
import { Violations } from "./violations.ts";

const protocol = "/trireme/test/1.0.0";
const limits: ProtocolLimits = {
  messageBytesMax: 1_000,
  messagesPerSecondMax: 10,
  burstMax: 20,
  receiveTimeoutMs: 5_000,
};
const violations = "trireme_p2p_violations_total";

/** A node with one protocol that answers with the message, and operator 1's key used against it. */
async function attacked(
  more: Partial<ProtocolLimits>,
  use: (node: TestNode, hostile: HostilePeer, heard: Uint8Array[]) => Promise<void>,
  log: Logger = silent,
): Promise<void> {
  const keys = [newKey(), newKey(), newKey()];
  const node = testNode(keys, 0, { log });
  const heard: Uint8Array[] = [];
  node.p2p.transport.handle(protocol, { ...limits, ...more }, (_, message) => {
    heard.push(message);
    if (message[0] === 0xbb) throw new Error("what a handler does with rubbish");
    if (message[0] === 0xaa) throw new AssertionFailed("what never happens");
    return message;
  });
  await node.p2p.start();
  const hostile = await hostilePeer(keys[1] as never, node.p2p.listenAddresses()[0] ?? "");
  try {
    await use(node, hostile, heard);
  } finally {
    await Promise.all([hostile.stop(), node.p2p.stop()]);
  }
}

const refused = (node: TestNode, reason: string, atLeast = 1): Promise<void> =>
  node.meter.reached(violations, { peer: "operator-1", reason }, atLeast);

for (const { what, bytes, reason } of [
  { what: "a message larger than its protocol allows", bytes: [0xe9, 0x07], reason: "too-large" },
  { what: "a length of gigabytes", bytes: [0xff, 0xff, 0xff, 0xff, 0x7f], reason: "too-large" },
  { what: "a length without end", bytes: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], reason: "bad-length" },
  { what: "a length longer than it needs to be", bytes: [0x80, 0x00], reason: "bad-length" },
]) {
  test(`${what} is refused by its first bytes, and its stream is reset`, async () => {
    await attacked({}, async (node, hostile, heard) => {
      const stream = await hostile.open(protocol);
      const closed = once(stream, "close");
      stream.send(Uint8Array.from(bytes));
      await refused(node, reason);
      await closed;
      assert.equal(stream.status, "reset");
      assert.equal(heard.length, 0);
    });
  });
}

test("a message that comes too slowly is given up, though bytes keep coming", async () => {
  await attacked({ receiveTimeoutMs: 150 }, async (node, hostile) => {
    const stream = await hostile.open(protocol);
    stream.send(Uint8Array.of(100, 1));
    const drip = setInterval(() => stream.status === "open" && stream.send(Uint8Array.of(1)), 20);
    await refused(node, "too-slow");
    clearInterval(drip);
  });
});

test("a stream that ends inside a message is counted", async () => {
  await attacked({}, async (node, hostile) => {
    const stream = await hostile.open(protocol);
    stream.send(Uint8Array.of(100, 1));
    await stream.close();
    await refused(node, "incomplete");
  });
});

test("a handler that throws costs its message and no more, and its stream ends without a reset", async () => {
  await attacked({}, async (node, hostile, heard) => {
    const bad = await hostile.open(protocol);
    const ended = once(bad, "remoteCloseWrite");
    bad.send(frame(Uint8Array.of(0xbb)));
    await bad.close();
    await ended;
    await refused(node, "handler-threw");
    assert.notEqual(bad.status, "reset", "Charon warns its operator of a stream that was reset");
    const good = await hostile.open(protocol);
    const answer = once(good, "message");
    good.send(frame(Uint8Array.of(1)));
    await answer;
    assert.equal(heard.length, 2);
  });
});

test("a bug of ours that a message leads to is said to be one, and is not held against its sender", async () => {
  const bugs: unknown[] = [];
  const log: Logger = {
    ...silent,
    error: (sentence, facts) => void bugs.push(`${sentence}: ${facts?.["why"]}`),
    room: () => log,
  };
  await attacked(
    {},
    async (node, hostile) => {
      const stream = await hostile.open(protocol);
      const ended = once(stream, "remoteCloseWrite");
      stream.send(frame(Uint8Array.of(0xaa)));
      await stream.close();
      await ended;
      assert.deepEqual(bugs, ["A bug in Trireme; please report it: what never happens"]);
      assert.notEqual(stream.status, "reset");
      // The next thing that is held against it is the first.
      const bad = await hostile.open(protocol);
      bad.send(frame(Uint8Array.of(0xbb)));
      await bad.close();
      await refused(node, "handler-threw");
      assert.equal(node.meter.value(violations, { peer: "operator-1", reason: "handler-threw" }), 1);
    },
    log,
  );
});

test("messages beyond the rate are dropped and counted", async () => {
  await attacked({ messagesPerSecondMax: 0.001 }, async (node, hostile, heard) => {
    for (let i = 0; i < limits.burstMax + 5; i++) {
      const stream = await hostile.open(protocol);
      if (stream.status === "open") stream.send(frame(Uint8Array.of(i)));
    }
    await refused(node, "rate", 5);
    assert.ok(heard.length <= limits.burstMax);
  });
});

test("what one peer leaves half sent stays below a cap in memory", async () => {
  const keys = [newKey(), newKey()];
  const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
  const roster = new Roster(operators, 0 as OperatorIndex, keys[0]?.revealBytes() ?? new Uint8Array(0));
  const meter = new ObservedMeter();
  const needs = { log: silent, meter, now: () => 0 };
  const inbound = new Inbound({
    ...needs,
    roster,
    violations: new Violations({ ...needs, onExcess: () => {} }),
  });
  const half = RECEIVING_BYTES_MAX_PER_PEER / 4;
  inbound.register(protocol, { ...limits, messageBytesMax: 2 * half }, () => undefined, { relaysToo: false });
  const connection = { remotePeer: roster.peers[0]?.peerId } as unknown as Connection;
  const message = frame(new Uint8Array(2 * half)).subarray();
  const streams = Array.from({ length: 5 }, () => new HalfStream());
  const served = streams.map((stream) => inbound.serve(protocol, stream as unknown as Stream, connection));
  for (const stream of streams) stream.deliver(message.subarray(0, half));
  await served[4];
  assert.equal(meter.value(violations, { peer: "operator-1", reason: "memory" }), 1);
  assert.deepEqual(
    streams.map(({ status }) => status),
    ["open", "open", "open", "open", "aborted"],
  );
  // What was given up is free again.
  streams[0]?.deliver(message.subarray(half));
  await served[0];
  for (const stream of streams.slice(1, 4)) stream.leave();
  await Promise.all(served);
});

test("a flooding peer is put out, and nobody else notices", async (t) => {
  holdSteadyTime(t); // The flood and its punishment fall into one window, and no rate recovers.
  const keys = [newKey(), newKey(), newKey()];
  const node = testNode(keys, 0);
  const heard = new Set<number>();
  node.p2p.transport.handle(
    protocol,
    { ...limits, messagesPerSecondMax: 500, burstMax: 500 },
    (from, message) => {
      if (from === 2) heard.add(message[0] ?? -1);
      return undefined;
    },
  );
  node.p2p.transport.handle(`${protocol}/narrow`, { ...limits, burstMax: 1 }, () => undefined);
  await node.p2p.start();
  const address = node.p2p.listenAddresses()[0] ?? "";
  const honest = testNode(keys, 2, { listen: [], peers: [address] });
  await honest.p2p.start();
  const hostile = await hostilePeer(keys[1] as never, address);
  const gone = once(hostile.connection, "close");
  try {
    await connected(honest, node);
    const flood = (async (): Promise<void> => {
      for (let i = 0; i < 5 * VIOLATIONS_MAX_PER_WINDOW && hostile.connection.status === "open"; i++) {
        const stream = await hostile.open(`${protocol}/narrow`).catch(() => undefined);
        if (stream?.status === "open") stream.send(frame(Uint8Array.of(1)));
        else await new Promise((resolve) => setImmediate(resolve)); // Lets the socket speak.
      }
    })();
    for (let i = 0; i < 100; i++)
      await honest.p2p.transport.send(0 as OperatorIndex, protocol, Uint8Array.of(i));
    await flood;
    assert.notEqual(hostile.connection.status, "open", "who floods on and on is still here");
    await gone;
    assert.ok(node.meter.value(violations, { peer: "operator-1" }) > VIOLATIONS_MAX_PER_WINDOW);
    assert.equal(node.meter.value(violations, { peer: "operator-2" }), 0);
    await node.meter.reached("p2p_peer_network_receive_bytes_total", { peer: "operator-2", protocol }, 100);
    assert.equal(heard.size, 100);
    assert.deepEqual(node.p2p.transport.connected(), [2]);
    await assert.rejects(
      hostilePeer(keys[1] as never, address).then(({ open }) => open(protocol)),
      "a peer that was put out came straight back",
    );
  } finally {
    await Promise.all([hostile.stop(), honest.p2p.stop(), node.p2p.stop()]);
  }
});
