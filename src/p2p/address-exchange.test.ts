import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { multiaddr } from "@multiformats/multiaddr";
import { proto } from "../base/index.ts";
import { silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type AddressBook, fileAddressBook, type KnownAddresses } from "./address-book.ts";
import { ADDRESSES_PROTOCOL, AddressExchange } from "./address-exchange.ts";
import { unreachable } from "./errors.ts";
import {
  ADDRESS_BOOK_BURST_MAX,
  ADDRESS_BOOK_INTERVAL_MS,
  ADDRESSES_HEARD_MAX,
  ADDRESSES_MAX_PER_PEER,
  ADDRESSES_TOLD_MAX,
} from "./limits.ts";
import { PeerPlaces } from "./peer-places.ts";
import { hostilePeer } from "./testing/hostile-peer.ts";
import { connected, keptHost, newKey, type TestNode, testNode } from "./testing/hosts.ts";
import { fakeLinks } from "./testing/links.ts";
import { memoryAddressBook } from "./testing/memory-address-book.ts";
import { relayServer } from "./testing/relay-server.ts";

const direct = (from: TestNode, to: TestNode): Promise<void> =>
  from.meter.reached("p2p_peer_connection_types", { peer: `operator-${to.operator}`, type: "direct" });
const portOf = (node: TestNode): string => /tcp\/(\d+)/.exec(node.p2p.listenAddresses()[0] ?? "")?.[1] ?? "";
const stopAll = (nodes: readonly TestNode[]): Promise<unknown> =>
  Promise.all(nodes.map(({ p2p }) => p2p.stop()));

// Goal: four operators who met through a relay find each other after a full restart without it: three from their disks, one
// that lost its disk from what the only peer that it knows tells it.
test("a cluster whose relays have vanished is whole again after a full restart, one operator's lost address book included", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trireme-addresses-"));
  const book = (i: number, life: string) => fileAddressBook(join(folder, `${i}-${life}.json`));
  const relay = await relayServer();
  const relays = relay.getMultiaddrs().map(String);
  const keys = Array.from({ length: 4 }, newKey);
  const seats = [0, 1, 2, 3];
  // Operator 0 cannot be dialled, so that nobody can find it in its place.
  const first = seats.map((i) =>
    testNode(keys, i, {
      relays,
      listen: i === 0 ? [] : [`${keptHost}:0`],
      addressBook: book(i, "kept"),
    }),
  );
  let again: readonly TestNode[] = [];
  try {
    for (const { p2p } of first) await p2p.start();
    for (const from of first) for (const to of first) if (from !== to) await direct(from, to);
    const listen = first.map((node) => (node.operator === 0 ? [] : [`${keptHost}:${portOf(node)}`]));
    const known = first[1]?.p2p.listenAddresses() ?? [];
    await stopAll(first);
    await relay.stop();

    again = seats.map((i) =>
      testNode(keys, i, {
        relays,
        listen: listen[i] ?? [],
        addressBook: book(i, i === 0 ? "lost" : "kept"),
        peers: i === 0 ? known : [],
      }),
    );
    await Promise.all(again.map(({ p2p }) => p2p.start()));
    for (const from of again) for (const to of again) if (from !== to) await connected(from, to);
    const [lost] = again;
    assert.deepEqual(
      lost?.p2p.peers().map(({ path }) => path),
      ["direct", "direct", "direct"],
    );
  } finally {
    await stopAll([...first, ...again]);
    await rm(folder, { recursive: true });
  }
});

/** An answer of the protocol. */
const told = (peers: readonly { peerId: string; addresses: readonly string[] }[]): Uint8Array =>
  proto
    .message({
      peers: proto.repeated(1, proto.message({ peerId: proto.string(1), addresses: proto.repeatedBytes(2) })),
    })
    .encode({
      peers: peers.map(({ peerId, addresses }) => ({
        peerId,
        addresses: addresses.map((address) => multiaddr(address).bytes),
      })),
    });

test("a liar costs some dials: an honest operator's word counts beside it, and nobody else gets in", async () => {
  let dialled = 0;
  const trap = createServer((socket) => {
    dialled++;
    socket.on("error", () => {});
    socket.end("no libp2p here");
  }).listen(0, "127.0.0.1");
  await once(trap, "listening");
  const { port } = trap.address() as AddressInfo;
  const keys = Array.from({ length: 4 }, newKey);
  const victim = testNode(keys, 0, { listen: ["127.0.0.1:0"] });
  const sought = testNode(keys, 3);
  const book = memoryAddressBook();
  await sought.p2p.start();
  const honest = testNode(keys, 2, { peers: sought.p2p.listenAddresses(), addressBook: book });
  await honest.p2p.start();
  await connected(honest, sought);
  await victim.p2p.start();
  const names = [victim, sought].map(({ p2p, operator }) => p2p.peerId(operator));
  // Loopback by many names: every address leads to the trap.
  const traps = Array.from({ length: 100 }, (_, i) => `/ip4/127.0.0.${i + 1}/tcp/${port}`);
  const liar = await hostilePeer(keys[1] as never, victim.p2p.listenAddresses()[0] ?? "", {
    [ADDRESSES_PROTOCOL]: told([
      { peerId: names[1] ?? "", addresses: traps },
      { peerId: names[0] ?? "", addresses: traps },
      { peerId: "somebody else", addresses: traps },
    ]),
  });
  try {
    await victim.meter.reached("p2p_send_duration_seconds_count", {
      peer: "operator-1",
      protocol: ADDRESSES_PROTOCOL,
    });
    while (dialled === 0) await once(trap, "connection");
    const late = testNode(keys, 2, { peers: victim.p2p.listenAddresses(), addressBook: book });
    await honest.p2p.stop();
    await late.p2p.start();
    try {
      await direct(victim, sought);
      await connected(victim, sought);
      assert.ok(dialled <= 20 * ADDRESSES_TOLD_MAX, `${dialled} connections to the trap`);
    } finally {
      await late.p2p.stop();
    }
  } finally {
    trap.close();
    await liar.stop();
    await stopAll([victim, sought]);
  }
});

test("what others tell is tried last, a few addresses of each, and is not kept until it has led to the peer", async () => {
  const { roster } = fakeLinks(12);
  const book = memoryAddressBook();
  const places = new PeerPlaces({ book, log: silent, roster }, []);
  const [sought, ...tellers] = roster.peers;
  assert.ok(sought !== undefined);
  const lies = (a: number): string[] => Array.from({ length: 50 }, (_, b) => `/ip4/10.0.${a}.${b}/tcp/1`);
  for (const [i, teller] of tellers.entries()) places.heard(teller, sought, lies(i));
  assert.equal(places.addressesOf(sought).length, ADDRESSES_HEARD_MAX);
  assert.deepEqual(
    places.addressesOf(sought),
    tellers.slice(0, ADDRESSES_HEARD_MAX).map((_, i) => `/ip4/10.0.${i}.0/tcp/1`),
    "each teller's first",
  );
  assert.deepEqual(places.knownOf(sought), [], "hearsay is not told on");
  places.told(
    sought,
    Array.from({ length: 20 }, (_, i) => `/ip4/1.2.3.4/tcp/${i + 1}`),
  );
  assert.equal(places.addressesOf(sought).length, ADDRESSES_MAX_PER_PEER + ADDRESSES_HEARD_MAX);
  assert.equal(places.addressesOf(sought)[0], "/ip4/1.2.3.4/tcp/1");
  await places.flush();
  assert.ok(!JSON.stringify(await book.load()).includes("10.0."));
  places.worked(sought, "/ip4/10.0.3.0/tcp/1");
  await places.flush();
  assert.ok(JSON.stringify(await book.load()).includes("/ip4/10.0.3.0/tcp/1"));
  assert.equal(places.heard(tellers[0] as never, sought, lies(0)), false, "the same again is no news");
  assert.equal(places.heard(tellers[0] as never, sought, ["/ip4/5.6.7.8/tcp/1"]), true);
});

test("a peer that says without end that it moved is written down now and then, and for good at the end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { roster } = fakeLinks();
  const [peer] = roster.peers;
  assert.ok(peer !== undefined);
  const saved: KnownAddresses[] = [];
  const book: AddressBook = { ...memoryAddressBook(), save: async (addresses) => void saved.push(addresses) };
  const places = new PeerPlaces({ book, log: silent, roster }, []);
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const move = async (port: number): Promise<void> => {
    places.told(peer, [`/ip4/1.2.3.4/tcp/${port}`]);
    places.worked(peer, `/ip4/1.2.3.4/tcp/${port + 10_000}`);
    await settled();
  };
  await move(1);
  assert.ok(saved.length >= 1, "what is news is written at once");
  for (let port = 2; port <= 1_000; port++) await move(port);
  const atOnce = saved.length;
  assert.ok(atOnce <= ADDRESS_BOOK_BURST_MAX, `${atOnce} writes`);
  t.mock.timers.tick(ADDRESS_BOOK_INTERVAL_MS);
  await settled();
  assert.equal(saved.length, atOnce + 1);
  assert.equal(saved.at(-1)?.[peer.id]?.[0], "/ip4/1.2.3.4/tcp/11000");
  await move(2_000);
  await places.flush();
  assert.equal(saved.at(-1)?.[peer.id]?.[0], "/ip4/1.2.3.4/tcp/12000");
});

/** Settles after so many of the intervals at which the exchange below asks. */
async function intervals(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** An exchange with operator 1 of three, whose answers are given one by one. */
function exchange() {
  const { all, roster, connect } = fakeLinks(3);
  const places = new PeerPlaces({ book: memoryAddressBook(), log: silent, roster }, []);
  const asked: PromiseWithResolvers<Uint8Array>[] = [];
  let heard = Promise.withResolvers<void>();
  const exchanging = new AddressExchange({
    links: all,
    log: silent,
    places,
    roster,
    request: () => {
      const answer = Promise.withResolvers<Uint8Array>();
      asked.push(answer);
      heard.resolve();
      heard = Promise.withResolvers();
      return answer.promise;
    },
    intervalMs: 1,
  });
  const next = async (): Promise<PromiseWithResolvers<Uint8Array>> => {
    const { length } = asked;
    if (length === 0) await heard.promise;
    return asked.shift() as PromiseWithResolvers<Uint8Array>;
  };
  return { all, roster, connect, places, exchanging, next, asked };
}

test("who does not speak the protocol, as Charon does not, is asked once per connection; the others until nobody is missing", async () => {
  const { all, roster, connect, exchanging, next, asked } = exchange();
  const end = new AbortController();
  const [one] = roster.peers;
  assert.ok(one !== undefined);
  const asking = exchanging.keepAsking(one, end.signal);
  const charon = connect();
  all.verify(charon);
  (await next()).reject(unreachable("protocol-unknown", 1, ADDRESSES_PROTOCOL));
  await intervals(20);
  assert.equal(asked.length, 0, "asked again");

  charon.connection.abort(new Error("restarts"));
  const trireme = connect();
  all.verify(trireme);
  (await next()).resolve(told([]));
  (await next()).reject(new Error("a broken answer is asked for again"));
  (await next()).resolve(Uint8Array.of(0xff));
  const last = await next();
  all.verify(connect({ operator: 2 })); // Now everybody is there.
  last.resolve(told([]));
  await intervals(20);
  assert.equal(asked.length, 0, "asked though nobody is missing");
  end.abort();
  await asking;
});

test("of an answer only credible places of other operators are taken", async () => {
  const { all, roster, connect, places, exchanging, next } = exchange();
  const end = new AbortController();
  const [one, two] = roster.peers;
  assert.ok(one !== undefined && two !== undefined);
  const asking = exchanging.keepAsking(one, end.signal);
  all.verify(connect());
  const rung = all.changed.get(2 as OperatorIndex)?.wait(undefined, end.signal);
  const good = ["/ip4/9.9.9.9/tcp/3610", "/dns4/node.example/tcp/3610"];
  const bad = [
    "/ip4/127.0.0.1/tcp/22",
    "/ip4/169.254.169.254/tcp/80",
    "/ip4/0.0.0.0/tcp/1",
    "/ip4/9.9.9.9/udp/3610/quic-v1",
    `/ip4/9.9.9.9/tcp/1/p2p/${one.id}/p2p-circuit`,
  ];
  (await next()).resolve(
    told([
      { peerId: two.id, addresses: [...bad, ...good] },
      { peerId: one.id, addresses: good },
      { peerId: roster.self.id, addresses: good },
    ]),
  );
  await rung; // Whoever waits to dial operator 2 does so now.
  assert.deepEqual(places.addressesOf(two), good);
  assert.deepEqual(places.addressesOf(one), []);
  end.abort();
  await asking;
});
