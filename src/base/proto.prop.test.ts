import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { proto } from "./index.ts";

const Inner = proto.message({ text: proto.string(1), flag: proto.bool(2) });
const Outer = proto.message({
  count: proto.uint64(1),
  signed: proto.int64(2),
  small: proto.int32(3),
  data: proto.bytes(4),
  inner: proto.sub(5, Inner),
  list: proto.repeated(6, Inner),
  map: proto.map(7, proto.bytes),
  blobs: proto.repeatedBytes(8),
});

const bytes = fc.uint8Array({ maxLength: 40 });
const inner = fc.record({ text: fc.string(), flag: fc.boolean() }, { noNullPrototype: true });
const outer = fc.record({
  count: fc.maxSafeNat(),
  signed: fc.maxSafeInteger(),
  small: fc.integer(),
  data: bytes,
  inner: fc.option(inner, { nil: undefined }),
  list: fc.array(inner, { maxLength: 4 }),
  map: fc
    .array(fc.tuple(fc.string({ unit: "grapheme" }), bytes), { maxLength: 5 })
    .map((entries) => new Map(entries)),
  blobs: fc.array(bytes, { maxLength: 4 }),
});

test("what was encoded is decoded again, and encodes to the same bytes", () => {
  fc.assert(
    fc.property(outer, (value) => {
      const encoded = Outer.encode(value);
      const decoded = Outer.decode(encoded);
      assert.deepEqual(decoded.map, value.map);
      assert.deepEqual(decoded.inner, value.inner);
      assert.equal(decoded.count, value.count);
      assert.equal(decoded.signed, value.signed);
      assert.deepEqual(Outer.encode(decoded), encoded);
    }),
  );
});

test("long byte strings are written where they belong, however deep they lie, and may be read without a copy", () => {
  const long = new Uint8Array(70_000).fill(1);
  const Deep = proto.message({ map: proto.map(1, (id) => proto.sub(id, Outer)), tail: proto.bool(2) });
  const value = {
    ...Outer.decode(new Uint8Array(0)),
    count: 7,
    data: long,
    blobs: [long, Uint8Array.of(2), long],
  };
  const encoded = Deep.encode({ map: new Map([["k", value]]), tail: true });
  const decoded = Deep.decode(encoded);
  assert.deepEqual(decoded.map.get("k"), value);
  assert.equal(decoded.tail, true);
  const inside = Buffer.from(Outer.encode(value));
  const [length, entryLength] = [
    varint(inside.length),
    varint(inside.length + varint(inside.length).length + 4),
  ];
  const expected = [[0x0a], entryLength, [0x0a, 1, 0x6b, 0x12], length, inside, [0x10, 1]];
  assert.deepEqual(Buffer.from(encoded), Buffer.concat(expected.map((piece) => Buffer.from(piece))));

  const Within = proto.message({ data: proto.bytesWithin(4) });
  const { data } = Within.decode(inside.subarray(inside.indexOf(0x22)));
  assert.deepEqual(data, long);
  assert.equal(data.buffer, inside.buffer);
  assert.deepEqual(Within.encode({ data }), Outer.encode({ ...Outer.decode(new Uint8Array(0)), data }));
});

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

test("the order of a map's entries does not change the bytes", () => {
  fc.assert(
    fc.property(outer, (value) => {
      const reversed = { ...value, map: new Map([...value.map].toReversed()) };
      assert.deepEqual(Outer.encode(reversed), Outer.encode(value));
    }),
  );
});

test("fields of a newer program survive decoding and encoding", () => {
  const Newer = proto.message({ text: proto.string(1), flag: proto.bool(2), added: proto.bytes(9) });
  const encoded = Newer.encode({ text: "a", flag: true, added: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(Inner.encode(Inner.decode(encoded)), encoded);
});

test("rubbish gives a ProtoError or a value, never another exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (rubbish) => {
      try {
        Outer.decode(rubbish);
      } catch (error) {
        assert.ok(error instanceof proto.ProtoError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("a number beyond 2^53 is refused rather than rounded", () => {
  // Field 1, varint 2^63.
  const encoded = Uint8Array.of(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
  assert.throws(() => Outer.decode(encoded), proto.ProtoError);
});

test("invalid UTF-8 in a string is refused, as Go does", () => {
  assert.throws(() => Inner.decode(Uint8Array.of(0x0a, 0x01, 0xff)), proto.ProtoError);
});

test("a map with empty key and empty value is written with both, as Go does", () => {
  const M = proto.message({ map: proto.map(1, proto.bytes) });
  assert.deepEqual(
    Buffer.from(M.encode({ map: new Map([["", new Uint8Array(0)]]) })).toString("hex"),
    "0a040a001200",
  );
});

test("a message of more fields than it may have is refused, however they are nested and whether we know them", () => {
  const repeat = (piece: readonly number[], times: number): Uint8Array =>
    new Uint8Array(Array.from({ length: times }, () => piece).flat());
  const Few = proto.message({ list: proto.repeated(6, Inner), inner: proto.sub(5, Outer) }, () => 100);
  const emptyOfList = [0x32, 0];
  assert.equal(Few.decode(repeat(emptyOfList, 100)).list.length, 100);
  assert.throws(() => Few.decode(repeat(emptyOfList, 101)), { code: "base/not-protobuf" });
  const nested = (times: number): Uint8Array => Uint8Array.of(0x2a, 2 * times, ...repeat(emptyOfList, times));
  assert.equal(Few.decode(nested(60)).inner?.list.length, 60);
  assert.throws(() => Few.decode(repeat([...nested(60)], 2)), { code: "base/not-protobuf" });
  for (const piece of [emptyOfList, [0x08, 1], [0x2a, 0], [0x3a, 0], [0x42, 0], [0x78, 0]])
    assert.throws(() => Outer.decode(repeat(piece, 66_000)), { code: "base/not-protobuf" }, piece.join());
  const many = proto.message({ list: proto.repeated(6, Inner) }, proto.byBytes);
  assert.throws(() => many.decode(repeat(emptyOfList, 100_000)), { code: "base/not-protobuf" });
  assert.throws(() => many.decode(repeat([0x78, 0], 1_100)), { code: "base/not-protobuf" });
});
