import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { Stream, StreamMuxer } from "@libp2p/interface";
import { HANDSHAKE_ANSWERS_MAX, NEGOTIATION_ANSWERS_MAX } from "./limits.ts";
import { hostilePeer } from "./testing/hostile-peer.ts";
import { newKey, testNode } from "./testing/hosts.ts";

const hello = Buffer.from("\x13/multistream/1.0.0\n");
/** Proposals of a protocol that nobody has, each of which is answered with "na". */
const proposals = Buffer.concat([hello, Buffer.from("\x02x\n".repeat(20_000))]);
const answersMax = (count: number): number => hello.length + (count - 1) * "\x03na\n".length;

test("a stranger who proposes protocol after protocol is answered so often, and then cut off", async () => {
  const node = testNode([newKey(), newKey()], 0);
  await node.p2p.start();
  try {
    const port = Number(/tcp\/(\d+)/.exec(node.p2p.listenAddresses()[0] ?? "")?.[1]);
    const socket = connect(port, "127.0.0.1");
    let answered = 0;
    socket.on("data", ({ length }) => void (answered += length));
    socket.on("error", () => {}); // It is reset.
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.write(proposals);
    await ended;
    assert.ok(answered <= answersMax(HANDSHAKE_ANSWERS_MAX), `${answered} bytes of answers`);
    assert.equal(node.meter.value("trireme_p2p_violations_total", { reason: "handshake" }), 1);
  } finally {
    await node.p2p.stop();
  }
});

test("so is an operator on a stream of its own, which loses that stream and no more", async () => {
  const keys = [newKey(), newKey()];
  const node = testNode(keys, 0);
  await node.p2p.start();
  const peer = await hostilePeer(keys[1] as never, node.p2p.listenAddresses()[0] ?? "");
  try {
    const { muxer } = peer.connection as unknown as { muxer: StreamMuxer };
    const stream: Stream = await muxer.createStream();
    let answered = 0;
    stream.addEventListener("message", ({ data }) => void (answered += data.byteLength));
    const ended = once(stream, "close");
    stream.send(new Uint8Array(proposals));
    await ended;
    assert.equal(stream.status, "reset");
    assert.ok(answered <= answersMax(NEGOTIATION_ANSWERS_MAX), `${answered} bytes of answers`);
    assert.equal(node.meter.value("trireme_p2p_violations_total", { reason: "no-protocol" }), 1);
    for (let i = 0; i < 2 * NEGOTIATION_ANSWERS_MAX; i++) await peer.ping(); // On one that has its protocol.
  } finally {
    await Promise.all([peer.stop(), node.p2p.stop()]);
  }
});
