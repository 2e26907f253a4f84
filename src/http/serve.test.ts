import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { json } from "./answer.ts";
import {
  type Caller,
  HttpError,
  type Listening,
  readAddress,
  readTls,
  type ServeOptions,
  serve,
} from "./serve.ts";

const limits: ServeOptions["limits"] = {
  bodyBytesMax: (_, path) => (path === "/large" ? 1_000_000 : 1_000),
  bodiesBytesMax: 2_000_000,
  connectionsMax: 20,
  receiveTimeoutMs: 60_000,
  stallMs: 600_000,
  keepAliveMs: 60_000,
};
const listening: Listening[] = [];
async function start(
  handle: Parameters<typeof serve>[0],
  more: Partial<ServeOptions["limits"]> = {},
): Promise<string> {
  const server = await serve(handle, { host: "127.0.0.1", port: 0, limits: { ...limits, ...more } });
  listening.push(server);
  return `http://127.0.0.1:${server.port}`;
}
after(() => Promise.all(listening.map((server) => server.close())));

const echo = async (request: Request): Promise<Response> => json(200, { body: await request.text() });
const open = async (url: string): Promise<Socket> => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
};

test("requests of one connection come from one caller", async () => {
  const callers = new Set<Caller>();
  const url = await start(async (_, from) => {
    callers.add(from);
    return json(200, {});
  });
  const socket = await open(url);
  const request = "GET / HTTP/1.1\r\nhost: x\r\n";
  socket.end(`${request}\r\n${request}connection: close\r\n\r\n`);
  assert.equal((await text(socket)).match(/ 200 /g)?.length, 2);
  assert.equal(callers.size, 1);
});

test("a request reaches the handler and its answer the client, over one connection after another", async () => {
  const url = await start(echo);
  for (const body of ["a", "b"]) {
    const answer = await fetch(url, { method: "POST", body });
    assert.deepEqual(await answer.json(), { body });
    assert.ok(Number(answer.headers.get("content-length")) > 0);
  }
});

test("a body beyond the bound of its path is refused, and the next request is served", async () => {
  const url = await start(echo);
  const large = "x".repeat(2_000);
  assert.equal((await fetch(`${url}/small`, { method: "POST", body: large })).status, 413);
  assert.equal((await fetch(`${url}/large`, { method: "POST", body: large })).status, 200);
});

test("large bodies at the same time are bounded together, and the room is free again afterwards", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const url = await start(
    async () => {
      arrived.resolve();
      await release.promise;
      return json(200, {});
    },
    { bodiesBytesMax: 1_000_000 },
  );
  const body = "x".repeat(700_000);
  const first = fetch(`${url}/large`, { method: "POST", body });
  await arrived.promise;
  const refused = await fetch(`${url}/large`, { method: "POST", body }).catch(() => undefined);
  // The connection may end before the client has sent all of it.
  assert.ok(refused === undefined || refused.status === 503);
  release.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await fetch(`${url}/large`, { method: "POST", body })).status, 200);
});

test("a small body is taken while large ones fill the room", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const url = await start(
    async (request) => {
      if (request.url.endsWith("/small")) return json(200, {});
      arrived.resolve();
      await release.promise;
      return json(200, {});
    },
    { bodiesBytesMax: 100_000 },
  );
  const first = fetch(`${url}/large`, { method: "POST", body: "x".repeat(65_536 + 100_000) });
  await arrived.promise;
  assert.equal((await fetch(`${url}/small`, { method: "POST", body: "x".repeat(1_000) })).status, 200);
  release.resolve();
  assert.equal((await first).status, 200);
});

test("when all connections are being served, the one that has been longest makes place for a new one", async () => {
  const callers = new Set<Caller>();
  let arrived = (): void => {};
  const url = await start(
    (request, from) => {
      callers.add(from);
      arrived();
      return request.url.endsWith("/stuck") ? new Promise(() => {}) : Promise.resolve(json(200, {}));
    },
    { connectionsMax: 3 },
  );
  const stuck: Socket[] = [];
  for (let i = 0; i < 3; i++) {
    const socket = await open(url);
    const served = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    socket.write("GET /stuck HTTP/1.1\r\nhost: x\r\n\r\n");
    await served;
    stuck.push(socket);
  }
  const [longest, ...others] = stuck as [Socket, ...Socket[]];
  const closed = once(longest, "close");
  assert.equal((await fetch(`${url}/quick`)).status, 200);
  await closed;
  assert.ok(others.every((socket) => !socket.destroyed));
  assert.equal(callers.size, 4, "one for each connection");
  assert.deepEqual(new Set([...callers].map(({ address }) => address)), new Set(["127.0.0.1"]));
  for (const socket of others) socket.destroy();
});

test("connections that say nothing keep nobody out: the longest idle one goes", async () => {
  const url = await start(echo, { connectionsMax: 20 });
  const idle = await Promise.all(Array.from({ length: 20 }, () => open(url)));
  const closed = Promise.race(idle.map((socket) => once(socket, "close")));
  assert.equal((await fetch(url, { method: "POST", body: "in" })).status, 200);
  await closed;
  for (const socket of idle) socket.destroy();
});

test("a reader that reads nothing is let go, and what it was sent from ends", async () => {
  const ended = Promise.withResolvers<void>();
  const url = await start(
    async () => {
      const stream = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => ended.resolve(),
      });
      return new Response(stream);
    },
    { stallMs: 300 },
  );
  const socket = await open(url);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await ended.promise;
  socket.destroy();
});

test("the handler learns that its client has gone", async () => {
  const gone = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const url = await start((request) => {
    arrived.resolve();
    request.signal.addEventListener("abort", () => gone.resolve());
    return new Promise(() => {});
  });
  const socket = await open(url);
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await arrived.promise;
  socket.destroy();
  await gone.promise;
});

test("a client that has said all it will say still gets its answer", async () => {
  const url = await start(echo);
  const socket = await open(url);
  socket.end("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
  assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n.*\{"body":"hi"\}$/s);
});

test("what is no HTTP gets a 400 and the end of its connection", async () => {
  const url = await start(echo);
  const socket = await open(url);
  socket.write("\u0016\u0003\u0001 not http\r\n\r\n");
  assert.match(await text(socket), /^HTTP\/1\.1 400/);
});

test("a handler that fails costs its own connection only", async () => {
  const url = await start(async (request) => {
    if (request.url.endsWith("/bug")) throw new Error("bug");
    return json(200, {});
  });
  await assert.rejects(fetch(`${url}/bug`));
  assert.equal((await fetch(url)).status, 200);
});

test("addresses are read in their three forms, and others are refused with an example", () => {
  assert.deepEqual(readAddress("127.0.0.1:3600"), { host: "127.0.0.1", port: 3600 });
  assert.deepEqual(readAddress("[::1]:0"), { host: "::1", port: 0 });
  assert.deepEqual(readAddress(":3600"), { host: "0.0.0.0", port: 3600 });
  for (const wrong of ["3600", "host", "host:99999", "http://host:1"])
    assert.throws(
      () => readAddress(wrong),
      (error: HttpError) => error.code === "http/bad-address",
    );
});

test("a certificate that cannot be read is named before the port is opened", async () => {
  const tls = { certificateFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
  await assert.rejects(
    serve(echo, { host: "127.0.0.1", port: 0, tls, limits }),
    (error: HttpError) =>
      error.code === "http/bad-certificate" && error.facts["certificate"] === tls.certificateFile,
  );
});

test("a certificate that is none, and a key that is not its own, are told as such before anything listens", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const pem = (): string =>
    generateKeyPairSync("ec", { namedCurve: "P-256" })
      .privateKey.export({ type: "pkcs8", format: "pem" })
      .toString();
  const keyFile = file("key.pem", pem());
  for (const certificateFile of [file("garbage.pem", "\u0000\u0001 no certificate"), keyFile, folder])
    assert.throws(() => readTls({ certificateFile, keyFile }), { code: "http/bad-certificate" });
});
