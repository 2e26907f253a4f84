import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, toHex } from "../base/index.ts";
import { parseEnr } from "../cluster/index.ts";
import { Envelope } from "../consensus/wire.ts";
import { peerIdOf } from "../p2p/index.ts";
import { calculate, faultOf } from "./calculate.ts";
import { Results } from "./results.ts";
import {
  canonicaliseResult,
  dutyOfMessage,
  isSignedBy,
  PRIORITY_RESULT_URL,
  PriorityMessage,
  PriorityResult,
} from "./wire.ts";

// Recorded from Charon v1.11-dev nodes of one cluster (threshold 3), of which two answered: test/golden.
const golden = join(import.meta.dirname, "../../test/golden");
const lines = (name: string): { from: string; hex: string }[] =>
  readFileSync(join(golden, name), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { from: string; hex: string });
const keys = (JSON.parse(readFileSync(join(golden, "charon-traffic-enrs.json"), "utf8")) as string[]).map(
  (enr) => parseEnr(enr).publicKey,
);
const peerIds = keys.map((key) => peerIdOf(key).toString());
const recorded = lines("charon-traffic-priority.jsonl");
const results = lines("charon-traffic-qbft.jsonl").flatMap(({ hex }) =>
  Envelope.decode(fromHex(hex)).values.filter(({ typeUrl }) => typeUrl === PRIORITY_RESULT_URL),
);

test("messages of real Charon nodes decode, verify and encode to the same bytes", () => {
  assert.equal(recorded.length, 2);
  for (const { from, hex } of recorded) {
    const message = PriorityMessage.decode(fromHex(hex));
    const author = Number(from.replace("node", ""));
    assert.equal(toHex(PriorityMessage.encode(message)), `0x${hex}`);
    assert.equal(message.peerId, peerIds[author]);
    assert.equal(dutyOfMessage(message)?.kind, "info-sync");
    assert.equal(faultOf(message), undefined);
    assert.ok(isSignedBy(message, keys[author] as Uint8Array));
    assert.ok(!isSignedBy(message, keys[(author + 1) % 4] as Uint8Array));
    assert.ok(!isSignedBy({ ...message, topics: [] }, keys[author] as Uint8Array));
  }
});

test("a result of more pieces than all operators could have to say is not decoded", () => {
  const [value] = results;
  assert.ok(value !== undefined);
  const nothings = new Uint8Array(2 * 20_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
  const bytes = Uint8Array.from([...value.value, ...nothings]);
  assert.equal(canonicaliseResult({ typeUrl: value.typeUrl, bytes }), undefined);
});

test("from the messages in a result that a real Charon proposed we calculate the same result", () => {
  assert.ok(results.length >= 1);
  for (const value of results) {
    const bytes = value.value;
    assert.deepEqual(canonicaliseResult({ typeUrl: value.typeUrl, bytes })?.bytes, bytes);
    const { messages, topics } = PriorityResult.decode(bytes);
    assert.equal(messages.length, 3);
    for (const message of messages)
      assert.ok(isSignedBy(message, keys[peerIds.indexOf(message.peerId)] as Uint8Array));
    assert.equal(
      toHex(PriorityResult.encode({ messages, topics: calculate(messages, 3) })),
      toHex(PriorityResult.encode({ messages, topics })),
    );
    const agreed = new Results().add(31, topics);
    assert.equal(agreed.version[0], "v1.11");
    assert.equal(agreed.version.length, 12);
    assert.ok(agreed.protocol.includes("/charon/consensus/qbft/2.0.0"));
    assert.deepEqual(agreed.proposal, ["full"]);
  }
});
