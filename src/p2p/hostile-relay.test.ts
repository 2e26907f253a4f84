import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { Facts } from "../base/index.ts";
import { type Logger, type ProtocolLimits, silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { frame } from "./framing.ts";
import {
  CIRCUIT_WISH_BYTES_MAX,
  CONNECTIONS_MAX_PER_PEER,
  DIAL_BACKOFF_FACTOR,
  RELAY_BACKOFF_FIRST_MS,
  RELAY_STREAMS_BURST_MAX,
  VIOLATIONS_MAX_PER_WINDOW,
} from "./limits.ts";
import { queryRelay } from "./relay-address.ts";
import { hostileRelay, STOP, slotUntil } from "./testing/hostile-relay.ts";
import { connected, holdSteadyTime, newKey, type TestNode, testNode, until } from "./testing/hosts.ts";
import { relayServer } from "./testing/relay-server.ts";

// Goal: a relay that is down, slow or hostile costs nothing but its own use.
// Method: two operators who reach each other without it, a relay that misbehaves in one way, and messages that must pass
// while it does; then a stop that must not wait for it.
const protocol = "/trireme/test/1.0.0";
const limits: ProtocolLimits = {
  messageBytesMax: 1_000,
  messagesPerSecondMax: 1_000,
  burstMax: 1_000,
  receiveTimeoutMs: 5_000,
};
const [zero, one] = [0, 1] as OperatorIndex[] as [OperatorIndex, OperatorIndex];

interface Line {
  readonly message: string;
  readonly facts: Facts | undefined;
}

/** Two operators who know each other's address, and the relays of one of them. */
async function besideRelays(
  relays: readonly string[],
  use: (node: TestNode, lines: readonly Line[]) => Promise<void>,
  {
    keys = [newKey(), newKey()],
    ...more
  }: { keys?: ReturnType<typeof newKey>[]; random?: () => number } = {},
): Promise<void> {
  const lines: Line[] = [];
  const note = (message: string, facts?: Facts): void => void lines.push({ message, facts });
  const log: Logger = { ...silent, info: note, warn: note, error: note, room: () => log };
  const node = testNode(keys, 0, { relays, log, ...more });
  node.p2p.transport.handle(protocol, limits, (_, message) => message);
  try {
    await node.p2p.start();
    const dialler = testNode(keys, 1, { listen: [], peers: node.p2p.listenAddresses() });
    dialler.p2p.transport.handle(protocol, limits, (_, message) => message);
    await dialler.p2p.start();
    try {
      await Promise.all([connected(node, dialler), connected(dialler, node)]);
      const speak = async (): Promise<void> => {
        for (let i = 0; i < 10; i++) {
          const bytes = Uint8Array.of(i);
          assert.deepEqual(await node.p2p.transport.request(one, protocol, bytes), bytes);
          assert.deepEqual(await dialler.p2p.transport.request(zero, protocol, bytes), bytes);
        }
      };
      await speak();
      await use(node, lines);
      await speak();
      assert.deepEqual(node.p2p.transport.connected(), [1]);
      assert.equal(node.p2p.peers()[0]?.path, "direct");
    } finally {
      await dialler.p2p.stop();
    }
  } finally {
    await node.p2p.stop();
  }
}

const complained = (lines: readonly Line[]): Line | undefined =>
  lines.find(({ message }) => message === "Relay not usable; trying again");

const answers: Readonly<Record<string, (stream: Stream, connection: Connection) => void>> = {
  rubbish: (stream) => stream.send(frame(Uint8Array.of(0xff, 0xff, 0xff))),
  "a status of refusal": (stream) => stream.send(frame(Uint8Array.of(0x08, 2, 0x28, 0xc8, 0x01))),
  "a message of gigabytes": (stream) => stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3)),
  "an empty message": (stream) => stream.send(frame(new Uint8Array(0))),
  "the end of the stream": (stream) => void stream.close(),
  "a reset": (stream) => stream.abort(new Error("no")),
  "the end of the connection": (_, connection) => connection.abort(new Error("no")),
};
for (const [what, answer] of Object.entries(answers)) {
  test(`a relay that answers the wish for a slot with ${what} is not used, and the reason is logged once`, async () => {
    let asked = 0;
    const relay = await hostileRelay((stream, connection) => {
      asked++;
      answer(stream, connection);
    });
    try {
      await besideRelays(relay.getMultiaddrs().map(String), async (node, lines) => {
        await until(() => complained(lines) !== undefined && asked >= 2);
        assert.deepEqual(node.p2p.relays(), [{ name: "relay-0", ready: false }]);
        assert.ok(asked <= 10, `asked ${asked} times`);
      });
    } finally {
      await relay.stop();
    }
  });
}

test("a relay that never answers holds nothing up, neither the others nor a stop", async () => {
  const silentRelay = await hostileRelay(() => {});
  const deaf = createTcpServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(deaf, "listening");
  const good = await relayServer();
  const [first] = silentRelay.getMultiaddrs().map(String);
  const id = first?.split("/").at(-1) ?? "";
  const deafAddress = `/ip4/127.0.0.1/tcp/${(deaf.address() as AddressInfo).port}/p2p/${id}`;
  try {
    const relays = [first ?? "", deafAddress, ...good.getMultiaddrs().map(String)];
    await besideRelays(relays, async (node) => {
      await node.meter.reached("p2p_relay_connections", { peer: "relay-2" });
      assert.deepEqual(
        node.p2p.relays().map(({ ready }) => ready),
        [false, false, true],
      );
    });
  } finally {
    deaf.close();
    await Promise.all([silentRelay.stop(), good.stop()]);
  }
});

test("a relay that gives a slot and leaves at once is tried more and more rarely", async (t) => {
  holdSteadyTime(t); // Else a slow machine takes long for a service that was steady.
  const { setTimeout: start } = globalThis;
  const waits: number[] = [];
  const noting = (action: () => void, ms = 0): NodeJS.Timeout => {
    waits.push(Math.round(ms));
    return start(action, ms);
  };
  t.mock.method(globalThis, "setTimeout", noting as typeof setTimeout);
  let asked = 0;
  const relay = await hostileRelay((stream, connection, wish) => {
    if (wish === "slot") asked++;
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
    setImmediate(() => connection.abort(new Error("gone")));
  });
  try {
    const random = (): number => 0.75; // By which waits are a tenth longer than they would be, and than any other.
    await besideRelays(
      relay.getMultiaddrs().map(String),
      async (_, lines) => {
        await until(() => asked >= 4);
        const between = [0, 1, 2].map((n) =>
          Math.round(1.1 * RELAY_BACKOFF_FIRST_MS * DIAL_BACKOFF_FACTOR ** n),
        );
        assert.deepEqual(
          waits.filter((ms) => between.includes(ms)),
          between,
        );
        assert.ok(lines.filter(({ message }) => message === "Relay in use").length <= asked);
      },
      { random },
    );
  } finally {
    await relay.stop();
  }
});

for (const [what, expire] of [
  ["ended long ago", 1],
  ["ends in a million years", 32_000_000_000_000],
  ["says no end", 0],
] as const) {
  test(`a slot that ${what} is used, and renewed within our own bounds`, async () => {
    let asked = 0;
    const relay = await hostileRelay((stream, _, wish) => {
      if (wish === "slot") asked++;
      stream.send(frame(slotUntil(expire)));
    });
    try {
      await besideRelays(relay.getMultiaddrs().map(String), async (node) => {
        await node.meter.reached("p2p_relay_connections", { peer: "relay-0" });
        assert.equal(asked, 1);
      });
    } finally {
      await relay.stop();
    }
  });
}

test("a relay that floods us with streams is put out, while operators go on talking", async (t) => {
  holdSteadyTime(t); // Else a slow machine makes a flood that is none, and waits for ever for its punishment.
  const flooding: Promise<void>[] = [];
  let connections = 0;
  const protocols = [STOP, "/ipfs/ping/1.0.0", "/ipfs/id/1.0.0", protocol, "/nobody/knows/1.0.0"];
  const relay = await hostileRelay((stream, connection) => {
    connections++;
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
    const flood = async (name: string): Promise<void> => {
      while (connection.status === "open") {
        const opened = await connection
          .newStream(name, { maxOutboundStreams: 100_000 })
          .catch(() => undefined);
        if (opened?.status === "open") opened.send(new Uint8Array(64).fill(7));
        await new Promise((resolve) => setImmediate(resolve)); // Lets the socket speak.
      }
    };
    flooding.push(...Array.from({ length: 40 }, (_, i) => flood(protocols[i % protocols.length] ?? "")));
  });
  try {
    await besideRelays(relay.getMultiaddrs().map(String), async (node, lines) => {
      await node.meter.reached("trireme_p2p_violations_total", { peer: "relay-0", reason: "stream-rate" });
      await until(() =>
        lines.some(({ message }) => message === "Peer put out for a while because of its many violations"),
      );
      await until(() => node.p2p.relays()[0]?.ready === false);
      assert.equal(node.meter.value("trireme_p2p_violations_total", { peer: "operator-1" }), 0);
      assert.ok(connections <= 2 + VIOLATIONS_MAX_PER_WINDOW / RELAY_STREAMS_BURST_MAX);
      // One line per reason and minute, however many were dropped.
      const dropped = lines.filter(({ message }) => message === "Dropped what a peer sent");
      assert.ok(dropped.length <= 6, `${dropped.length} lines`);
    });
  } finally {
    await relay.stop();
    await Promise.all(flooding);
  }
});

test("a relay that begins a wish for a circuit and never ends it is told so, and counted", async () => {
  const reset = Promise.withResolvers<void>();
  const relay = await hostileRelay((stream, connection, wish) => {
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
    if (wish === "circuit") return;
    void connection.newStream(STOP).then((circuit) => {
      circuit.addEventListener("close", () => reset.resolve());
      // A length of 1,000,000, and some of it.
      circuit.send(Uint8Array.of(0xc0, 0x84, 0x3d, ...new Uint8Array(2 * CIRCUIT_WISH_BYTES_MAX)));
    });
  });
  try {
    await besideRelays(relay.getMultiaddrs().map(String), async (node) => {
      await reset.promise;
      await node.meter.reached("trireme_p2p_violations_total", { peer: "relay-0", reason: "too-large" });
    });
  } finally {
    await relay.stop();
  }
});

test("a relay that opens connection after connection gets no more than a peer, and operators stay connected", async () => {
  const known = Promise.withResolvers<void>();
  const relay = await hostileRelay((stream) => {
    known.resolve();
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
  });
  try {
    await besideRelays(relay.getMultiaddrs().map(String), async (node) => {
      await known.promise;
      const [address] = node.p2p.listenAddresses();
      const refused = { peer: "relay-0", reason: "too-many-connections" };
      while (node.meter.value("trireme_p2p_violations_total", refused) < CONNECTIONS_MAX_PER_PEER)
        await relay.dial(multiaddr(address ?? ""), { force: true }).catch(() => {}); // There is a rate, too.
      await until(() => relay.getConnections().length <= CONNECTIONS_MAX_PER_PEER);
      assert.ok(node.p2p.relays()[0]?.ready, "the connection in use was ended for the sake of new ones");
    });
  } finally {
    await relay.stop();
  }
});

test("circuits that a relay makes up come to nothing: strangers, rubbish, silence", async () => {
  const keys = [newKey(), newKey()];
  const operator = peerIdFromString(testNode(keys, 0).p2p.peerId(one)).toMultihash().bytes;
  const answered: Uint8Array[] = [];
  let tried = 0;
  const relay = await hostileRelay((stream, connection, wish) => {
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
    if (wish === "circuit") return;
    const connect = (peerId: Uint8Array): Uint8Array =>
      // StopMessage{type: CONNECT, peer: {id}}
      Uint8Array.of(0x08, 0, 0x12, peerId.length + 2, 0x0a, peerId.length, ...peerId);
    const openings = [
      frame(connect(relay.peerId.toMultihash().bytes)),
      frame(connect(operator)),
      frame(connect(Uint8Array.of(1, 2, 3))),
      frame(Uint8Array.of(0xff)),
      frame(new Uint8Array(0)),
      new Uint8Array(0),
    ];
    void (async () => {
      for (const opening of openings) {
        const circuit = await connection.newStream(STOP).catch(() => undefined);
        if (circuit?.status !== "open") continue;
        circuit.addEventListener("message", ({ data }) => void answered.push(data.subarray()));
        if (opening.byteLength > 0) circuit.send(opening);
        tried++;
        // In an operator's name, but without its key.
        if (opening === openings[1]) circuit.send(new Uint8Array(200).fill(5));
      }
    })();
  });
  try {
    await besideRelays(
      relay.getMultiaddrs().map(String),
      async (node) => {
        await until(() => tried >= 6 && answered.length >= 3);
        assert.equal(
          node.meter.value("p2p_peer_connection_types", { peer: "operator-1", type: "relay" }),
          0,
          "a circuit without a handshake counts as a connection",
        );
      },
      { keys },
    );
  } finally {
    await relay.stop();
  }
});

test("operators who have nothing but relays meet through the honest one, though another swallows their circuits", async () => {
  const swallowed = Promise.withResolvers<void>();
  const hole = await hostileRelay((stream, _, wish) => {
    if (wish === "circuit") swallowed.resolve();
    // A slot for everybody; a circuit is said to be open, and leads nowhere.
    stream.send(frame(slotUntil(Math.floor(Date.now() / 1000) + 3_600)));
  });
  const good = await relayServer();
  // The honest one is found only once the other has swallowed a circuit; else they may meet before it had its chance.
  const places = JSON.stringify(good.getMultiaddrs());
  const answer = (response: ServerResponse): void => void swallowed.promise.then(() => response.end(places));
  try {
    await relayUrl(answer, async (url) => {
      const relays = [...hole.getMultiaddrs().map(String), url];
      const keys = [newKey(), newKey()];
      const [a, b] = [testNode(keys, 0, { listen: [], relays }), testNode(keys, 1, { listen: [], relays })];
      try {
        await Promise.all([a.p2p.start(), b.p2p.start()]);
        await Promise.all([connected(a, b), connected(b, a)]);
        assert.equal(a.p2p.peers()[0]?.path, "relayed");
      } finally {
        await Promise.all([a.p2p.stop(), b.p2p.stop()]);
      }
    });
  } finally {
    await Promise.all([hole.stop(), good.stop()]);
  }
});

/** A web server in the place of a relay's URL. */
async function relayUrl(
  answer: (response: ServerResponse) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const drip = (response: ServerResponse): void => {
  const timer = setInterval(() => response.write(" "), 5);
  response.on("close", () => clearInterval(timer));
};

for (const [what, answer] of [
  ["never answers", () => {}],
  ["answers a byte at a time for ever", drip],
  [
    "sends its caller round in circles",
    (response: ServerResponse) => response.writeHead(302, { location: "/" }).end(),
  ],
] as const) {
  test(`a relay's URL that ${what} is given up, and holds nothing up`, async () => {
    await relayUrl(answer, async (url) => {
      const query = { headers: {}, readEnr: () => assert.fail(), signal: new AbortController().signal };
      await assert.rejects(queryRelay(url, { ...query, timeoutMs: 100 }), /find relay/);
      await besideRelays([url], async (node) => {
        assert.deepEqual(node.p2p.relays(), [{ name: "relay-0", ready: false }]);
      });
    });
  });
}

test("a relay's URL that names an operator, ourselves, somebody else or places that lead nowhere costs its own use alone", async () => {
  const keys = [newKey(), newKey()];
  const names = testNode(keys, 0).p2p;
  const stranger = await relayServer();
  const [place] = stranger.getMultiaddrs().map(String);
  const elsewhere =
    place?.replace(/p2p\/.*/, `p2p/${testNode([newKey(), newKey()], 0).p2p.peerId(zero)}`) ?? "";
  const closed = place?.replace(/tcp\/\d+/, "tcp/1") ?? "";
  const at = (id: string): string => place?.replace(/p2p\/.*/, `p2p/${id}`) ?? "";
  try {
    for (const list of [[at(names.peerId(one))], [at(names.peerId(zero))], [elsewhere], [closed]])
      await relayUrl(
        (response) => void response.end(JSON.stringify(list)),
        async (url) =>
          await besideRelays(
            [url],
            async (node, lines) => {
              await until(() => complained(lines) !== undefined);
              assert.deepEqual(node.p2p.relays(), [{ name: "relay-0", ready: false }], list.join());
            },
            { keys },
          ),
      );
  } finally {
    await stranger.stop();
  }
});
