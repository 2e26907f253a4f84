import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { NodeKey } from "../crypto/index.ts";
import type { ProtocolLimits } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { P2pError } from "./errors.ts";
import { DIAL_TIMEOUT_MS, RELAY_ANSWER_BYTES_MAX } from "./limits.ts";
import { placeOfEnr, placeOfList, queryRelay, readRelay } from "./relay-address.ts";
import {
  connected,
  keptHost,
  newKey,
  type TestNode,
  testNode,
  until,
  withoutLimits,
} from "./testing/hosts.ts";
import { relayServer } from "./testing/relay-server.ts";

const protocol = "/trireme/test/1.0.0";
const limits: ProtocolLimits = {
  messageBytesMax: 100_000,
  messagesPerSecondMax: 100,
  burstMax: 100,
  receiveTimeoutMs: 5_000,
};
const [zero, one] = [0, 1] as OperatorIndex[] as [OperatorIndex, OperatorIndex];
const noEnr = (): never => {
  throw new Error("no ENR here");
};
const echo = (node: TestNode): void => node.p2p.transport.handle(protocol, limits, (_, message) => message);
const stopAll = async (...nodes: readonly TestNode[]): Promise<void> => {
  await Promise.all(nodes.map(({ p2p }) => p2p.stop()));
};

test("peers that cannot reach each other talk through a relay, found by its URL, and it sees no operator protocol", async () => {
  const relay = await relayServer();
  const asked: unknown[] = [];
  const url = createServer((request, response) => {
    asked.push(request.headers["charon-cluster"]);
    response.end(JSON.stringify([...relay.getMultiaddrs().map(String), "/ip4/127.0.0.1/udp/1/quic-v1"]));
  }).listen(0, "127.0.0.1");
  await once(url, "listening");
  const relays = [`http://127.0.0.1:${(url.address() as AddressInfo).port}`];
  const keys = [newKey(), newKey()];
  const [a, b] = [testNode(keys, 0, { listen: [], relays }), testNode(keys, 1, { listen: [], relays })];
  echo(a);
  echo(b);
  try {
    await a.p2p.start();
    await b.p2p.start();
    await Promise.all([connected(a, b), connected(b, a)]);
    assert.equal(a.p2p.peers()[0]?.path, "relayed");
    assert.deepEqual(await a.p2p.transport.request(one, protocol, Uint8Array.of(1)), Uint8Array.of(1));
    assert.deepEqual(await b.p2p.transport.request(zero, protocol, Uint8Array.of(2)), Uint8Array.of(2));
    assert.equal(asked[0], "07".repeat(32));
    assert.equal(a.meter.value("p2p_relay_connections", { peer: "relay-0" }), 1);

    const toA = relay.getConnections().find(({ remotePeer }) => remotePeer.toString() === a.p2p.peerId(zero));
    const stream = await toA?.newStream(protocol);
    if (stream?.status === "open") stream.send(Uint8Array.of(1, 1));
    await a.meter.reached("trireme_p2p_violations_total", { peer: "relay-0", reason: "not-an-operator" });
  } finally {
    await stopAll(a, b);
    await relay.stop();
    url.close();
  }
});

test("a relayed connection gives way to a direct one as soon as the peers learn each other's addresses", async () => {
  const relay = await relayServer();
  const relays = relay.getMultiaddrs().map(String);
  const keys = [newKey(), newKey()];
  const [a, b] = [testNode(keys, 0, { relays }), testNode(keys, 1, { listen: [], relays })];
  try {
    await a.p2p.start();
    await b.p2p.start();
    await b.meter.reached("p2p_peer_connection_types", { peer: "operator-0", type: "direct" });
    await connected(b, a);
  } finally {
    await stopAll(a, b);
    await relay.stop();
  }
});

test("an address that swallows every packet does not keep peers from meeting through a relay", async (t) => {
  withoutLimits(t, DIAL_TIMEOUT_MS); // Whoever waits for its dial to end waits for ever.
  const relay = await relayServer();
  const relays = relay.getMultiaddrs().map(String);
  const hole = createTcpServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(hole, "listening");
  const keys = [newKey(), newKey()];
  const [a, b] = [0, 1].map((i) => {
    const id = testNode(keys, i).p2p.peerId((1 - i) as OperatorIndex);
    const peers = [`/ip4/127.0.0.1/tcp/${(hole.address() as AddressInfo).port}/p2p/${id}`];
    return testNode(keys, i, { listen: [], relays, peers });
  }) as [TestNode, TestNode];
  try {
    await Promise.all([a.p2p.start(), b.p2p.start()]);
    await Promise.all([a, b].map(({ meter }) => meter.reached("p2p_relay_connections", { peer: "relay-0" })));
    await Promise.all([connected(a, b), connected(b, a)]);
  } finally {
    await stopAll(a, b);
    hole.close();
    await relay.stop();
  }
});

test("a relay that was down is used when it comes back, and meanwhile costs nothing but its own use", async () => {
  const key = await generateKeyPair("secp256k1");
  const first = await relayServer(key, `/ip4/${keptHost}/tcp/0`);
  const relays = first.getMultiaddrs().map(String);
  await first.stop();
  const keys = [newKey(), newKey()];
  const a = testNode(keys, 0, { relays });
  await a.p2p.start();
  const b = testNode(keys, 1, { listen: [], relays, peers: a.p2p.listenAddresses() });
  await b.p2p.start();
  let relay: Awaited<ReturnType<typeof relayServer>> | undefined;
  try {
    await connected(b, a); // Directly, without the relay.
    assert.deepEqual(b.p2p.relays(), [{ name: "relay-0", ready: false }]);
    relay = await relayServer(key, relays[0]?.replace(/\/p2p\/.*/, ""));
    await b.meter.reached("p2p_relay_connections", { peer: "relay-0" });
  } finally {
    await stopAll(a, b);
    await relay?.stop();
  }
});

test("a stranger who holds a slot at our relay is not let in", async () => {
  const relay = await relayServer();
  const relays = relay.getMultiaddrs().map(String);
  const [ours, peer, strange] = [newKey(), newKey(), newKey()];
  const node = testNode([ours, peer], 0, { listen: [], relays });
  const stranger = testNode([ours, strange], 1, { listen: [], relays });
  try {
    await node.p2p.start();
    await node.meter.reached("p2p_relay_connections", { peer: "relay-0" });
    await stranger.p2p.start();
    await stranger.meter.reached("p2p_relay_connections", { peer: "relay-0" });
    await until(() => stranger.p2p.peers()[0]?.lastError !== undefined);
    assert.deepEqual(node.p2p.transport.connected(), []);
    assert.deepEqual(stranger.p2p.transport.connected(), []);
  } finally {
    await stopAll(node, stranger);
    await relay.stop();
  }
});

test("a relay's URL that lies, floods or answers rubbish is refused with its reason", async () => {
  const bodies = ["", "{}", "[]", "x".repeat(RELAY_ANSWER_BYTES_MAX + 1), '["/ip4/1.2.3.4/tcp/1"]', "404"];
  let body = "";
  const url = createServer((_, response) => {
    response.statusCode = body === "404" ? 404 : 200;
    response.end(body);
  }).listen(0, "127.0.0.1");
  await once(url, "listening");
  const address = `http://127.0.0.1:${(url.address() as AddressInfo).port}`;
  try {
    for (body of bodies) {
      const query = queryRelay(address, {
        headers: {},
        readEnr: noEnr,
        signal: new AbortController().signal,
      });
      await assert.rejects(
        query,
        (error) => error instanceof P2pError && error.code === "p2p/relay",
        body.slice(0, 20),
      );
    }
  } finally {
    url.close();
  }
  const two = [
    "16Uiu2HAm26fpJEP8wQ22F6FG6CR8WGKRyk3bVowqNjV87NHTomhC",
    "16Uiu2HAkxibkYesJZjVPUiGu7nmvRpBgWSEK21VMC19XZp7nMbid",
  ];
  assert.throws(
    () => placeOfList(JSON.stringify(two.map((id) => `/ip4/1.2.3.4/tcp/1/p2p/${id}`))),
    /find relay/,
  );
});

test("a relay is read from a URL, a multiaddr or an ENR", () => {
  const key = NodeKey.fromBytes(new Uint8Array(32).fill(1));
  const record = {
    publicKey: key.publicKey,
    entries: new Map([
      ["ip", Uint8Array.of(1, 2, 3, 4)],
      ["tcp", Uint8Array.of(0x0e, 0x1a)],
    ]),
  };
  const { peerId, addresses } = placeOfEnr(record);
  assert.deepEqual(addresses, ["/ip4/1.2.3.4/tcp/3610"]);
  assert.deepEqual(
    readRelay("enr:-x", () => record),
    { kind: "fixed", place: { peerId, addresses } },
  );
  assert.deepEqual(readRelay(`/ip4/1.2.3.4/tcp/3610/p2p/${peerId}`, noEnr), {
    kind: "fixed",
    place: { peerId, addresses },
  });
  assert.deepEqual(readRelay("https://relay.example", noEnr), { kind: "url", url: "https://relay.example" });
  for (const text of ["", "relay.example", "ftp://x", "enr:-x", "/ip4/1.2.3.4/tcp/3610"])
    assert.throws(() => readRelay(text, noEnr), P2pError, text);
  assert.throws(() => placeOfEnr({ ...record, entries: new Map() }), P2pError);
});
