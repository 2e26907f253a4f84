import assert from "node:assert/strict";
import { test } from "node:test";
import { isOwnHost } from "./host-rule.ts";

test("over loopback only names are served that no stranger can own", () => {
  for (const host of [
    "127.0.0.1:3620",
    "127.0.0.1",
    "localhost:3620",
    "LOCALHOST",
    "localhost.:3620",
    "[::1]:3620",
    "192.168.1.7:3620",
    "trireme:3620",
    "node_0:3620",
    "node0.localhost",
    "nas.local:3620",
    "host.docker.internal:3620",
    "node.home.arpa",
    "trireme.monitoring.svc.cluster.local",
  ])
    for (const local of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
      assert.ok(isOwnHost(host, local), `${host} at ${local}`);
  for (const host of [
    "evil.example",
    "evil.example:3620",
    "127.0.0.1.evil.example:3620",
    "localhost.evil.example",
    "notlocal",
    "evil.notlocal",
    "127.0.0.1@evil.example",
    "evil.example:80:3620",
    "[evil.example]:3620",
    "[::1].evil.example",
    "",
  ]) {
    const isSingle = host === "notlocal";
    assert.equal(isOwnHost(host, "127.0.0.1"), isSingle, host);
    assert.equal(isOwnHost(host, "::1"), isSingle, host);
  }
});

test("where the operator opened the address to a network every name is served, and to no browser at all anywhere", () => {
  assert.ok(isOwnHost("node0.example.org:3620", "192.168.1.7"));
  assert.ok(isOwnHost("node0.example.org:3620", "fd00::7"));
  assert.ok(isOwnHost(undefined, "127.0.0.1"));
});
