import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { silent } from "../ports/index.ts";
import { createMeter } from "./meter.ts";
import { type Monitoring, type MonitoringOptions, startMonitoring } from "./monitoring.ts";
import type { NotReady } from "./readiness.ts";

async function serving(
  over: Partial<MonitoringOptions>,
  body: (base: string, monitoring: Monitoring) => Promise<void>,
): Promise<void> {
  const monitoring = await startMonitoring({
    address: "127.0.0.1:0",
    meter: createMeter(),
    ready: () => [],
    status: () => ({}),
    log: silent,
    ...over,
  });
  try {
    await body(`http://127.0.0.1:${monitoring.port}`, monitoring);
  } finally {
    await monitoring.close();
  }
}

async function get(url: string, init?: RequestInit): Promise<readonly [number, string]> {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
}

test("a node is alive at once, and ready when no reason speaks against it", async () => {
  let reasons: readonly NotReady[] = ["beacon node down", "quorum peers not connected"];
  await serving({ ready: () => reasons }, async (base) => {
    assert.deepEqual(await get(`${base}/livez`), [200, "ok"]);
    assert.deepEqual(await get(`${base}/readyz`), [500, "beacon node down\nquorum peers not connected"]);
    reasons = [];
    assert.deepEqual(await get(`${base}/readyz`), [200, "ok"]);
  });
});

test("the readiness gauge has Charon's number for the gravest reason", async () => {
  for (const [reason, code] of [
    ["beacon node down", 2],
    ["beacon node not synced", 3],
    ["quorum peers not connected", 4],
    ["beacon node has zero peers", 7],
    ["beacon node far behind", 8],
    [undefined, 1],
  ] as const) {
    await serving({ ready: () => (reason === undefined ? [] : [reason]) }, async (base) => {
      const [, text] = await get(`${base}/metrics`);
      assert.match(text, new RegExp(`^app_monitoring_readyz ${code}$`, "m"));
    });
  }
});

test("status and duties are JSON, with a bounded number of duties", async () => {
  let asked = 0;
  const duties = (limit: number): [] => {
    asked = limit;
    return [];
  };
  await serving({ status: () => ({ peers: 3 }), duties }, async (base) => {
    assert.deepEqual(await get(`${base}/status`), [200, '{"peers":3}']);
    assert.deepEqual(await get(`${base}/duties?limit=7`), [200, "[]"]);
    assert.equal(asked, 7);
    for (const bad of ["0", "-1", "1e9", "x", "501"]) {
      assert.equal((await get(`${base}/duties?limit=${bad}`))[0], 400, bad);
    }
  });
});

test("other paths and methods are answered in words", async () => {
  await serving({}, async (base) => {
    assert.equal((await get(`${base}/`))[0], 404);
    assert.equal((await get(`${base}/metrics`, { method: "POST", body: "x".repeat(1_000_000) }))[0], 405);
    assert.deepEqual(await get(`${base}/livez`, { method: "HEAD" }), [200, ""]);
  });
});

test("a part of the node that fails costs one answer and not the server", async () => {
  const status = (): unknown => {
    throw new Error("not now");
  };
  await serving({ status }, async (base) => {
    assert.equal((await get(`${base}/status`))[0], 503);
    assert.equal((await get(`${base}/livez`))[0], 200);
  });
});

test("bytes that are not HTTP do not stop the server", async () => {
  await serving({}, async (base, { port }) => {
    for (const bytes of [
      "\u0000\u0001\u0002\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      `GET /${"a".repeat(20_000)} HTTP/1.1\r\n\r\n`,
      "GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.end(bytes);
      socket.resume();
      await once(socket, "close");
    }
    assert.equal((await get(`${base}/livez`))[0], 200);
  });
});

test("an address that is taken or makes no sense is named", async () => {
  await serving({}, async (_, { port }) => {
    await assert.rejects(
      serving({ address: `127.0.0.1:${port}` }, async () => {}),
      { code: "telemetry/cannot-listen" },
    );
  });
  for (const address of ["", "3620", "localhost:99999", "a:b:1", "http://x:1"]) {
    await assert.rejects(
      serving({ address }, async () => {}),
      { code: "telemetry/bad-address" },
      address,
    );
  }
});
