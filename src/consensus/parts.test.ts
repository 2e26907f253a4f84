import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorIndex } from "../spec/index.ts";
import { VALUE_BYTES_OF_ALL_DUTIES_MAX, VALUE_BYTES_PER_PEER_MAX } from "./limits.ts";
import { PeerRoom } from "./peer-room.ts";
import { atOnce } from "./pieces.ts";
import { readMessage } from "./receive.ts";
import { duty, keys, messageOf, partOf, valueOf } from "./testing/consensus-world.ts";
import type { ConsensusValue } from "./types.ts";
import { ValueStore } from "./value-store.ts";
import { hashValue, kindNumber, signPart, valueName, verifyPart } from "./wire.ts";

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

const nameOf = (value: ConsensusValue): string => valueName(hashValue(value));
/** Long enough to be read in pieces. */
const long = (length: number, fill = 1): ConsensusValue => valueOf(new Uint8Array(length).fill(fill));

test("values cost their first sender room, once, and the room is free again when the instance ends", () => {
  const room = new PeerRoom();
  const read: number[] = [];
  const store = new ValueStore(room, (value) => {
    read.push(value.bytes.length);
    return value;
  });
  const take = (peer: number, value: ConsensusValue): string | undefined =>
    atOnce(store.keepFrom(peer, [value], ["some other value"]));
  const big = long(VALUE_BYTES_PER_PEER_MAX / 4);
  for (const peer of [1, 2, 1]) assert.equal(take(peer, big), undefined);
  assert.equal(read.length, 1, "seen bytes are not read again");
  assert.equal(take(1, long(VALUE_BYTES_PER_PEER_MAX)), "too-many");
  assert.equal(read.length, 1, "what there is no room for is not read");
  assert.ok(!room.take(1, VALUE_BYTES_OF_ALL_DUTIES_MAX));
  assert.ok(room.take(2, VALUE_BYTES_OF_ALL_DUTIES_MAX));
  store.close();
  assert.ok(room.take(1, VALUE_BYTES_OF_ALL_DUTIES_MAX));
});

test("once all is known that a message is about, the values that come with it are not looked at", () => {
  const read: ConsensusValue[] = [];
  const room = new PeerRoom();
  const store = new ValueStore(room, (value) => {
    read.push(value);
    return value;
  });
  const [x, y] = [valueOf("x"), valueOf("y")];
  assert.equal(atOnce(store.keepFrom(1, [x, y], [nameOf(x)])), undefined);
  assert.equal(atOnce(store.keepFrom(2, [y, x], [nameOf(x)])), undefined);
  assert.equal(atOnce(store.keepFrom(2, [y], [])), undefined);
  assert.deepEqual(read, [x]);
  assert.ok(room.take(2, VALUE_BYTES_OF_ALL_DUTIES_MAX), "and cost nothing");
});

test("a long value that several send at the same time is read once, in pieces, by whoever's turn it is", () => {
  let read = 0;
  const room = new PeerRoom();
  const store = new ValueStore(room, (value) => {
    read++;
    return value;
  });
  const value = long(3 * 1024 * 1024);
  const works = [1, 2].map((peer) => store.keepFrom(peer, [valueOf(value.bytes.slice())], [nameOf(value)]));
  const turns = works.map(() => 0);
  for (let going = works.length; going > 0; ) {
    going = 0;
    for (const [i, work] of works.entries())
      if (work.next().done !== true) {
        going++;
        turns[i] = (turns[i] ?? 0) + 1;
      }
  }
  assert.equal(read, 1);
  assert.ok(store.get(nameOf(value)) !== undefined);
  const [first = 0, second = 0] = turns;
  assert.ok(first + second >= 6 && Math.abs(first - second) <= 1, turns.join());
  assert.ok(room.take(2, VALUE_BYTES_OF_ALL_DUTIES_MAX), "the first paid for it");
});

test("what is being read when an instance ends, or decides, is read no further and leaves no debt", () => {
  for (const end of ["close", "decide"] as const) {
    const room = new PeerRoom();
    let read = 0;
    const store = new ValueStore(room, (value) => {
      read++;
      return value;
    });
    const values = [long(3 * 1024 * 1024, 1), long(3 * 1024 * 1024, 2)];
    const begun = store.keepFrom(1, values, ["another"]);
    for (let i = 0; i < 4; i++) assert.ok(begun.next().done !== true);
    const fresh = store.keepFrom(2, values, ["another"]);
    fresh.next();
    if (end === "decide") store.keepOnly("decided");
    store.close();
    for (const work of [begun, fresh]) assert.equal(atOnce(work), undefined);
    assert.equal(read, 1);
    for (const peer of [1, 2]) assert.ok(room.take(peer, VALUE_BYTES_OF_ALL_DUTIES_MAX));
  }
});

test("two encodings of one value have one name, and the canonical one is kept", () => {
  const sorted = (value: { typeUrl: string; bytes: Uint8Array }): typeof value => ({
    ...value,
    bytes: value.bytes.toSorted(),
  });
  const store = new ValueStore(new PeerRoom(), sorted);
  const name = atOnce(store.keep(valueOf("abc")));
  assert.ok(name !== undefined);
  assert.equal(atOnce(store.keepFrom(1, [valueOf("cab")], ["another"])), undefined);
  assert.deepEqual(store.get(name), valueOf("abc"));
  store.keepOnly(name);
  assert.deepEqual(store.get(name), valueOf("abc"));
});
