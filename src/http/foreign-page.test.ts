import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { json } from "./answer.ts";
import { type Listening, serve } from "./serve.ts";

const limits = {
  bodyBytesMax: () => 1_000,
  bodiesBytesMax: 10_000,
  connectionsMax: 20,
  receiveTimeoutMs: 60_000,
  stallMs: 600_000,
  keepAliveMs: 60_000,
};
const listening: Listening[] = [];
after(() => Promise.all(listening.map((server) => server.close())));

async function start(onlyPrograms: boolean): Promise<number> {
  const server = await serve(async () => json(200, {}), {
    host: "127.0.0.1",
    port: 0,
    onlyPrograms,
    limits,
  });
  listening.push(server);
  return server.port;
}

const statusOf = (port: number, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, headers, method: "POST" }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on("error", reject);
    asked.end();
  });

test("what a stranger's page sends through a browser is refused where only programs ask", async () => {
  const port = await start(true);
  const own = `127.0.0.1:${port}`;
  const foreign: readonly [Record<string, string>, number][] = [
    [{ host: `evil.example:${port}` }, 421],
    [{ host: own, origin: "https://evil.example" }, 403],
    [{ host: own, origin: "null" }, 403],
    [{ host: own, origin: "http://127.0.0.1:1" }, 403],
    [{ host: own, "sec-fetch-site": "cross-site" }, 403],
    [{ host: own, "sec-fetch-site": "same-site" }, 403],
  ];
  for (const [headers, status] of foreign)
    assert.equal(await statusOf(port, headers), status, JSON.stringify(headers));
  for (const headers of [
    { host: own },
    { host: "localhost" },
    { host: "trireme:3600" },
    { host: own, "sec-fetch-mode": "cors" }, // Programs that run on Node.
    { host: own, "sec-fetch-site": "none" },
    { host: own, origin: `http://${own}`, "sec-fetch-site": "same-origin" },
  ])
    assert.equal(await statusOf(port, headers), 200, JSON.stringify(headers));
});

test("a port that pages may ask is served under every name", async () => {
  assert.equal(await statusOf(await start(false), { host: "relay.example.org" }), 200);
});
