import assert from "node:assert/strict";
import { test } from "node:test";
import { UnsupportedProtocolError } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import fc from "fast-check";
import type { ProtocolLimits } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { consentOf, lazily, openingLines, ReplyReader, withLazyNegotiation } from "./lazy-negotiation.ts";
import { HoldingProxy } from "./testing/delay-proxy.ts";
import { connected, newKey, testNode } from "./testing/hosts.ts";

const protocol = "/charon/consensus/qbft/2.0.0";
const payload = Uint8Array.of(1, 2, 3);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

test("the opening lines are those of multistream-select", () => {
  assert.equal(text(openingLines("/a")), "\x13/multistream/1.0.0\n\x03/a\n");
  const long = `/${"x".repeat(200)}`;
  assert.equal(text(openingLines(long)).slice(20), `\xca\x01${long}\n`);
});

test("a reply in pieces of any size is consent, and all bytes after it are kept", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.nat(80)), (after, cuts) => {
      const whole = new Uint8Array(Buffer.concat([openingLines(protocol), after]));
      const places = [0, ...cuts.map((cut) => cut % whole.length).toSorted((a, b) => a - b), whole.length];
      const reader = new ReplyReader(protocol);
      const rest: Uint8Array[] = [];
      for (let i = 1; i < places.length; i++) {
        const piece = whole.subarray(places[i - 1], places[i]);
        if (rest.length > 0) {
          rest.push(piece);
          continue;
        }
        const verdict = reader.take(piece);
        assert.notEqual(verdict, "refused");
        if (verdict !== "more" && verdict !== "refused") rest.push(verdict.slice());
      }
      assert.deepEqual(new Uint8Array(Buffer.concat(rest)), after);
    }),
  );
});

test("any other reply is a refusal", () => {
  for (const reply of [
    "\x13/multistream/1.0.0\n\x03na\n",
    "\x13/multistream/2.0.0\n",
    "\x00",
    "\xff\xff",
    "\x02/b",
  ]) {
    assert.equal(
      new ReplyReader(protocol).take(new Uint8Array(Buffer.from(reply, "latin1"))),
      "refused",
      reply,
    );
  }
});

test("only streams that ask for it are negotiated lazily, and the header goes out with the first bytes", async () => {
  const [near, far] = multiaddrConnectionPair();
  const client = withLazyNegotiation(yamux())({}).createStreamMuxer(near);
  const server = yamux()().createStreamMuxer(far);
  const arrived = Promise.withResolvers<Uint8Array>();
  server.addEventListener("stream", ({ detail }) =>
    detail.addEventListener("message", ({ data }) => arrived.resolve(data.subarray())),
  );
  assert.equal(
    (await client.createStream({ protocol })).protocol,
    "",
    "libp2p's own negotiation is left alone",
  );
  const stream = await client.createStream(lazily({ protocol }));
  assert.equal(stream.protocol, protocol);
  stream.send(payload);
  assert.deepEqual(await arrived.promise, new Uint8Array(Buffer.concat([openingLines(protocol), payload])));
  near.abort(new Error("end of test"));
  await assert.rejects(consentOf(stream));
});

test("a refusal ends the stream with the error that libp2p uses for it", async () => {
  const [near, far] = multiaddrConnectionPair();
  const client = withLazyNegotiation(yamux())({}).createStreamMuxer(near);
  const server = yamux()().createStreamMuxer(far);
  server.addEventListener("stream", ({ detail }) => {
    detail.addEventListener("message", () => {
      detail.send(Buffer.from("\x13/multistream/1.0.0\n\x03na\n", "latin1"));
    });
  });
  const stream = await client.createStream(lazily({ protocol }));
  stream.send(payload);
  await assert.rejects(consentOf(stream), UnsupportedProtocolError);
  assert.equal(stream.status, "aborted");
  near.abort(new Error("end of test"));
});

const limits: ProtocolLimits = {
  messageBytesMax: 1_000,
  messagesPerSecondMax: 100,
  burstMax: 100,
  receiveTimeoutMs: 5_000,
};

// Goal: a message costs half a round trip and a request one, although every one opens a stream.
// Method: hold back all that the receiver sends. A message that arrives nevertheless waited for nothing. A request that has
// arrived, and is done without another word to the receiver, needed one answer; stock libp2p needs a second.
test("a message arrives without waiting for an answer, and a request needs one round trip", async () => {
  const keys = [newKey(), newKey()];
  const receiver = testNode(keys, 0);
  const heard = Promise.withResolvers<void>();
  receiver.p2p.transport.handle(protocol, limits, () => {
    heard.resolve();
    return undefined;
  });
  const asked = Promise.withResolvers<void>();
  receiver.p2p.transport.handle(`${protocol}/ask`, limits, (_, message) => {
    asked.resolve();
    return message;
  });
  await receiver.p2p.start();
  const [address = ""] = receiver.p2p.listenAddresses();
  const proxy = await HoldingProxy.before(Number(/tcp\/(\d+)/.exec(address)?.[1]));
  const sender = testNode(keys, 1, { listen: [], peers: [address.replace(/tcp\/\d+/, `tcp/${proxy.port}`)] });
  await sender.p2p.start();
  try {
    await connected(sender, receiver);
    const zero = 0 as OperatorIndex;
    await sender.meter.reached("app_peerinfo_version", { peer: "operator-0" });
    proxy.hold();
    await sender.p2p.transport.send(zero, protocol, payload);
    await heard.promise;

    const answer = sender.p2p.transport.request(zero, `${protocol}/ask`, payload);
    await asked.promise;
    proxy.holdWords();
    assert.deepEqual(await answer, payload);
  } finally {
    await Promise.all([sender.p2p.stop(), receiver.p2p.stop()]);
    proxy.close();
  }
});
