import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { present } from "../base/index.ts";
import { NodeKey } from "../crypto/index.ts";
import { type Clock, type ProtocolLimits, silent, unmetered } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { createP2p, noAddressBook, type P2p } from "./index.ts";

const clock: Clock = {
  now: () => Date.now(),
  at: (at, action) => {
    const timer = setTimeout(action, Math.max(0, at - Date.now()));
    return () => clearTimeout(timer);
  },
};
const limits: ProtocolLimits = {
  messageBytesMax: 200_000,
  messagesPerSecondMax: 1_000,
  burstMax: 1_000,
  receiveTimeoutMs: 2_000,
};
const PROTOCOL = "/charon/test/1.0.0";

const drawKeys = (count: number): NodeKey[] =>
  Array.from({ length: count }, () => NodeKey.fromBytes(randomBytes(32)));

async function makeNode(
  keys: readonly NodeKey[],
  self: number,
  peers: readonly string[],
  more: { key?: NodeKey; listen?: string; prepare?: (node: P2p) => void } = {},
): Promise<P2p> {
  const node = await createP2p({
    privateKey: (more.key ?? present(keys[self], "key")).revealBytes(),
    self: self as OperatorIndex,
    publicKeys: keys.map((key) => key.publicKey),
    lockHash: new Uint8Array(32),
    listen: [more.listen ?? "127.0.0.1:0"],
    announce: [],
    peers,
    relays: [],
    addressBook: noAddressBook,
    version: "v0.0.0",
    nickname: `n${self}`,
    builderEnabled: false,
    clock,
    jitter: () => 0.5,
    log: silent,
    meter: unmetered,
  });
  more.prepare?.(node);
  await node.start();
  return node;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 15_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("peers connect, exchange messages of any size, answer requests, and learn about each other", async () => {
  const keys = drawKeys(2);
  const received: Uint8Array[] = [];
  const a = await makeNode(keys, 0, [], {
    prepare: (node) =>
      node.transport.handle(PROTOCOL, limits, (from, message) => {
        assert.equal(from, 1);
        received.push(message);
        return message.length === 3 ? Uint8Array.of(9, 9) : undefined;
      }),
  });
  const b = await makeNode(keys, 1, a.addresses());
  try {
    await until(
      () => a.transport.connected().length === 1 && b.transport.connected().length === 1,
      "both connected",
    );
    const large = new Uint8Array(150_000).fill(7);
    await b.transport.send(0 as OperatorIndex, PROTOCOL, large);
    await b.transport.send(0 as OperatorIndex, PROTOCOL, new Uint8Array(0));
    await until(() => received.length === 2, "two messages");
    assert.deepEqual(
      received.map((one) => one.length).toSorted((x, y) => x - y),
      [0, 150_000],
    );
    assert.deepEqual(
      await b.transport.request(0 as OperatorIndex, PROTOCOL, Uint8Array.of(1, 2, 3)),
      Uint8Array.of(9, 9),
    );
    await until(() => b.status()[0]?.info !== undefined, "peer info");
    assert.equal(b.status()[0]?.info?.dvClient, "trireme");
    assert.equal(b.status()[0]?.info?.nickname, "n0");
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
});

test("a stranger gets in neither by dialling nor by being dialled", async () => {
  const keys = drawKeys(2);
  const a = await makeNode(keys, 0, []);
  const stranger = await makeNode(keys, 1, a.addresses(), { key: drawKeys(1)[0] as NodeKey });
  try {
    await until(() => stranger.status()[0]?.lastError !== "", "refusal noticed");
    await assert.rejects(stranger.transport.send(0 as OperatorIndex, PROTOCOL, Uint8Array.of(1)));
    assert.deepEqual(a.transport.connected(), []);
  } finally {
    await Promise.all([a.stop(), stranger.stop()]);
  }
});

test("what goes beyond a limit is dropped, and the connection goes on for everybody else", async () => {
  const keys = drawKeys(3);
  const seen: string[] = [];
  const strict = { ...limits, messageBytesMax: 100, messagesPerSecondMax: 5, burstMax: 5 };
  const a = await makeNode(keys, 0, [], {
    prepare: (node) =>
      node.transport.handle(PROTOCOL, strict, (from, message) => {
        seen.push(`${from}:${message.length}`);
        if (message[0] === 13) throw new Error("a handler that fails");
        return undefined;
      }),
  });
  const b = await makeNode(keys, 1, a.addresses());
  const c = await makeNode(keys, 2, a.addresses());
  try {
    await until(() => a.transport.connected().length === 2, "both connected");
    await b.transport.send(0 as OperatorIndex, PROTOCOL, new Uint8Array(101));
    await b.transport.send(0 as OperatorIndex, PROTOCOL, Uint8Array.of(13));
    for (let i = 0; i < 20; i++) await b.transport.send(0 as OperatorIndex, PROTOCOL, Uint8Array.of(i + 20));
    await c.transport.send(0 as OperatorIndex, PROTOCOL, Uint8Array.of(1, 2));
    await until(() => seen.includes("2:2"), "the other peer's message");
    assert.ok(!seen.includes("1:101"), "too large");
    assert.ok(seen.filter((one) => one === "1:1").length <= 5, `rate limit held: ${seen.join(" ")}`);
    assert.equal(b.transport.connected().length, 1);
  } finally {
    await Promise.all([a.stop(), b.stop(), c.stop()]);
  }
});

test("a peer that restarts at the same address is found again by both", async () => {
  const keys = drawKeys(2);
  let a = await makeNode(keys, 0, []);
  const address = a.addresses();
  const port = /tcp\/(\d+)/.exec(address[0] ?? "")?.[1];
  const b = await makeNode(keys, 1, address);
  try {
    await until(() => b.transport.connected().length === 1, "connected");
    await a.stop();
    await until(() => b.transport.connected().length === 0, "loss noticed");
    a = await makeNode(keys, 0, [], { listen: `127.0.0.1:${port}` });
    await until(
      () => b.transport.connected().length === 1 && a.transport.connected().length === 1,
      "connected again",
    );
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
});
