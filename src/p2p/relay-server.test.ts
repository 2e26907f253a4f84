import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { PeerId, Stream } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { explain } from "../base/index.ts";
import { encodeEnr } from "../cluster/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { P2pError } from "./errors.ts";
import { frame, readFrame } from "./framing.ts";
import { CIRCUIT_WISH_BYTES_MAX } from "./limits.ts";
import {
  forgetStrangers,
  type RelayServer,
  type RelayServerOptions,
  startRelayServer,
} from "./relay-server.ts";
import { type HostilePeer, hostilePeer } from "./testing/hostile-peer.ts";
import { HOP, STOP } from "./testing/hostile-relay.ts";
import { connected, newKey, testNode, until } from "./testing/hosts.ts";
import { relayServer } from "./testing/relay-server.ts";

const protocol = "/trireme/test/1.0.0";
const limits = {
  messageBytesMax: 100_000,
  messagesPerSecondMax: 100,
  burstMax: 100,
  receiveTimeoutMs: 5_000,
};

const relayWith = (more: Partial<RelayServerOptions> = {}): Promise<RelayServer> =>
  startRelayServer({
    privateKey: newKey().revealBytes(),
    listen: ["127.0.0.1:0"],
    announce: [],
    tellPrivate: true,
    connectionsMax: 100,
    connectionsPerHostMax: 100,
    agent: "test",
    ...more,
  });

/** Two operators that have nothing but the relay speak through it. */
async function relays(relay: RelayServer, as: readonly string[] = relay.addresses()): Promise<void> {
  const keys = [newKey(), newKey()];
  const [a, b] = [0, 1].map((i) => testNode(keys, i, { listen: [], relays: as }));
  assert.ok(a !== undefined && b !== undefined);
  b.p2p.transport.handle(protocol, limits, (_, message) => message);
  try {
    await a.p2p.start();
    await b.p2p.start();
    await Promise.all([connected(a, b), connected(b, a)]);
    assert.deepEqual(
      await a.p2p.transport.request(1 as OperatorIndex, protocol, Uint8Array.of(1)),
      Uint8Array.of(1),
    );
    assert.equal(relay.status().reservations >= 2, true);
  } finally {
    await Promise.all([a.p2p.stop(), b.p2p.stop()]);
  }
}

test("two operators that cannot be reached meet at our relay", async () => {
  const relay = await relayWith();
  try {
    await relays(relay);
  } finally {
    await relay.stop();
  }
});

test("a relay may be given as ENR", async () => {
  const key = newKey();
  const relay = await relayWith({ privateKey: key.revealBytes() });
  const port = Number(/tcp\/(\d+)/.exec(relay.addresses()[0] ?? "")?.[1]);
  try {
    await relays(relay, [encodeEnr(key, { ip: Uint8Array.of(127, 0, 0, 1), tcpPort: port })]);
  } finally {
    await relay.stop();
  }
});

test("nodes are told public addresses first, private ones only when asked to, and what the operator says in any case", async () => {
  const announce = ["10.1.2.3:3610", "1.2.3.4:3610"];
  const shy = await relayWith({ tellPrivate: false, announce });
  const open = await relayWith({ announce });
  try {
    const suffix = `/p2p/${shy.peerId}`;
    assert.deepEqual(shy.addresses(), [`/ip4/1.2.3.4/tcp/3610${suffix}`, `/ip4/10.1.2.3/tcp/3610${suffix}`]);
    assert.equal(open.addresses().length, 3);
    assert.match(open.addresses()[2] ?? "", /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//);
  } finally {
    await Promise.all([shy.stop(), open.stop()]);
  }
});

test("a port that is taken, and an address that is none, are told in words", async () => {
  const relay = await relayWith();
  const port = /tcp\/(\d+)/.exec(relay.addresses()[0] ?? "")?.[1];
  try {
    await assert.rejects(relayWith({ listen: [`127.0.0.1:${port}`] }), (error) => {
      assert.ok(error instanceof P2pError);
      assert.match(explain(error), /^listen for [a-z ]+: address already in use 127\.0\.0\.1:\d+$/);
      return error.code === "p2p/listen-failed";
    });
    await assert.rejects(relayWith({ listen: ["nowhere"] }), (error) => {
      assert.ok(error instanceof P2pError);
      return error.code === "p2p/bad-option";
    });
  } finally {
    await relay.stop();
  }
});

test("one address can hold only so many connections, and what it gives back is free again", async () => {
  const relay = await relayWith({ connectionsPerHostMax: 3 });
  const dial = (): Promise<HostilePeer> => hostilePeer(newKey(), relay.addresses()[0] ?? "");
  try {
    const held = [await dial(), await dial(), await dial()];
    await assert.rejects(dial());
    assert.ok(held.every(({ connection }) => connection.status === "open"));
    for (const { stop } of held) await stop();
    await relays(relay);
  } finally {
    await relay.stop();
  }
});

test("peers that send rubbish, ask for circuits to nobody, or hold streams open stop nothing", async () => {
  const relay = await relayWith();
  const peer = await hostilePeer(newKey(), relay.addresses()[0] ?? "");
  try {
    const streams: Stream[] = [];
    // A length and rubbish; a length that is never filled; CONNECT to a peer without a place; nothing at all.
    const openings = [
      [3, 7, 7, 7],
      [200, 1, 8],
      [2, 8, 1],
      [],
      [0],
      Array.from({ length: 5_000 }, () => 255),
    ];
    for (let i = 0; i < 60; i++) {
      const stream = await peer.open(HOP);
      const bytes = openings[i % openings.length] ?? [];
      if (bytes.length > 0 && stream.status === "open") stream.send(Uint8Array.from(bytes));
      streams.push(stream);
    }
    await relays(relay);
    for (const stream of streams) stream.abort(new Error("enough"));
    await relays(relay);
  } finally {
    await peer.stop();
    await relay.stop();
  }
});

/** As many round trips as it takes until a stream is over; false when after a hundred it is not. */
async function endsSoon(stream: Stream, roundTrip: () => Promise<unknown>): Promise<boolean> {
  for (let i = 0; i < 100 && stream.status === "open"; i++) await roundTrip();
  return stream.status !== "open";
}

/** A varint of 1,000,000, and more bytes than any wish has. */
const endlessWish = (): Uint8Array =>
  Uint8Array.of(0xc0, 0x84, 0x3d, ...new Uint8Array(2 * CIRCUIT_WISH_BYTES_MAX));

test("a wish for a circuit that never ends is not kept, and the next one is served", async () => {
  const relay = await relayWith();
  const peer = await hostilePeer(newKey(), relay.addresses()[0] ?? "");
  try {
    const stream = await peer.open(HOP);
    stream.send(endlessWish());
    assert.ok(await endsSoon(stream, () => peer.ping()));
    await relays(relay);
  } finally {
    await peer.stop();
    await relay.stop();
  }
});

/** Two peers with a way to the relay; the second has a place there, and `circuit` opens one from the first to it. */
async function atRelay(relay: RelayServer) {
  const keys = [newKey(), newKey()] as const;
  const [from, to] = await Promise.all(keys.map((key) => hostilePeer(key, relay.addresses()[0] ?? "")));
  assert.ok(from !== undefined && to !== undefined);
  const asked: Stream[] = [];
  await to.handle(STOP, (stream) => void asked.push(stream));
  const slot = await to.open(HOP);
  const answer = readFrame(slot, { bytesMax: 1_000, signal: new AbortController().signal });
  slot.send(frame(Uint8Array.of(0x08, 0)));
  await answer;
  const id = peerIdFromPrivateKey(privateKeyFromRaw(keys[1].revealBytes())).toMultihash().bytes;
  const wish = async (): Promise<{ readonly near: Stream; readonly far: Stream }> => {
    const before = asked.length;
    const near = await from.open(HOP);
    // HopMessage{type: CONNECT, peer: {id}}
    near.send(frame(Uint8Array.of(0x08, 1, 0x12, id.length + 2, 0x0a, id.length, ...id)));
    await until(() => asked.length > before);
    return { near, far: asked[before] as Stream };
  };
  return { from, to, wish, stop: () => Promise.all([from.stop(), to.stop()]) };
}

test("nor is the answer of a peer that a circuit shall lead to", async () => {
  const relay = await relayWith();
  const { to, wish, stop } = await atRelay(relay);
  try {
    const { far } = await wish();
    far.send(endlessWish());
    assert.ok(await endsSoon(far, () => to.ping()));
  } finally {
    await stop();
    await relay.stop();
  }
});

test("of what one end of a circuit sends a relay takes no more than a little before the other reads, and then all of it", async () => {
  const relay = await relayWith();
  const { from, to, wish, stop } = await atRelay(relay);
  try {
    const { near, far } = await wish();
    const agreed = readFrame(near, { bytesMax: 1_000, signal: new AbortController().signal });
    far.pause(); // Gives the relay no leave to send more than it has.
    far.send(frame(Uint8Array.of(0x08, 1, 0x20, 100))); // StopMessage{type: STATUS, status: OK}
    await agreed;
    const bytes = 24 * 1024 * 1024;
    near.send(new Uint8Array(bytes));
    for (let i = 0; i < 50; i++) await Promise.all([from.ping(), to.ping()]);
    assert.ok(near.writeBufferLength > bytes / 2, `${near.writeBufferLength} bytes have not left`);
    let read = 0;
    far.addEventListener("message", ({ data }) => void (read += data.byteLength));
    far.resume();
    await until(() => read >= bytes || far.status !== "open");
    assert.equal(far.status, "open");
  } finally {
    await stop();
    await relay.stop();
  }
});

test("what strangers said of themselves is forgotten when they are gone", async () => {
  const relay = await relayServer();
  const peers = await Promise.all(
    [newKey(), newKey()].map((key) => hostilePeer(key, relay.getMultiaddrs()[0]?.toString() ?? "")),
  );
  const isHere = (id: PeerId): boolean => relay.getConnections(id).length > 0;
  try {
    for (const peer of peers) await peer.ping(); // A stream is noted in the store.
    await forgetStrangers(relay.peerStore, isHere);
    assert.equal((await relay.peerStore.all()).length, 2);
    await peers[0]?.stop();
    while (relay.getConnections().length > 1) await once(relay, "connection:close");
    await forgetStrangers(relay.peerStore, isHere);
    assert.equal((await relay.peerStore.all()).length, 1);
  } finally {
    await peers[1]?.stop();
    await relay.stop();
  }
});

test("a stranger who announces a frame of gigabytes is cut off, and the relay serves on", async () => {
  const relay = await relayWith();
  const peer = await hostilePeer(newKey(), relay.addresses()[0] ?? "");
  try {
    const ended = new Promise((resolve) => peer.connection.addEventListener("close", resolve));
    peer.write(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff));
    await ended;
    await relays(relay);
  } finally {
    await peer.stop();
    await relay.stop();
  }
});
