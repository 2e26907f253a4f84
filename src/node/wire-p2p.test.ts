import assert from "node:assert/strict";
import { test } from "node:test";
import { announced } from "./wire-p2p.ts";

test("peers are told the external address and name with the port that this node listens at", () => {
  const told = (p2pTcpAddresses: readonly string[], p2pExternalIp: string, p2pExternalHostname = "") =>
    announced({ p2pTcpAddresses, p2pExternalIp, p2pExternalHostname });
  assert.deepEqual(told([], ""), []);
  assert.deepEqual(told(["0.0.0.0:3611"], "203.0.113.7", "node.example"), [
    "203.0.113.7:3611",
    "node.example:3611",
  ]);
  assert.deepEqual(told(["/ip4/0.0.0.0/tcp/3612"], "2001:db8::7"), ["[2001:db8::7]:3612"]);
  assert.deepEqual(told([], "203.0.113.7"), ["203.0.113.7:3610"]);
});
