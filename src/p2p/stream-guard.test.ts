import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { Uint8ArrayList } from "uint8arraylist";
import {
  FRAME_PIECES_MAX,
  FRAMES_BURST_MAX,
  FRAMES_PER_SECOND_MAX,
  PINGS_BURST_MAX,
  PINGS_PER_SECOND_MAX,
  RELAY_STREAMS_BURST_MAX,
  STREAM_WINDOW_BYTES_MAX,
  STREAMS_BURST_MAX,
  UNNEGOTIATED_BYTES_MAX,
} from "./limits.ts";
import { tellGuard, withStreamGuard } from "./stream-guard.ts";

const open = { maxInboundStreams: 100_000, maxOutboundStreams: 100_000, enableKeepAlive: false };

/** Guarded muxers that never negotiate, each with a client to it. */
function guardedMuxers(now: () => number) {
  const refused: string[] = [];
  const guard = withStreamGuard(yamux(open), (reason, peer) => void refused.push(reason, peer), now);
  return () => connectionOf(guard, refused);
}
const guarded = (now: () => number): ReturnType<typeof connectionOf> => guardedMuxers(now)();

function connectionOf(guard: ReturnType<typeof withStreamGuard>, refused: string[]) {
  const [near, far] = multiaddrConnectionPair();
  const server = guard({}).createStreamMuxer(far);
  server.addEventListener("stream", () => {}); // Taken, and left alone.
  return {
    /** Made for who asks for it; the others write frames of their own. */
    get client() {
      return yamux(open)().createStreamMuxer(near);
    },
    wire: near,
    /** The guarded end, which hears what the encryption let through. */
    ear: far as unknown as { onData(data: Uint8Array): void },
    held: () => (server as unknown as { decoder: { buffer: Uint8ArrayList } }).decoder.buffer.byteLength,
    refused,
    told: (name: string) => tellGuard({ muxer: server } as never, { kind: "relay", name }),
    end: () => near.abort(new Error("end of test")),
  };
}

test("streams beyond the burst are reset, and the rate lets new ones in", async () => {
  let now = 0;
  const { client, refused, end } = guarded(() => now);
  for (let i = 0; i < STREAMS_BURST_MAX; i++) await client.createStream();
  const surplus = await client.createStream();
  await once(surplus, "close");
  assert.deepEqual([refused, surplus.status], [["stream-rate", "unknown"], "reset"]);
  now += 1_000;
  await client.createStream();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(refused.length, 2);
  end();
});

test("once it is known that a relay is at the other end it may open fewer streams, and is counted by its name", async () => {
  const { client, refused, told, end } = guarded(() => 0);
  told("relay-3");
  for (let i = 0; i < RELAY_STREAMS_BURST_MAX; i++) await client.createStream();
  const surplus = await client.createStream();
  await once(surplus, "close");
  assert.deepEqual(refused, ["stream-rate", "relay-3"]);
  end();
});

test("all connections of a peer share what it may open, and those of another have their own", async () => {
  const connect = guardedMuxers(() => 0);
  const [one, other, another] = [connect(), connect(), connect()];
  for (const [connection, name] of [
    [one, "relay-0"],
    [other, "relay-0"],
    [another, "relay-1"],
  ] as const)
    connection.told(name);
  const { client } = one;
  for (let i = 0; i < RELAY_STREAMS_BURST_MAX; i++) await client.createStream();
  for (const beyond of [client, other.client]) {
    const surplus = await beyond.createStream(); // It may be reset by now.
    while (surplus.status === "open") await tick();
  }
  await another.client.createStream();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(one.refused, ["stream-rate", "relay-0", "stream-rate", "relay-0"]);
  for (const { end } of [one, other, another]) end();
});

test("bytes for streams that never say their protocol stay below a cap, over all streams of a connection", async () => {
  const { client, refused, end } = guarded(() => 0);
  const part = 200 * 1024;
  for (let sent = 0; sent <= UNNEGOTIATED_BYTES_MAX; sent += part)
    (await client.createStream()).send(new Uint8Array(part));
  while (refused.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(refused[0], "unnegotiated-bytes");
  end();
});

/** Header of a data frame for stream 1. */
const header = (length: number): Uint8Array => {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(4, 1);
  new DataView(bytes.buffer).setUint32(8, length);
  return bytes;
};
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const length of [0xffffffff, STREAM_WINDOW_BYTES_MAX + 1])
  test(`a header that announces ${length} bytes ends the connection before they are there`, async () => {
    const { wire, refused, held } = guarded(() => 0);
    const ended = once(wire, "close");
    wire.send(header(length));
    for (let sent = 0; sent < 2 * STREAM_WINDOW_BYTES_MAX && wire.status === "open"; sent += 65_536) {
      wire.send(new Uint8Array(65_536));
      await tick();
    }
    assert.deepEqual(refused, ["unfinished-frame", "unknown"]);
    await ended;
    assert.ok(held() < STREAM_WINDOW_BYTES_MAX);
  });

test("a frame that comes byte by byte ends the connection, since each byte costs more than itself", async () => {
  const { wire, refused } = guarded(() => 0);
  const ended = once(wire, "close");
  wire.send(header(STREAM_WINDOW_BYTES_MAX));
  for (let sent = 0; sent <= FRAME_PIECES_MAX + 1 && wire.status === "open"; sent++) {
    wire.send(Uint8Array.of(0));
    await tick();
  }
  assert.deepEqual(refused, ["unfinished-frame", "unknown"]);
  await ended;
});

test("the largest frame that a window allows passes, in the pieces in which peers send it", async () => {
  const { wire, refused, held, end } = guarded(() => 0);
  const frame = new Uint8ArrayList(header(STREAM_WINDOW_BYTES_MAX), new Uint8Array(STREAM_WINDOW_BYTES_MAX));
  for (let at = 0; at < frame.byteLength; at += 65_519) {
    wire.send(frame.sublist(at, Math.min(at + 65_519, frame.byteLength)));
    await tick();
  }
  while (held() > 0) await tick();
  assert.deepEqual([refused, wire.status], [[], "open"]);
  end();
});

/** A window update for a stream that is not there, which costs the sender nothing but its bytes. */
const idle = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0);

test("frames beyond the rate end the connection, and those of all connections of a peer count together", async () => {
  let now = 0;
  const connect = guardedMuxers(() => now);
  const connections = [connect(), connect(), connect()] as const;
  const [one, other, another] = connections;
  one.told("relay-0");
  other.told("relay-0");
  another.told("relay-1");
  const send = async ({ wire }: typeof one, frames: number): Promise<void> => {
    wire.send(new Uint8ArrayList(...Array.from({ length: frames }, () => idle)));
    await tick();
    await tick();
  };
  const half = FRAMES_BURST_MAX / 2 - 1_000; // The pieces that hold them are counted too.
  await send(one, half);
  await send(other, half);
  now += 1_000;
  await send(one, FRAMES_PER_SECOND_MAX - 2_000);
  await send(another, half);
  assert.deepEqual(
    connections.map(({ wire }) => wire.status),
    ["open", "open", "open"],
  );
  const ended = once(other.wire, "close");
  void send(other, 6_000);
  await ended;
  assert.deepEqual(other.refused, ["frame-rate", "relay-0"]);
  for (const { end } of connections) end();
});

test("what comes in pieces without end counts as frames do, whatever is in the pieces", async () => {
  const { ear, refused, end } = guarded(() => 0);
  for (let i = 0; i < FRAMES_BURST_MAX; i++) ear.onData(new Uint8Array(0));
  assert.deepEqual(refused, []);
  assert.throws(() => ear.onData(new Uint8Array(0)));
  assert.deepEqual(refused, ["frame-rate", "unknown"]);
  end();
});

test("pings of the muxer are answered up to a rate, and a flood of them ends the connection", async () => {
  let now = 0;
  const { wire, refused } = guarded(() => now);
  let answered = 0;
  wire.addEventListener("message", ({ data }) => {
    answered += data.byteLength / 12;
  });
  const ping = Uint8Array.of(0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7);
  const send = async (count: number): Promise<void> => {
    const before = answered;
    for (let i = 0; i < count; i++) wire.send(ping);
    while (answered < before + count && wire.status === "open") await tick();
  };
  await send(PINGS_BURST_MAX);
  now += 1_000;
  await send(PINGS_PER_SECOND_MAX);
  assert.deepEqual([refused, wire.status], [[], "open"]);
  const ended = once(wire, "close");
  void send(1);
  await ended;
  assert.deepEqual(refused, ["ping-rate", "unknown"]);
});
