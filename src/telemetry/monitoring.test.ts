import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { silent } from "../ports/index.ts";
import { MONITORING_CONNECTIONS_MAX } from "./limits.ts";
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

test("another site's page is answered with nothing that costs work, and a link to the dashboard still works", async () => {
  let asked = 0;
  await serving({ status: () => ({ asked: ++asked }) }, async (base, { port }) => {
    const ask = async (site: string, mode: string): Promise<number | undefined> => {
      const headers = { "sec-fetch-site": site, "sec-fetch-mode": mode };
      const asking = request({ host: "127.0.0.1", port, path: "/status", headers }).end();
      const [answer] = (await once(asking, "response")) as [IncomingMessage];
      answer.resume();
      return answer.statusCode;
    };
    for (const site of ["cross-site", "same-site"]) assert.equal(await ask(site, "no-cors"), 403);
    assert.equal(asked, 0);
    assert.equal(await ask("cross-site", "navigate"), 200);
    for (const site of ["same-origin", "none"]) assert.equal(await ask(site, "cors"), 200);
    assert.equal((await get(`${base}/status`))[0], 200, "and programs are no pages");
  });
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

test("the digest of duties is told since the last answer", async () => {
  const asked: string[] = [];
  const digests: MonitoringOptions["digests"] = (since) => {
    asked.push(since);
    return { token: "a.7", whole: since === "", duties: [], causes: {} };
  };
  await serving({ duties: () => [], digests }, async (base) => {
    assert.deepEqual(await get(`${base}/duties?digest`), [
      200,
      '{"token":"a.7","whole":true,"duties":[],"causes":{}}',
    ]);
    await get(`${base}/duties?digest&since=a.7`);
    assert.deepEqual(asked, ["", "a.7"]);
    assert.deepEqual(await get(`${base}/duties`), [200, "[]"]);
  });
});

test("stories of duties that are too long together are cut at a whole one, the latest first", async () => {
  const duties = (limit: number) =>
    Array.from({ length: limit }, (_, i) => ({
      duty: { slot: 1_000 - i, kind: "attester" as const },
      entries: [],
      outcomes: [{ outcome: "failed" as const, cause: "x".repeat(20_000), validators: 1, groupKeys: [] }],
    }));
  await serving({ duties }, async (base) => {
    const [, text] = await get(`${base}/duties?limit=500`);
    const told = JSON.parse(text) as { duty: { slot: number } }[];
    assert.ok(
      text.length < 2_000_000 && told.length > 90,
      `${text.length} characters, ${told.length} duties`,
    );
    assert.equal(told[0]?.duty.slot, 1_000);
  });
});

const pages: NonNullable<MonitoringOptions["pages"]> = new Map([
  [
    "/",
    {
      type: "text/html; charset=utf-8",
      body: new TextEncoder().encode("<!doctype html>ü"),
      etag: '"abc"',
      headers: { "content-security-policy": "default-src 'none'" },
    },
  ],
]);

test("a page goes out with its type and policy, and once only to a browser that kept it", async () => {
  await serving({ pages }, async (base) => {
    const page = await fetch(`${base}/`);
    assert.equal(await page.text(), "<!doctype html>ü");
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(page.headers.get("content-security-policy"), "default-src 'none'");
    assert.equal(page.headers.get("x-content-type-options"), "nosniff");
    assert.equal(page.headers.get("cache-control"), "no-cache");
    assert.equal(page.headers.get("etag"), '"abc"');
    assert.deepEqual(await get(`${base}/`, { method: "HEAD" }), [200, ""]);
    // As browsers and proxies write it.
    for (const known of ['"abc"', 'W/"abc"', '"old", "abc"'])
      assert.deepEqual(await get(`${base}/`, { headers: { "if-none-match": known } }), [304, ""], known);
    const kept = await fetch(`${base}/`, { headers: { "if-none-match": '"abc"' } });
    assert.equal(kept.headers.get("content-length"), null);
    assert.equal((await get(`${base}/`, { headers: { "if-none-match": '"old"' } }))[0], 200);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
      assert.equal((await get(`${base}/`, { method }))[0], 405, method);
    assert.equal((await get(`${base}/index.html`))[0], 404);
    assert.equal((await get(`${base}/dashboard/../../package.json`))[0], 404);
  });
});

test("what changes is never kept by a browser, and nothing is for the pages of others", async () => {
  await serving({ pages, duties: () => [] }, async (base) => {
    for (const path of ["/status", "/duties", "/metrics", "/readyz"]) {
      const { headers } = await fetch(base + path, { headers: { origin: "http://evil.example" } });
      assert.equal(headers.get("cache-control"), "no-store", path);
      assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
      assert.equal(headers.get("access-control-allow-origin"), null, path);
    }
  });
});

test("a stranger's name that was made to mean this machine gets nothing", async () => {
  const status = () => ({ secret: "peers" });
  await serving({ pages, status }, async (_, { port }) => {
    const ask = (host: string, path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asking = request({ host: "127.0.0.1", port, path, headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asking.on("error", reject);
        asking.end();
      });
    for (const path of ["/", "/status", "/metrics", "/livez"])
      assert.equal(await ask(`evil.example:${port}`, path), 421, path);
    assert.equal(await ask(`localhost:${port}`, "/status"), 200);
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
      { code: "http/bad-address" },
      address,
    );
  }
});

test("clients that say nothing, or read nothing of what they asked for, keep nobody from asking", async () => {
  const large = { type: "text/plain", body: new Uint8Array(6 * 1024 * 1024), etag: '"1"', headers: {} };
  await serving({ pages: new Map([["/", large]]), stallMs: 200 }, async (base, { port }) => {
    const sockets = Array.from({ length: 2 * MONITORING_CONNECTIONS_MAX }, (_, i) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.pause();
      if (i % 2 === 0) socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    try {
      let answer: string | undefined;
      while (answer === undefined) answer = (await get(`${base}/livez`).catch(() => undefined))?.[1];
      assert.equal(answer, "ok");
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});
