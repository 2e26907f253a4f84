import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { createValidatorApi, listen } from "../../src/validator-api/index.ts";
import { type ApiWorld, apiWorld } from "../../src/validator-api/testing/api-world.ts";

// A validator API on a real port, and whoever reaches that port with something else in mind than duties.

let world: ApiWorld;
let server: Awaited<ReturnType<typeof listen>>;
let url = "";
/** Event streams that the beacon node has open for us. */
let streams = 0;
let bigAnswers = 0;

before(async () => {
  world = await apiWorld({
    forward: (request) => {
      if (request.path.startsWith("/eth/v1/events")) return Promise.resolve(endless());
      if (request.path.startsWith("/eth/v1/debug")) return Promise.resolve(large());
      return undefined;
    },
  });
  server = await listen(world.api, { address: "127.0.0.1:0" });
  url = `http://127.0.0.1:${server.port}`;
});
after(async () => {
  world.api.close();
  await server.close();
});

function endless(): Response {
  streams++;
  let timer: NodeJS.Timeout;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(Buffer.from("event: head\ndata: {}\n\n")), 5);
    },
    cancel() {
      clearInterval(timer);
      streams--;
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

function large(): Response {
  bigAnswers++;
  return new Response(
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
      cancel: () => void bigAnswers--,
    }),
  );
}

async function open(): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** The API still does what it is for. */
async function assertWell(): Promise<void> {
  const answer = await fetch(`${url}/eth/v1/validator/duties/attester/0`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(["0", "1"]),
  });
  assert.equal(answer.status, 200);
  assert.equal(((await answer.json()) as { data: unknown[] }).data.length, 2);
}

const POSTS = [
  "/eth/v2/beacon/pool/attestations",
  "/eth/v2/validator/aggregate_and_proofs",
  "/eth/v1/beacon/pool/sync_committees",
  "/eth/v1/validator/contribution_and_proofs",
  "/eth/v1/validator/beacon_committee_selections",
  "/eth/v1/validator/sync_committee_selections",
  "/eth/v1/validator/register_validator",
  "/eth/v1/validator/prepare_beacon_proposer",
  "/eth/v1/validator/duties/attester/0",
  "/eth/v1/beacon/states/head/validators",
  "/eth/v2/beacon/blocks",
] as const;

test("bodies that nobody could mean are refused with a reason, on every route that takes one", async () => {
  const bodies: readonly (readonly [what: string, body: string | Uint8Array])[] = [
    ["nothing", ""],
    ["half a document", '[{"slot":"1"'],
    ["brackets without end", "[".repeat(200_000)],
    ["objects in objects", `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`],
    ["a number", "7"],
    ["null", "null"],
    ["a prototype", '[{"__proto__":{"slot":"1"}}]'],
    ["a list of nulls", `[${"null,".repeat(5_000)}null]`],
    ["a list of a hundred thousand", `[${'"1",'.repeat(100_000)}"1"]`],
    ["bytes that are no text", new Uint8Array(4_096).fill(0xff)],
  ];
  for (const path of POSTS) {
    for (const [what, body] of bodies) {
      for (const type of ["application/json", "application/octet-stream", "text/html"]) {
        const answer = await fetch(url + path, {
          method: "POST",
          body: typeof body === "string" ? body : new Uint8Array(body),
          headers: { "content-type": type, "eth-consensus-version": "fulu" },
        });
        const said = await answer.text();
        const context = `${path} ${what} as ${type}: ${answer.status} ${said.slice(0, 200)}`;
        if (answer.status === 200) {
          // Empty lists in SSZ are lists; and clients that want all validators name none, with or without an object.
          const wantsAll = path.endsWith("/validators") && what === "objects in objects";
          assert.ok(body === "" || what === "null" || wantsAll, context);
          continue;
        }
        assert.ok(answer.status >= 400 && answer.status < 500, context);
        assert.ok((JSON.parse(said) as { message: string }).message.length > 5, context);
      }
    }
  }
  assert.deepEqual(world.desk.submitted, []);
  await assertWell();
});

test("a body beyond every bound is refused while it is still coming", async () => {
  const socket = await open();
  const path = "/eth/v2/beacon/pool/attestations";
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
  let sent = 0;
  const write = (error?: Error | null): void => {
    if (socket.destroyed || sent >= 64 || (error ?? undefined) !== undefined) return;
    sent++;
    socket.write(chunk, write);
  };
  let answer = "";
  socket.on("data", (bytes: Buffer) => {
    answer += bytes.toString();
  });
  write();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.ok(sent < 64, "it was not all read");
  await assertWell();
});

test("a thousand connections that say nothing, or half of something, keep no client out", async () => {
  const sockets: Socket[] = [];
  for (let i = 0; i < 1_000; i++) {
    const socket = await open();
    if (i % 3 === 1) socket.write("GET /eth/v1/node/version HTTP/1.1\r\nhost: x\r\n");
    if (i % 3 === 2) socket.write("POST /eth/v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc");
    sockets.push(socket);
  }
  const before = process.cpuUsage();
  for (let i = 0; i < 50; i++) await assertWell();
  assert.ok(process.cpuUsage(before).user < 5_000_000);
  for (const socket of sockets) socket.destroy();
});

test("event streams end at the beacon node when their reader goes, and of too many the oldest", async () => {
  const leave = new AbortController();
  const open = (): Promise<Response> => fetch(`${url}/eth/v1/events?topics=head`, { signal: leave.signal });
  const oldest = await open();
  const ended = assert.rejects(oldest.text(), /terminated/);
  for (let i = 1; i < 80; i++) assert.equal((await open()).status, 200);
  assert.equal(world.api.status().streams, 16);
  await ended;
  while (streams > 16) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(streams, 16);
  await assertWell();
  leave.abort();
  while (streams > 0 || world.api.status().streams > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
});

test("an event stream reaches its reader as it comes", async () => {
  const leave = new AbortController();
  const answer = await fetch(`${url}/eth/v1/events?topics=head`, { signal: leave.signal });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  for (let i = 0; i < 3; i++) {
    const { value } = await reader.read();
    assert.match(Buffer.from(value ?? []).toString(), /^event: head/);
  }
  leave.abort();
});

test("an answer without end is read from the beacon node only as fast as the client reads it", async () => {
  const socket = await open();
  socket.pause();
  socket.write("GET /eth/v1/debug/beacon/heads HTTP/1.1\r\nhost: x\r\n\r\n");
  const before_ = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) await assertWell();
  assert.ok(process.memoryUsage().rss - before_ < 150 << 20, "it was not buffered");
  socket.destroy();
  while (bigAnswers > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a client that closes its half still gets its answer, and one that leaves stops its wait", async () => {
  const half = await open();
  half.end("GET /eth/v1/node/version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  assert.match(await text(half), /"version":"Trireme\/test"/);

  world.test.moveToVotes(2);
  world.desk.expect("attester", 2);
  const waiting = await open();
  const query = "slot=2&committee_index=0";
  waiting.write(`GET /eth/v1/validator/attestation_data?${query} HTTP/1.1\r\nhost: x\r\n\r\n`);
  while (world.desk.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.destroy();
  while (world.desk.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("paths, methods and headers that are none are refused, and nothing but the API's own is reached", async () => {
  const raw = async (request: string): Promise<string> => {
    const socket = await open();
    socket.end(request);
    return (await text(socket)).split("\r\n")[0] ?? "";
  };
  for (const line of ["GET //evil.example/eth/v1/node/version", "GET http://evil.example/", "GET *"])
    assert.match(
      await raw(`${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
      / (400|404|405) /,
      line,
    );
  assert.match(await raw("DELETE /eth/v1/node/version HTTP/1.1\r\nhost: x\r\n\r\n"), / 405 /);
  assert.match(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(100_000)}\r\n\r\n`), / (400|431) /);
  assert.match(await raw("GET /%ZZ/eth HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), / 4\d\d /);
  await assertWell();
});

test("what may carry a partial signature is never passed on, whatever its path is called", async () => {
  const asked = world.asked.length;
  for (const path of [
    "/eth/v1/beacon/pool/payload_attestations",
    "/eth/v1/beacon/pool/bls_to_execution_changes",
    "/eth/v1/beacon/execution_payload_envelope",
    "/eth/v9/beacon/blocks",
    "/eth/v3/validator/aggregate_and_proofs",
  ]) {
    const answer = await fetch(url + path, { method: "POST", body: "[]" });
    assert.equal(answer.status, 501, path);
  }
  assert.equal(world.asked.length, asked);
});

test("over TLS the same API is served, and who speaks plain HTTP to it is let go", async (t) => {
  const { makeCertificate } = await import("./certificate.ts");
  const tls = makeCertificate();
  if (tls === undefined) return t.skip("NOT TESTED: there is no openssl to make a certificate with");
  const secure = await listen(world.api, { address: "127.0.0.1:0", tls });
  t.after(() => secure.close());
  const https = await import("node:https");
  const [status] = await new Promise<[number | undefined]>((resolve, reject) => {
    https
      .get(
        { host: "127.0.0.1", port: secure.port, path: "/eth/v1/node/version", rejectUnauthorized: false },
        (answer) => {
          answer.resume();
          resolve([answer.statusCode]);
        },
      )
      .on("error", reject);
  });
  assert.equal(status, 200);
  const plain = connect(secure.port, "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(plain, "close");
});

test("an API that is closed says to what still comes that it is over, and its streams have ended", async () => {
  const other = createValidatorApi(
    {
      clock: world.test.clock,
      chain: world.test.chain.spec,
      beacon: { forward: () => Promise.reject(new Error("closed")), subscribe: () => {} },
      desk: world.desk,
      log: (await import("../../src/ports/index.ts")).silent,
      meter: (await import("../../src/ports/index.ts")).unmetered,
    },
    { validators: [], self: 0 as never, version: "x" },
  );
  other.close();
  const answer = await other.handle(new Request("http://api/eth/v1/node/syncing"));
  assert.equal(answer.status, 503);
});
