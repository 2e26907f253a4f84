import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { urlFromHere, urlOf } from "./url-from-here.ts";

test("a server on all addresses is reached by the loopback one, and any other by its own", () => {
  for (const host of ["0.0.0.0", "::", "0", "::0", "0:0:0:0:0:0:0:0"])
    assert.equal(urlFromHere({ host, port: 80 }), "http://127.0.0.1:80", host);
  for (const [host, written] of [
    ["10.0.0.1", "10.0.0.1"],
    ["::1", "[::1]"],
    ["fd00::7", "[fd00::7]"],
    ["localhost", "localhost"],
  ] as const)
    assert.equal(urlFromHere({ host, port: 80 }, "https"), `https://${written}:80`, host);
  assert.equal(urlOf({ host: "::", port: 80 }), "http://[::]:80");
});

test("what listens on all addresses of IPv6 answers there", async (t) => {
  const server = createServer((_, answer) => answer.end("here"));
  t.after(() => server.close());
  server.listen(0, "::");
  const [error] = (await Promise.race([
    once(server, "listening"),
    once(server, "error"),
  ])) as readonly unknown[];
  if (error !== undefined) return t.skip("NOT TESTED: there is no IPv6 here");
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(urlFromHere({ host: "::", port }), { headers: { connection: "close" } });
  assert.equal(await answer.text(), "here");
});
