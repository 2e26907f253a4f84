import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { silent, unmetered } from "../ports/index.ts";
import { PING_BYTES, PING_PROTOCOL } from "./heartbeat.ts";
import { PINGS_BURST_MAX } from "./limits.ts";
import { PingServer } from "./ping-server.ts";
import { type HostilePeer, hostilePeer } from "./testing/hostile-peer.ts";
import { holdSteadyTime, newKey, type TestNode, testNode } from "./testing/hosts.ts";
import { fakeLinks } from "./testing/links.ts";
import { Violations } from "./violations.ts";

async function pinged(use: (node: TestNode, peer: HostilePeer) => Promise<void>): Promise<void> {
  const keys = [newKey(), newKey()];
  const node = testNode(keys, 0);
  await node.p2p.start();
  const peer = await hostilePeer(keys[1] as never, node.p2p.listenAddresses()[0] ?? "");
  try {
    await use(node, peer);
  } finally {
    await Promise.all([peer.stop(), node.p2p.stop()]);
  }
}

test("pings are answered with what they say, in whatever pieces they come, until the peer ends the stream", async () => {
  await pinged(async (_, peer) => {
    const stream = await peer.open(PING_PROTOCOL);
    const closed = once(stream, "close");
    const sent = Uint8Array.from({ length: 96 }, (_item, i) => i);
    const received: Uint8Array[] = [];
    const all = Promise.withResolvers<void>();
    stream.addEventListener("message", ({ data }) => {
      received.push(data.subarray());
      if (Buffer.concat(received).length === sent.length) all.resolve();
    });
    for (const piece of [sent.subarray(0, 5), sent.subarray(5, 70), sent.subarray(70)]) stream.send(piece);
    await all.promise;
    assert.deepEqual(new Uint8Array(Buffer.concat(received)), sent);
    await stream.close();
    await closed;
  });
});

// A recorder beside Charon died of this: what throws in a listener of a stream ends the process.
test("pings that arrive when the stream is already over on our side are let go", async () => {
  const { roster } = fakeLinks();
  const violations = new Violations({ log: silent, meter: unmetered, now: () => 0, onExcess: () => {} });
  const pings = new PingServer({ roster, violations, now: () => 0, streamMaxMs: 1 });
  const ping = Object.assign(new Event("message"), { data: new Uint8Array(PING_BYTES) });
  let sent = 0;
  const stream = Object.assign(new EventTarget(), {
    status: "open",
    writeStatus: "writable",
    remoteWriteStatus: "writable",
    readBufferLength: 0,
    send: () => {
      if (stream.writeStatus !== "writable") throw new Error("Cannot write to a stream that is closed");
      sent++;
    },
    close: () => {
      stream.writeStatus = "closed";
      stream.dispatchEvent(ping);
      return Promise.resolve();
    },
    closeRead: () => Promise.resolve(),
    abort: () => stream.dispatchEvent(new Event("close")),
  });
  const connection = { remotePeer: roster.peers[0]?.peerId } as unknown as Connection;
  const served = pings.serve(stream as unknown as Stream, connection);
  stream.dispatchEvent(ping);
  stream.writeStatus = "closing";
  stream.dispatchEvent(ping);
  await served;
  stream.dispatchEvent(ping);
  assert.equal(sent, 1);
  stream.abort();
});

test("who pings without end is answered so often, counted, and loses the stream", async (t) => {
  holdSteadyTime(t);
  await pinged(async (node, peer) => {
    const stream = await peer.open(PING_PROTOCOL);
    const closed = once(stream, "close");
    let answered = 0;
    stream.addEventListener("message", ({ data }) => {
      answered += data.byteLength;
    });
    stream.send(new Uint8Array(1024 * 1024));
    await node.meter.reached("trireme_p2p_violations_total", {
      peer: "operator-1",
      reason: "rate",
      protocol: PING_PROTOCOL,
    });
    await closed;
    assert.ok(answered <= PING_BYTES * PINGS_BURST_MAX, `${answered} bytes came back`);
  });
});
