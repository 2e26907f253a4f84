import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { test } from "node:test";
import type { OperatorIndex } from "../spec/index.ts";
import { DIAL_TIMEOUT_MS } from "./limits.ts";
import { peerLookup } from "./lookup.ts";
import { newKey, testNode, until, withoutLimits } from "./testing/hosts.ts";

const known: Readonly<Record<string, readonly string[]>> = {
  "peer.example": ["8.8.8.8", "10.0.0.1"],
  "metadata.example": ["169.254.169.254", "127.0.0.1", "0.0.0.0", "1.2.3.4"],
};
const resolver = {
  resolve4: async (name: string) => [...(known[name] ?? [])],
  resolve6: async (name: string) => (name === "peer.example" ? ["2001:db8::1"] : []),
} as unknown as Resolver;
const isTrusted = (name: string): boolean => name === "localhost.";

/** What a name leads to, or why to nothing. */
const find = (
  name: string,
  own: Parameters<typeof peerLookup>[0] = { isTrusted, resolver },
): Promise<unknown> =>
  new Promise((resolve) =>
    peerLookup(own)(name, { all: true }, (error, found) => resolve(error === null ? found : error.code)),
  );
const addresses = async (name: string): Promise<unknown> => {
  const found = await find(name);
  return Array.isArray(found) ? found.map(({ address }: { address: string }) => address) : found;
};

test("a name leads to its addresses, but to none of this machine or its link, where secrets are served", async () => {
  assert.deepEqual(await addresses("peer.example"), ["8.8.8.8", "10.0.0.1", "2001:db8::1"]);
  assert.deepEqual(await addresses("metadata.example"), ["1.2.3.4"]);
  assert.equal(await addresses("nobody.example"), "ENOTFOUND");
});

test("names that strangers cannot have are looked up as the system does", async () => {
  assert.ok(((await addresses("localhost")) as string[]).some((one) => one === "127.0.0.1" || one === "::1"));
});

test("one address of the wanted family is given to who wants one", async () => {
  const one = await new Promise((resolve) =>
    peerLookup({ isTrusted, resolver })("peer.example", { family: 6 }, (_, address, family) =>
      resolve([address, family]),
    ),
  );
  assert.deepEqual(one, ["2001:db8::1", 6]);
});

test("names whose server never answers keep no thread that others need", async () => {
  const silent = createSocket("udp4");
  silent.bind(0, "127.0.0.1");
  await once(silent, "listening");
  const slow = new Resolver({ timeout: 600_000, tries: 1 });
  slow.setServers([`127.0.0.1:${silent.address().port}`]);
  try {
    let ended = 0;
    const names = Array.from({ length: 16 }, (_, i) => find(`n${i}.example`, { isTrusted, resolver: slow }));
    for (const name of names) void name.then(() => ended++);
    await find("localhost");
    assert.equal(ended, 0);
    slow.cancel();
    assert.deepEqual(new Set(await Promise.all(names)), new Set(["ENOTFOUND"]));
  } finally {
    silent.close();
  }
});

test("a name that a peer has told is dialled so, and one of the configuration may be the system's to know", async (t) => {
  withoutLimits(t, DIAL_TIMEOUT_MS); // The system may ask a server that is not there.
  const asked: string[] = [];
  for (const method of ["resolve4", "resolve6"] as const)
    t.mock.method(Resolver.prototype, method, async (name: string) => {
      asked.push(name);
      return [];
    });
  const keys = [newKey(), newKey()];
  const id = testNode(keys, 1).p2p.peerId(1 as OperatorIndex);
  const addressBook = { load: async () => ({ [id]: ["/dns4/told.example/tcp/1"] }), save: async () => {} };
  const named = "/dns4/named.example.invalid/tcp/1";
  const node = testNode(keys, 0, { peers: [`${named}/p2p/${id}`], addressBook });
  await node.p2p.start();
  try {
    const why = (): string => node.p2p.peers()[0]?.lastError ?? "";
    await until(() => why().includes("named"));
    assert.match(why(), /nothing is known of told\.example/);
    assert.match(why(), /getaddrinfo \w+ named\.example\.invalid/);
    assert.deepEqual(new Set(asked), new Set(["told.example", "named.example.invalid"]));
  } finally {
    await node.p2p.stop();
  }
});
