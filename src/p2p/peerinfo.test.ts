import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, proto, toHex } from "../base/index.ts";
import { type Clock, silent, unmetered } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { Links } from "./links.ts";
import { isSupported, NEWEST_CHARON_MINOR, PeerInfoExchange, readPeerInfo } from "./peerinfo.ts";
import { Roster } from "./roster.ts";
import { newKey, ObservedMeter } from "./testing/hosts.ts";
import { Violations } from "./violations.ts";

const clock: Clock = { now: () => 1_700_000_000_250, at: () => () => {} };

function exchange(answer: (own: Uint8Array) => Uint8Array) {
  const keys = [newKey(), newKey()];
  const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
  const roster = new Roster(
    operators,
    0 as OperatorIndex,
    (keys[0] as never as { revealBytes(): Uint8Array }).revealBytes(),
  );
  const violations = new Violations({ log: silent, meter: unmetered, now: () => 0, onExcess: () => {} });
  const links = new Links({ roster, log: silent, meter: unmetered, violations });
  const meter = new ObservedMeter();
  const lockHash = new Uint8Array(32).fill(9);
  const info = new PeerInfoExchange(
    { clock, log: silent, meter, links, roster, request: (_, own) => Promise.resolve(answer(own)) },
    { version: "v1.2.3", gitHash: "0123abc", nickname: "nick", builderApi: true, lockHash },
  );
  return { info, meter, roster };
}

test("our own message has what Charon demands: both timestamps, a git hash, a client that is not charon", () => {
  const own = readPeerInfo(exchange((x) => x).info.own());
  assert.deepEqual(own?.sentAt, { seconds: 1_700_000_000, nanos: 250_000_000 });
  assert.deepEqual(own?.startedAt, own?.sentAt);
  assert.equal(own?.gitHash, "0123abc");
  assert.equal(own?.client, "trireme");
});

// app/version of Charon v1.9 and v1.10: what it reads as a version, and that a newer minor version than its own is taken.
test("the version that we say is one of Charon's newest, with ours as its label", () => {
  const said = readPeerInfo(exchange((x) => x).info.own())?.version ?? "";
  const [, major, minor, , label] = /^v(\d+)\.(\d+)(?:\.(\d+))?(?:-(.+))?$/.exec(said) ?? [];
  assert.deepEqual([major, minor, label], ["1", String(NEWEST_CHARON_MINOR), "trireme.v1.2.3"]);
});

test("a Charon older than any that was seen with ours is not supported, a newer one and every Trireme is", () => {
  for (const version of ["v1.9.0", "v1.9.5", "v1.11.0-dev", "v1.12.1", "v2.0.0"])
    assert.equal(isSupported("charon", version), true, version);
  for (const version of ["v1.8.2", "v1.0.0", "v0.19.1", "unknown", "1.10.0", ""])
    assert.equal(isSupported("charon", version), false, version);
  assert.equal(isSupported("trireme", "v0.1.0"), true);
});

test("an operator whose questions come from two programs runs twice, and whose answers do", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const { info, roster } = exchange((x) => x);
  const [peer] = roster.peers;
  assert.ok(peer !== undefined);
  const Times = proto.message({
    sentAt: proto.sub(3, proto.Timestamp),
    startedAt: proto.sub(5, proto.Timestamp),
  });
  const ask = (startedAt: number): void => {
    const [sent, started] = [1_000 + now / 1_000, startedAt].map((seconds) => ({ seconds, nanos: 0 }));
    assert.deepEqual(info.answerTo(peer, Times.encode({ sentAt: sent, startedAt: started })), info.own());
  };
  for (let minute = 0; minute < 4; minute++) {
    now = minute * 60_000;
    ask(100);
    ask(900);
    assert.equal(info.runsTwice(peer.operator), minute >= 2, String(minute));
  }
  assert.deepEqual(info.answerTo(peer, new Uint8Array(0)), info.own());
});

test("an answer without timestamps, or that is no message, is none", () => {
  assert.equal(readPeerInfo(new Uint8Array(0)), undefined);
  assert.equal(readPeerInfo(Uint8Array.of(0xff)), undefined);
  const Empty = proto.message({ version: proto.string(1) });
  assert.equal(readPeerInfo(Empty.encode({ version: "v1.0.0" })), undefined);
});

const golden = join(import.meta.dirname, "../../test/golden/charon-traffic-peerinfo.jsonl");
test("what real Charon nodes said about themselves is read, and a relay's empty question is none", () => {
  const said = readFileSync(golden, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { from: string; hex: string });
  assert.deepEqual(
    said.map(({ from }) => from),
    ["relay", "node1", "node0"],
  );
  for (const { from, hex } of said) {
    const info = readPeerInfo(fromHex(hex));
    if (from === "relay") {
      assert.equal(info, undefined);
      continue;
    }
    assert.equal(info?.version, "v1.11.0-dev");
    assert.equal(info?.client, "charon");
    assert.equal(toHex(info?.lockHash ?? new Uint8Array(0)).slice(0, 10), "0xf41a6a0c");
  }
});
