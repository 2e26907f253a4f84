import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { networkHttp } from "./http.ts";

test("however many answers are under way for clients, the node's own duties get connections", async (t) => {
  const open: ServerResponse[] = [];
  const many = 64;
  const allAreOpen = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    if (request.url !== "/slow") return void response.end("{}");
    response.write("…"); // It has begun, and never ends.
    if (open.push(response) === many) allAreOpen.resolve();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { call, close } = networkHttp();
  t.after(async () => {
    await close();
    for (const response of open) response.destroy();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let i = 0; i < many; i++) void call(new Request(`${url}/slow`), "passage").catch(() => {});
  await allAreOpen.promise;
  assert.equal(
    (await call(new Request(`${url}/duty`, { signal: AbortSignal.timeout(300_000) }))).status,
    200,
  );
});
