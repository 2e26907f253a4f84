import assert from "node:assert/strict";
import { test } from "node:test";
import { type Logger, type ProtocolLimits, silent, type Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { Backoff } from "./backoff.ts";
import { P2pError } from "./errors.ts";
import { frame } from "./framing.ts";
import {
  DIAL_BACKOFF_FACTOR,
  DIAL_BACKOFF_FIRST_MS,
  DIAL_BACKOFF_MAX_MS,
  PING_TIMEOUT_MS,
  SEND_TIMEOUT_MS,
} from "./limits.ts";
import { hostilePeer } from "./testing/hostile-peer.ts";
import { connected, keptHost, newKey, pair, testNode, until, withoutLimits } from "./testing/hosts.ts";
import { memoryAddressBook } from "./testing/memory-address-book.ts";

const protocol = "/trireme/test/1.0.0";
const limits: ProtocolLimits = {
  messageBytesMax: 32 * 1024 * 1024,
  messagesPerSecondMax: 100,
  burstMax: 100,
  receiveTimeoutMs: 5_000,
};
const [zero, one, two] = [0, 1, 2] as OperatorIndex[] as [OperatorIndex, OperatorIndex, OperatorIndex];
const because = (reason: string) => (error: unknown) =>
  error instanceof P2pError && error.code === "p2p/unreachable" && error.facts["reason"] === reason;

test("operators find each other by address, send, request, and know who spoke", async () => {
  const heard = Promise.withResolvers<[number, Uint8Array]>();
  await pair(
    {
      a: (transport) =>
        transport.handle(protocol, limits, (from, message) => {
          heard.resolve([from, message]);
          return undefined;
        }),
      b: (transport) =>
        transport.handle(`${protocol}/ask`, limits, (from, message) => Uint8Array.of(from, ...message)),
    },
    async (a, b) => {
      await b.p2p.transport.send(zero, protocol, Uint8Array.of(1, 2, 3));
      assert.deepEqual(await heard.promise, [1, Uint8Array.of(1, 2, 3)]);
      assert.deepEqual(
        await a.p2p.transport.request(one, `${protocol}/ask`, Uint8Array.of(9)),
        Uint8Array.of(0, 9),
      );
      assert.deepEqual(a.p2p.transport.connected(), [1]);
    },
  );
});

test("empty messages and messages of 30 MB pass both ways", async (t) => {
  withoutLimits(t, SEND_TIMEOUT_MS, PING_TIMEOUT_MS);
  const patient = { ...limits, receiveTimeoutMs: 600_000 };
  const echo = (transport: Transport): void => transport.handle(protocol, patient, (_, message) => message);
  await pair({ a: echo }, async (_, b) => {
    assert.equal((await b.p2p.transport.request(zero, protocol, new Uint8Array(0))).length, 0);
    const pattern = Uint8Array.from({ length: 251 }, (_, i) => i);
    const large = new Uint8Array(Buffer.alloc(30 * 1024 * 1024, pattern));
    const answer = await b.p2p.transport.request(zero, protocol, large);
    assert.ok(Buffer.compare(answer, large) === 0);
  });
});

test("a protocol that the peer does not know is unreachable with that reason", async () => {
  await pair({}, async (_, b) => {
    await assert.rejects(
      b.p2p.transport.request(zero, protocol, Uint8Array.of(1)),
      because("protocol-unknown"),
    );
    // A refusal comes back after a one-way message has left; from then on sending waits for consent.
    let outcome: unknown;
    while (outcome === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      outcome = await b.p2p.transport
        .send(zero, "/other/1.0.0", Uint8Array.of(1))
        .catch((error: unknown) => error);
    }
    assert.ok(because("protocol-unknown")(outcome));
  });
});

test("an operator without a connection is unreachable at once", async () => {
  const lonely = testNode([newKey(), newKey()], 0);
  await lonely.p2p.start();
  try {
    await assert.rejects(
      lonely.p2p.transport.send(one, protocol, Uint8Array.of(1)),
      because("not-connected"),
    );
    assert.deepEqual(lonely.p2p.transport.connected(), []);
  } finally {
    await lonely.p2p.stop();
  }
});

test("a stranger gets in neither by dialling us nor by being dialled", async () => {
  const [ours, peer, strange] = [newKey(), newKey(), newKey()];
  const node = testNode([ours, peer], 0);
  await node.p2p.start();
  // The stranger believes in a cluster of itself and us; it answers at an address that we take for our peer's.
  const stranger = testNode([ours, strange], 1, { peers: node.p2p.listenAddresses() });
  await stranger.p2p.start();
  const misled = testNode([peer, ours, strange], 0, {
    peers: stranger.p2p.listenAddresses(),
  });
  await misled.p2p.start();
  try {
    await node.meter.reached("trireme_p2p_violations_total", { peer: "stranger", reason: "not-an-operator" });
    await stranger.meter.reached("trireme_p2p_violations_total", { peer: "stranger" });
    assert.deepEqual(node.p2p.transport.connected(), []);
    assert.deepEqual(
      stranger.p2p.transport.connected(),
      [],
      "an open connection that nobody answers on counts as connected",
    );
    assert.equal(misled.p2p.transport.connected().includes(two), false);
  } finally {
    await Promise.all([node, stranger, misled].map(({ p2p }) => p2p.stop()));
  }
});

test("a peer that comes back on its port is connected again, and its address outlives our restart", async () => {
  const keys = [newKey(), newKey()];
  const addressBook = memoryAddressBook();
  const first = testNode(keys, 0, { listen: [`${keptHost}:0`] });
  await first.p2p.start();
  const port = /tcp\/(\d+)/.exec(first.p2p.listenAddresses()[0] ?? "")?.[1];
  const other = testNode(keys, 1, { listen: [], peers: first.p2p.listenAddresses(), addressBook });
  await other.p2p.start();
  await connected(other, first);
  await first.p2p.stop();

  const again = testNode(keys, 0, { listen: [`${keptHost}:${port}`] });
  await again.p2p.start();
  await connected(again, other);
  await other.p2p.stop();

  const restarted = testNode(keys, 1, { listen: [], addressBook }); // No configured peers: only the book knows.
  await restarted.p2p.start();
  await connected(restarted, again);
  await Promise.all([again.p2p.stop(), restarted.p2p.stop()]);
});

test("when one peer is back the others that are away are dialled at once, however long the wait for them is", async (t) => {
  const random = (): number => 0.75;
  const backoff = new Backoff(
    { firstMs: DIAL_BACKOFF_FIRST_MS, factor: DIAL_BACKOFF_FACTOR, maxMs: DIAL_BACKOFF_MAX_MS },
    random,
  );
  withoutLimits(t, ...Array.from({ length: 20 }, () => backoff.next())); // Each such wait is for ever.
  const keys = [newKey(), newKey(), newKey()];
  const before = testNode(keys, 2, { listen: [`${keptHost}:0`] });
  await before.p2p.start();
  const [address = ""] = before.p2p.listenAddresses();
  await before.p2p.stop();

  const failed = Promise.withResolvers<void>();
  const note = (message: string): void => {
    if (message === "Peer not reached; trying again") failed.resolve();
  };
  const log: Logger = { ...silent, info: note, room: () => log };
  const node = testNode(keys, 0, { peers: [address], log, random });
  await node.p2p.start();
  await failed.promise;
  const away = testNode(keys, 2, { listen: [`${keptHost}:${/tcp\/(\d+)/.exec(address)?.[1]}`] });
  await away.p2p.start();
  const back = testNode(keys, 1, { listen: [], peers: node.p2p.listenAddresses() });
  await back.p2p.start();
  await Promise.all([connected(node, back), connected(node, away)]);
  await Promise.all([node, away, back].map(({ p2p }) => p2p.stop()));
});

test("peers introduce themselves: version, nickname, client, clock", async () => {
  const startedAt = performance.now();
  await pair({}, async (a, b) => {
    await a.meter.reached("app_peerinfo_version", { peer: "operator-1", version: "v0.0.1" });
    await b.meter.reached("app_peerinfo_nickname", { peer: "operator-0", peer_nickname: "node0" });
    const [status] = a.p2p.peers();
    assert.equal(status?.nickname, "node1");
    assert.equal(status?.client, "trireme");
    assert.equal(status?.path, "direct");
    // The one machine's clock is as far off as an exchange may have taken, and silence as long as the test.
    const elapsedMs = performance.now() - startedAt;
    assert.ok(Math.abs(status?.clockOffsetMs ?? Number.NaN) < 1_000 + elapsedMs);
    assert.equal(status?.sameLock, true);
    assert.ok((status?.silentMs ?? Number.NaN) <= elapsedMs);
  });
});

test("a key that is not ours, or two operators with one key, is refused before anything is opened", () => {
  const [a, b] = [newKey(), newKey()];
  const badOption = (error: unknown): boolean => error instanceof P2pError && error.code === "p2p/bad-option";
  assert.throws(() => testNode([a, b], 0, { privateKey: b.revealBytes() }), badOption);
  assert.throws(() => testNode([a, a], 0), badOption);
  assert.throws(() => testNode([a, b], 0, { listen: ["nonsense"] }), badOption);
  assert.throws(() => testNode([a, b], 0, { peers: ["/ip4/1.2.3.4/tcp/1"] }), badOption);
  assert.throws(() => testNode([a, b], 0, { relays: ["ftp://x"] }), badOption);
});

// charon#4626: streams of finished and of failed exchanges were left open.
test("whatever becomes of an exchange, its stream is gone afterwards", async () => {
  const keys = [newKey(), newKey()];
  const node = testNode(keys, 0);
  const { transport } = node.p2p;
  transport.handle(protocol, limits, (_, message) => {
    if (message[0] === 1) throw new Error("rubbish");
    return message;
  });
  await node.p2p.start();
  const address = node.p2p.listenAddresses()[0] ?? "";
  const peer = await hostilePeer(keys[1] as never, address, { [protocol]: Uint8Array.of(7) });
  try {
    await until(() => transport.connected().includes(one));
    for (let i = 0; i < 8; i++) {
      await transport.request(one, protocol, Uint8Array.of(0));
      await transport.send(one, protocol, Uint8Array.of(0));
      await assert.rejects(transport.request(one, "/nobody/1.0.0", Uint8Array.of(1)));
      const gone = new AbortController();
      const aborted = transport.request(one, protocol, new Uint8Array(5_000_000), gone.signal);
      gone.abort(new Error("no longer wanted"));
      await assert.rejects(aborted);
      for (const said of [0, 1]) {
        const stream = await peer.open(protocol);
        stream.send(frame(Uint8Array.of(said)));
      }
    }
    // Identify and pings may be under way; a leak would be eight.
    await until(() => peer.connection.streams.length <= 4);
    assert.equal(peer.connection.status, "open");
  } finally {
    await Promise.all([peer.stop(), node.p2p.stop()]);
  }
});

// charon#4625, #4642: answers were read whole, whatever their size.
test("an answer that is larger than its protocol allows is refused by its length", async () => {
  const narrow = { ...limits, messageBytesMax: 1_000 };
  await pair(
    {
      a: (transport) => transport.handle(protocol, limits, () => new Uint8Array(1_001)),
      b: (transport) => transport.handle(protocol, narrow, () => undefined),
    },
    async (_, b) => {
      await assert.rejects(b.p2p.transport.request(zero, protocol, Uint8Array.of(1)), because("too-large"));
    },
  );
});
