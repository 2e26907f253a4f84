import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createCluster, writeClusterFolders } from "../cluster/index.ts";
import { requested } from "../cluster/testing/signed-cluster.ts";
import { freePorts } from "../demo/free-ports.ts";
import type { RunConfig } from "./config.ts";
import { runNode } from "./run-node.ts";
import type { StartingStatus } from "./status.ts";

test("a node that waits for its beacon node is alive, says that it is not ready and why, and stops when asked to", {
  timeout: 120_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-start-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await writeClusterFolders(folder, createCluster(requested), { insecureKeys: true, networkName: "hoodi" });
  const [beacon, monitoring] = (await freePorts(2)) as [number, number];
  const dataDir = join(folder, "node1");
  const config: RunConfig = {
    dataDir,
    lockFile: join(dataDir, "cluster-lock.json"),
    privateKeyFile: join(dataDir, "charon-enr-private-key"),
    validatorKeysDir: join(dataDir, "validator_keys"),
    noVerify: false,
    executionClientRpcEndpoint: "",
    freshKeys: false,
    beaconNodeEndpoints: [`http://127.0.0.1:${beacon}`],
    beaconNodeHeaders: {},
    beaconNodeTimeoutMs: 500,
    p2pTcpAddresses: ["127.0.0.1:0"],
    p2pExternalIp: "",
    p2pExternalHostname: "",
    p2pRelays: [],
    p2pPeers: [],
    monitoringAddress: `127.0.0.1:${monitoring}`,
    validatorApi: { wanted: false, keystoresAggregate: false, address: "127.0.0.1:0", tls: undefined },
    builderApi: false,
    graffiti: "",
    nickname: "maria",
    logLevel: "error",
    logFormat: "console",
    logColor: "disable",
    privateKeyFileLock: false,
    testnet: undefined,
  };
  const stopping = new AbortController();
  t.after(() => stopping.abort(new Error("the test is over")));
  const ended = runNode(config, stopping.signal);
  const get = async (path: string): Promise<Response> => await fetch(`http://127.0.0.1:${monitoring}${path}`);
  /** Asks until the node has come so far; the test's time limit ends it. */
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    while (!(await isSo().catch(() => false))) await pause(20, undefined, { signal: t.signal });
  };

  await until(async () => (await (await get("/readyz")).text()) === "beacon node down");
  assert.equal((await get("/livez")).status, 200);
  assert.equal((await get("/readyz")).status, 500);
  assert.match(await (await get("/metrics")).text(), /^app_monitoring_readyz\{.*\} 2$/m);
  const status = (await (await get("/status")).json()) as StartingStatus;
  assert.equal(status.starting, "asks its beacon nodes for the chain");
  assert.equal(status.operator, 1);
  assert.equal("chain" in status, false, "it told of a chain that it does not know");
  assert.match(
    status.findings[0]?.what ?? "",
    /^The node waits for a beacon node: .* does not answer \(nothing listens at/,
  );
  assert.deepEqual(((await (await get("/duties?digest")).json()) as { duties: [] }).duties, []);
  assert.equal((await get("/")).status, 200);

  stopping.abort(new Error("asked to stop"));
  await ended;
  await assert.rejects(get("/livez"), "the port is still open");
});
