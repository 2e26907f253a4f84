import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readAddress } from "./address.ts";
import { quote } from "./errors.ts";
import { EventFilter } from "./event-filter.ts";
import { parseEvent } from "./parse-event.ts";
import { readSse } from "./sse.ts";
import { TrackRecord } from "./track-record.ts";

const signal = new AbortController().signal;

test("a reason from outside becomes one short line without markup, control or direction characters", () => {
  assert.equal(
    quote(
      "<html><head><title>x</title></head><body>\r\n<h1>502 Bad\tGateway</h1><script>alert(1)</script></body>",
    ),
    "502 Bad Gateway",
  );
  assert.equal(quote("a\u001b[31m\u202ered\u0000 b"), "a [31m red b");
  assert.equal(quote("<script>never closed"), "");
  assert.equal(quote(`${"<b>".repeat(10_000)}far behind`), "", "only the beginning is looked at");
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 0x10ffff }), { maxLength: 500 }), (points) => {
      const text = String.fromCodePoint(...points);
      const quoted = quote(text);
      assert.ok(quoted.length <= 300);
      assert.doesNotMatch(quoted, /[\p{Cc}\p{Cf}\n]/u);
    }),
  );
});

test("a hostile reason of any length is cleaned in no time", () => {
  for (const piece of ["<", "<script", "<a ", "<<>>"]) {
    const before = process.threadCpuUsage();
    quote(piece.repeat(300_000));
    assert.ok(process.threadCpuUsage(before).user < 500_000);
  }
});

test("server-sent events come out the same however their bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("head", "block", "é"), fc.json()), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
      async (events, cuts) => {
        const lines = events.map(([topic, data]) => `event: ${topic}\r\ndata: ${data}\r\n\r\n`).join("");
        const bytes = new TextEncoder().encode(lines);
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0, i = 0; at < bytes.length; i++) {
              const next = at + (cuts[i % cuts.length] as number);
              controller.enqueue(bytes.slice(at, next));
              at = next;
            }
            controller.close();
          },
        });
        const found: (readonly [string, string])[] = [];
        for await (const item of readSse(new Response(stream), signal))
          if (item.kind === "event") found.push([item.topic, item.data]);
        assert.deepEqual(found, events);
      },
    ),
    { numRuns: 60 },
  );
});

test("no text whatever is an event that is not one, and none makes the reader throw", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("head", "block", "chain_reorg", ""),
      fc.oneof(fc.string(), fc.json()),
      (topic, data) => {
        assert.equal(parseEvent(topic, data), undefined);
      },
    ),
  );
});

test("each occurrence of an event is told exactly once, by whichever node tells it first", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 3 }))),
      (said) => {
        const filter = new EventFilter();
        const told = new Map<number, number>();
        for (const [node, block] of said)
          if (filter.isNews(`node ${node}`, { kind: "block", slot: 1, block: `0x${block}` }))
            told.set(block, (told.get(block) ?? 0) + 1);
        for (const block of [0, 1, 2, 3]) {
          const counts = [0, 1, 2].map((node) => said.filter(([n, b]) => n === node && b === block).length);
          assert.equal(told.get(block) ?? 0, Math.max(...counts));
        }
      },
    ),
  );
});

test("a record tells the percentiles of each kind of request apart", () => {
  const record = new TrackRecord();
  assert.equal(record.hedgeMs("proposal"), 500);
  for (let ms = 1; ms <= 100; ms++) record.succeeded("proposal", ms * 10);
  record.succeeded("attestation_data", 3);
  assert.equal(record.hedgeMs("proposal"), 970, "of the last 64: 370 to 1000 ms");
  assert.equal(record.hedgeMs("attestation_data"), 50);
  for (let i = 0; i < 5; i++) record.failed();
  assert.equal(record.failures, 5);
  record.succeeded("proposal", 10);
  assert.equal(record.failures, 2);
});

test("an address keeps its path and query, and shows neither credentials nor keys", () => {
  const address = readAddress(
    "https://me:100%@rpc.example:8443/eth-beacon/0123456789abcdef0123456789abcdef/?key=k&b=1",
  );
  assert.equal(address.name, "rpc.example:8443/eth-beacon/…");
  assert.equal(
    address.urlOf("/eth/v1/x?slot=1"),
    "https://rpc.example:8443/eth-beacon/0123456789abcdef0123456789abcdef/eth/v1/x?key=k&b=1&slot=1",
  );
  assert.equal(address.headers["authorization"], `Basic ${btoa("me:100%")}`);
  assert.equal(readAddress("http://localhost:5052/").urlOf("/eth/v1/x"), "http://localhost:5052/eth/v1/x");
});
