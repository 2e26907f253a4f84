import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorIndex } from "../spec/index.ts";
import { VALUE_BYTES_OF_ALL_DUTIES_MAX, VALUE_BYTES_PER_PEER_MAX } from "./limits.ts";
import { PeerRoom } from "./peer-room.ts";
import { readMessage } from "./receive.ts";
import { duty, keys, messageOf, partOf, valueOf } from "./testing/consensus-world.ts";
import { ValueStore } from "./value-store.ts";
import { hashValue, kindNumber, signPart, verifyPart } from "./wire.ts";

test("of a justification each author's first part of a useful kind is kept, and the rest is not even checked", () => {
  const valueHash = hashValue(valueOf("x"));
  const commits = [1, 2, 3].map((author) => partOf(author, { type: kindNumber("commit"), valueHash }));
  const useless = [
    partOf(0, { type: kindNumber("prepare"), valueHash }),
    partOf(0, { type: kindNumber("commit"), valueHash, round: 2 }),
    partOf(0, { type: kindNumber("commit"), valueHash: hashValue(valueOf("y")) }),
  ];
  const bytes = messageOf(
    1,
    { type: kindNumber("decided") },
    [valueOf("x")],
    [...commits, ...useless, ...commits.slice(1)],
  );
  const message = readMessage(1 as OperatorIndex, bytes, { operatorCount: 4, admit: () => true });
  assert.ok(typeof message !== "string");
  assert.deepEqual(message.duty, duty);
  assert.deepEqual(
    message.justification.map(({ part }) => part.signature),
    commits.map(({ signature }) => signature),
  );
});

test("a part that was verified is remembered with its signature, one that was not is not", () => {
  const verified = new Set<string>();
  const part = partOf(1);
  const publicKey = keys[1]?.publicKey ?? new Uint8Array();
  assert.ok(verifyPart(part, publicKey, verified));
  assert.equal(verified.size, 1);
  assert.ok(verifyPart(part, publicKey, verified));
  const other = { ...part, signature: part.signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte)) };
  assert.ok(!verifyPart(other, publicKey, verified));
  assert.equal(verified.size, 1);
});

test("what we signed ourselves is known to be good when a peer repeats it", () => {
  const [key] = keys;
  assert.ok(key !== undefined);
  const verified = new Set<string>();
  const { signature: _, ...unsigned } = partOf(0);
  const part = signPart(unsigned, key, verified);
  assert.equal(verified.size, 1);
  assert.ok(verifyPart(part, key.publicKey));
  assert.ok(verifyPart(part, key.publicKey, verified));
  assert.equal(verified.size, 1);
});

test("values cost their first sender room, once, and the room is free again when the instance ends", () => {
  const room = new PeerRoom();
  const read: number[] = [];
  const store = new ValueStore(room, (value) => {
    read.push(value.bytes.length);
    return value;
  });
  const big = { typeUrl: "test", bytes: new Uint8Array(VALUE_BYTES_PER_PEER_MAX / 4) };
  assert.equal(store.keepFrom(1, [big]), undefined);
  assert.equal(store.keepFrom(2, [big]), undefined);
  assert.equal(store.keepFrom(1, [big]), undefined);
  assert.equal(read.length, 1, "seen bytes are not read again");
  const more = { typeUrl: "test", bytes: new Uint8Array(VALUE_BYTES_PER_PEER_MAX) };
  assert.equal(store.keepFrom(1, [more]), "too-many");
  assert.equal(read.length, 1, "what there is no room for is not read");
  assert.ok(!room.take(1, VALUE_BYTES_OF_ALL_DUTIES_MAX));
  assert.ok(room.take(2, VALUE_BYTES_OF_ALL_DUTIES_MAX));
  store.close();
  assert.ok(room.take(1, VALUE_BYTES_OF_ALL_DUTIES_MAX));
});

test("two encodings of one value have one name, and the canonical one is kept", () => {
  const sorted = (value: { typeUrl: string; bytes: Uint8Array }): typeof value => ({
    ...value,
    bytes: value.bytes.toSorted(),
  });
  const store = new ValueStore(new PeerRoom(), sorted);
  const name = store.keep(valueOf("abc"));
  assert.ok(name !== undefined);
  assert.equal(store.keepFrom(1, [valueOf("cab")]), undefined);
  assert.deepEqual(store.get(name), valueOf("abc"));
  store.keepOnly(name);
  assert.deepEqual(store.get(name), valueOf("abc"));
});
