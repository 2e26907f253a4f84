import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Channel } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { CHANNEL_UNREAD_BYTES_MAX, CHANNELS_MAX_PER_PEER } from "./limits.ts";
import { connected, newKey, pair, type TestNode, testNode } from "./testing/hosts.ts";

const PROTOCOL = "/test/channel/1";
const never = new AbortController().signal;
const a = 0 as OperatorIndex;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Two nodes of which the first answers each piece with its length and the sum of its bytes. */
async function withEcho(
  take: (channel: Channel) => Promise<void>,
  use: (from: TestNode, to: TestNode) => Promise<void>,
): Promise<void> {
  const keys = [newKey(), newKey()];
  const server = testNode(keys, 0);
  server.p2p.channels.serve(PROTOCOL, take);
  await server.p2p.start();
  const client = testNode(keys, 1, { peers: server.p2p.listenAddresses() });
  try {
    await client.p2p.start();
    await Promise.all([connected(client, server), connected(server, client)]);
    await use(client, server);
  } finally {
    await Promise.all([client.p2p.stop(), server.p2p.stop()]);
  }
}

test("a channel carries pieces both ways for as long as both want, and its end shows on the other side", async () => {
  const ended = new EventTarget();
  const over = once(ended, "end");
  await withEcho(
    async (channel) => {
      assert.equal(channel.peer, 1);
      for (let piece = await channel.read(never); piece !== undefined; piece = await channel.read(never))
        channel.send(bytes(piece.length, ...piece.toReversed()));
      ended.dispatchEvent(new Event("end"));
    },
    async (client) => {
      const channel = await client.p2p.channels.open(a, PROTOCOL, never);
      for (let i = 1; i <= 20; i++) {
        channel.send(bytes(i, 7));
        assert.deepEqual(await channel.read(never), bytes(2, 7, i));
      }
      channel.close();
      await over;
      assert.equal(await channel.read(never), undefined);
    },
  );
});

test("a channel of a protocol that the peer does not know ends", async () => {
  await pair({}, async (_, from) => {
    const channel = await from.p2p.channels.open(a, PROTOCOL, never);
    channel.send(bytes(1));
    assert.equal(await channel.read(never), undefined);
  });
});

test("a peer that sends what nobody reads loses its channel, and one that opens too many gets no more", async () => {
  const waiting = new AbortController();
  await withEcho(
    (channel) =>
      new Promise((resolve) => waiting.signal.addEventListener("abort", () => resolve(channel.close()))),
    async (client, server) => {
      const flood = await client.p2p.channels.open(a, PROTOCOL, never);
      const piece = new Uint8Array(32 * 1024);
      for (let sent = 0; sent <= 2 * CHANNEL_UNREAD_BYTES_MAX; sent += piece.length) flood.send(piece);
      assert.equal(await flood.read(never), undefined);

      for (let i = 0; i < CHANNELS_MAX_PER_PEER; i++)
        (await client.p2p.channels.open(a, PROTOCOL, never)).send(bytes(1));
      await server.meter.reached("trireme_p2p_violations_total", {
        peer: "operator-1",
        reason: "concurrency",
      });
      waiting.abort();
    },
  );
});

test("reading a channel stops when the signal fires", async () => {
  await withEcho(
    async (channel) => void (await channel.read(never)),
    async (client) => {
      const channel = await client.p2p.channels.open(a, PROTOCOL, never);
      const stop = new AbortController();
      const reading = channel.read(stop.signal);
      stop.abort(new Error("enough"));
      await assert.rejects(reading, /enough/);
      channel.close();
    },
  );
});
