import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { P2pError } from "./errors.ts";
import { frame } from "./framing.ts";
import { Inbound } from "./inbound.ts";
import { SEND_TIMEOUT_MS, SLOWEST_BYTES_PER_MS } from "./limits.ts";
import { Outbound } from "./outbound.ts";
import { Roster } from "./roster.ts";
import { HalfStream } from "./testing/half-stream.ts";
import { newKey, ObservedMeter } from "./testing/hosts.ts";
import { fakeLinks } from "./testing/links.ts";
import { Violations } from "./violations.ts";

// What is large has more time than what is small, as long as it moves; what stands still has not.
const protocol = "/trireme/test/1.0.0";
const one = 1 as OperatorIndex;
const messageBytes = 100_000 * SLOWEST_BYTES_PER_MS; // A hundred seconds of the slowest line.
const receiveTimeoutMs = 5_000;

/** Second by second, since a timer that follows from another one begins when that is noticed. */
async function pass(t: TestContext, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    t.mock.timers.tick(1_000);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

function receiving(t: TestContext): { readonly stream: HalfStream; readonly heard: number[] } {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const keys = [newKey(), newKey()];
  const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
  const roster = new Roster(operators, 0 as OperatorIndex, (keys[0] as (typeof keys)[0]).revealBytes());
  const meter = new ObservedMeter();
  const needs = { log: silent, meter, now: () => 0 };
  const violations = new Violations({ ...needs, onExcess: () => {} });
  const inbound = new Inbound({ ...needs, roster, violations });
  const heard: number[] = [];
  const limits = {
    messageBytesMax: messageBytes,
    messagesPerSecondMax: 1,
    burstMax: 1,
    receiveTimeoutMs,
  };
  inbound.register(protocol, limits, (_, { length }) => void heard.push(length), { relaysToo: false });
  const stream = new HalfStream();
  const connection = { remotePeer: roster.peers[0]?.peerId } as unknown as Connection;
  void inbound.serve(protocol, stream as unknown as Stream, connection);
  return { stream, heard };
}

/** A message in ten pieces. */
function pieces(): readonly Uint8Array[] {
  const bytes = frame(new Uint8Array(messageBytes)).subarray();
  const size = Math.ceil(bytes.length / 10);
  return Array.from({ length: 10 }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

test("a large message over a slow line is received, however long it takes", async (t) => {
  const { stream, heard } = receiving(t);
  for (const piece of pieces()) {
    stream.deliver(piece);
    await pass(t, 9);
  }
  assert.deepEqual(heard, [messageBytes]);
});

test("a large message that stands still half way is given up", async (t) => {
  const { stream, heard } = receiving(t);
  for (const piece of pieces().slice(0, 5)) stream.deliver(piece);
  await pass(t, 50);
  assert.equal(stream.status, "open");
  await pass(t, receiveTimeoutMs / 1_000 + 1);
  assert.deepEqual([stream.status, heard], ["aborted", []]);
});

function sending(t: TestContext): { readonly outbound: Outbound; readonly stream: HalfStream } {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { all, connect } = fakeLinks();
  const stream = new HalfStream();
  const link = connect();
  Object.assign(link.connection, { newStream: () => Promise.resolve(stream) });
  all.verify(link);
  return { outbound: new Outbound({ links: all, meter: new ObservedMeter() }), stream };
}

for (const what of ["message", "answer"] as const) {
  test(`a large ${what} over a slow line gets through, and a peer that stops half way is given up`, async (t) => {
    for (const stops of [false, true]) {
      const { outbound, stream } = sending(t);
      const length = what === "message" ? messageBytes : 1;
      const outcome = outbound.request(one, protocol, new Uint8Array(length), undefined, messageBytes).then(
        (answer): unknown => answer.length,
        (error: P2pError): unknown => error.facts["reason"],
      );
      await pass(t, 1);
      if (what === "answer") stream.drain(messageBytes);
      for (const piece of pieces().slice(0, stops ? 5 : 10)) {
        if (what === "message") stream.drain(piece.length);
        else stream.deliver(piece);
        await pass(t, 9);
      }
      if (stops) await pass(t, SEND_TIMEOUT_MS / 1_000 + 20);
      else if (what === "message") stream.deliver(frame(new Uint8Array(1)).subarray());
      const seen = await outcome;
      assert.deepEqual(seen, stops ? "timed-out" : what === "message" ? 1 : messageBytes);
      t.mock.timers.reset();
    }
  });
}
