import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { askRunningNode, judgeRunning } from "./ask-running-node.ts";

const lockHash = "0xab";
const here = { page: "http://127.0.0.1:3620/", lockHash };
const cluster = { lockHash };
/** A busy machine is no node that does not answer. */
const MINUTE_MS = 60_000;

test("what a running node finds of itself becomes verdicts with what to do, and nothing is a good sign", () => {
  const findings = [
    { level: "bad", what: "Too few operators are connected.", advice: "Ask." },
    { level: "warning", what: "One is away.", advice: "Call him." },
  ];
  assert.deepEqual(judgeRunning({ cluster, findings }, here), [
    { name: "node", state: "bad", says: "Too few operators are connected", advice: "Ask." },
    { name: "node", state: "odd", says: "One is away", advice: "Call him." },
  ]);
  assert.equal(judgeRunning({ cluster, findings: [] }, here)[0]?.state, "good");
});

test("what answers and is not that node is told, whatever it says", () => {
  const strange = [
    null,
    7,
    {},
    { cluster: null },
    { cluster },
    { cluster: { lockHash: "0xcd" }, findings: [] },
  ];
  for (const answer of strange)
    assert.match(judgeRunning(answer, here)[0]?.says ?? "", /not of its cluster/, JSON.stringify(answer));
});

test("a node is asked on its own port, and one that is not there is told", async () => {
  const server = createServer((_, response) => response.end(JSON.stringify({ cluster, findings: [] })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const [found] = await askRunningNode(`127.0.0.1:${port}`, lockHash, MINUTE_MS);
  assert.match(found?.says ?? "", /all is well/);
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  const [gone] = await askRunningNode(`127.0.0.1:${port}`, lockHash, MINUTE_MS);
  assert.equal(gone?.state, "odd");
  assert.match(gone?.says ?? "", /does not answer at .*nothing listens/);
});
