import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileAddressBook, parseAddresses } from "./address-book.ts";
import { credibleAddresses, peerAddress, scopeOf, tcpAddress } from "./addresses.ts";
import { P2pError } from "./errors.ts";

const id = "16Uiu2HAm26fpJEP8wQ22F6FG6CR8WGKRyk3bVowqNjV87NHTomhC";

test("addresses are read in every form an operator writes them", () => {
  for (const [text, wanted] of [
    ["1.2.3.4:3610", "/ip4/1.2.3.4/tcp/3610"],
    ["0.0.0.0:3610", "/ip4/0.0.0.0/tcp/3610"],
    ["[2001:db8::1]:3610", "/ip6/2001:db8::1/tcp/3610"],
    ["node.example:3610", "/dns/node.example/tcp/3610"],
    ["/ip4/1.2.3.4/tcp/3610", "/ip4/1.2.3.4/tcp/3610"],
  ] as const)
    assert.equal(tcpAddress(text, "x").toString(), wanted);
  for (const text of [
    "",
    "1.2.3.4",
    "1.2.3.4:99999",
    "999.1.1.1:1",
    "1.2.3:1",
    "[1.2.3.4]:1",
    "/ip4/1.2.3",
    "a b:1",
    "/",
    "/ip4/1.2.3.4",
    "/ip4/1.2.3.4/udp/3610",
    `/ip4/1.2.3.4/tcp/3610/p2p/${id}`,
  ])
    assert.throws(() => tcpAddress(text, "x"), P2pError, text);
});

test("a peer's address names its peer and a place that TCP reaches", () => {
  assert.deepEqual(peerAddress(`/ip4/1.2.3.4/tcp/3610/p2p/${id}`, "x"), {
    address: "/ip4/1.2.3.4/tcp/3610",
    peerId: id,
  });
  for (const text of [
    "/ip4/1.2.3.4/tcp/3610",
    `/ip4/1.2.3.4/udp/3610/quic-v1/p2p/${id}`,
    `/p2p/${id}`,
    `/ip4/1.2.3.4/tcp/1/p2p/${id}/p2p-circuit/p2p/${id}`,
  ])
    assert.throws(() => peerAddress(text, "x"), P2pError, text);
});

test("scopes are told apart", () => {
  for (const [address, scope] of [
    ["/ip4/8.8.8.8/tcp/1", "public"],
    ["/ip4/10.0.0.1/tcp/1", "private"],
    ["/ip4/100.64.0.1/tcp/1", "private"],
    ["/ip4/127.1.2.3/tcp/1", "loopback"],
    ["/dns4/localhost/tcp/1", "loopback"],
    ["/dns/a.localhost/tcp/1", "loopback"],
    ["/ip4/169.254.169.254/tcp/80", "link-local"],
    ["/ip4/0.0.0.0/tcp/1", "unusable"],
    ["/ip4/224.0.0.1/tcp/1", "unusable"],
    ["/ip4/8.8.8.8/tcp/0", "unusable"],
    ["/ip4/8.8.8.8/udp/1", "unusable"],
    ["/ip6/::1/tcp/1", "loopback"],
    ["/ip6/fe80::1/tcp/1", "link-local"],
    ["/ip6/fd00::1/tcp/1", "private"],
    ["/ip6/::ffff:7f00:1/tcp/1", "unusable"],
    ["/dns4/a.example/tcp/1", "name"],
    [`/ip4/8.8.8.8/tcp/1/p2p/${id}`, "unusable"],
    ["rubbish", "unusable"],
  ] as const)
    assert.equal(scopeOf(address), scope, address);
});

test("of what a peer says about itself only a few credible addresses are kept, public ones first", () => {
  const claimed = [
    "/ip4/127.0.0.1/tcp/1",
    "/ip4/169.254.169.254/tcp/80",
    "/ip4/192.168.1.2/tcp/1",
    "/ip4/9.9.9.9/tcp/1",
    "x",
  ];
  assert.deepEqual(credibleAddresses(claimed, `/ip4/5.5.5.5/tcp/1/p2p/${id}`, 8), [
    "/ip4/9.9.9.9/tcp/1",
    "/ip4/192.168.1.2/tcp/1",
  ]);
  assert.ok(
    credibleAddresses(claimed, "/ip4/127.0.0.1/tcp/9", 8).includes("/ip4/127.0.0.1/tcp/1"),
    "the same machine",
  );
  const many = Array.from({ length: 1_000 }, (_, i) => `/ip4/9.9.9.9/tcp/${i + 1}`);
  assert.equal(credibleAddresses(many, "/ip4/5.5.5.5/tcp/1", 8).length, 8);
});

test("an address book keeps what was saved, whole, for its owner only, and sets aside what it cannot read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "address-book-"));
  try {
    const path = join(folder, "peers.json");
    const book = fileAddressBook(path);
    assert.deepEqual(await book.load(), {});
    await book.save({ [id]: ["/ip4/1.2.3.4/tcp/3610"] });
    assert.deepEqual(await fileAddressBook(path).load(), { [id]: ["/ip4/1.2.3.4/tcp/3610"] });
    assert.equal((await stat(path)).mode & 0o777, 0o600);

    await writeFile(path, '{"half');
    assert.deepEqual(await book.load(), {});
    assert.equal(await readFile(`${path}.unreadable`, "utf8"), '{"half');
    await assert.rejects(fileAddressBook(join(folder, "absent", "peers.json")).save({}), P2pError);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a damaged book gives its good entries and nothing else", () => {
  assert.deepEqual(parseAddresses(`{"${id}":["/ip4/1.2.3.4/tcp/1",7,"x"],"other":5}`), {
    [id]: ["/ip4/1.2.3.4/tcp/1"],
  });
  for (const text of ["", "[]", "null", "7", "{"]) assert.equal(parseAddresses(text), undefined, text);
});
