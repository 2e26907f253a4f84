import assert from "node:assert/strict";
import { test } from "node:test";
import { IDENTIFY_BURST_MAX } from "./limits.ts";
import { startRelayServer } from "./relay-server.ts";
import { type HostilePeer, hostilePeer } from "./testing/hostile-peer.ts";
import { holdSteadyTime, newKey, testNode } from "./testing/hosts.ts";

/** How many of a dozen questions who it is somebody answers. */
async function answered(peer: HostilePeer): Promise<number> {
  let answers = 0;
  for (let i = 0; i < 12; i++) {
    const stream = await peer.open("/ipfs/id/1.0.0").catch(() => undefined); // It may be reset by now.
    if (stream === undefined) continue;
    let bytes = 0;
    stream.addEventListener("message", ({ data }) => void (bytes += data.byteLength));
    await new Promise<void>((resolve) => {
      stream.addEventListener("remoteCloseWrite", () => resolve());
      stream.addEventListener("close", () => resolve());
      if (stream.status !== "open" || stream.remoteWriteStatus === "closed") resolve();
    });
    await stream.close().catch(() => {});
    await peer.ping(); // What came is delivered by then, and the stream is gone at the other end.
    if (bytes > 0) answers++;
  }
  return answers;
}

test("who asks without end who we are is answered so often on a connection, and counted", async (t) => {
  holdSteadyTime(t);
  const keys = [newKey(), newKey()];
  const node = testNode(keys, 0);
  await node.p2p.start();
  const peer = await hostilePeer(keys[1] as never, node.p2p.listenAddresses()[0] ?? "");
  try {
    assert.equal(await answered(peer), IDENTIFY_BURST_MAX);
    const refused = { reason: "rate", protocol: "/ipfs/id/1.0.0" };
    assert.equal(node.meter.value("trireme_p2p_violations_total", refused), 12 - IDENTIFY_BURST_MAX);
    assert.equal(peer.connection.status, "open");
  } finally {
    await Promise.all([peer.stop(), node.p2p.stop()]);
  }
});

test("so it is at our relay", async (t) => {
  holdSteadyTime(t);
  const relay = await startRelayServer({
    privateKey: newKey().revealBytes(),
    listen: ["127.0.0.1:0"],
    announce: [],
    tellPrivate: true,
    connectionsMax: 10,
    connectionsPerHostMax: 10,
    agent: "test",
  });
  const peer = await hostilePeer(newKey(), relay.addresses()[0] ?? "");
  try {
    assert.equal(await answered(peer), IDENTIFY_BURST_MAX);
  } finally {
    await peer.stop();
    await relay.stop();
  }
});
