import { Reader, type Writer } from "protobufjs/minimal.js";
import { DvError } from "./errors.ts";
import { ProtoWriter } from "./proto-writer.ts";

/**
 * Protobuf (proto3) messages whose encoding is deterministic, as Go's `proto.MarshalOptions{Deterministic: true}`
 * writes them: fields by number, zero scalars omitted, map entries sorted by key, unknown fields kept and
 * appended. Charon hashes and signs exactly these bytes.
 *
 *     const Duty = message({ slot: uint64(1), type: int32(2) });
 *     type Duty = Infer<typeof Duty>;
 *
 * 64-bit integers are JavaScript numbers; a value beyond 2^53 is refused. So is a message of more fields than it may have,
 * those of its sub-messages included: two bytes are enough for a field, which takes a hundred in memory and a microsecond.
 */
export class ProtoError extends DvError<"base/not-protobuf"> {}

interface FieldCodec<T> {
  readonly id: number;
  readonly wire: number;
  /** The value of a field that is absent from the bytes. */
  absent(): T;
  write(value: T, to: ProtoWriter): void;
  read(from: Reader, earlier: T, budget: Budget): T;
}

/** How many fields may still be read of the message that is being decoded. */
interface Budget {
  left: number;
}

/** Of a message that does not say otherwise: the signatures of 8,192 validators have some 50,000. */
const FIELDS_MAX = 65_536;
/** Of one message that we do not know: a later version of a protocol has some more than this one. */
const UNKNOWN_FIELDS_MAX = 1_024;
/** For messages that may have more, as those about many validators; the smallest honest ones have 6 bytes a field. */
export const byBytes = (bytes: number): number => 4_096 + Math.floor(bytes / 5);

export interface MessageType<T> {
  encode(value: T): Uint8Array;
  /** Writes the message without its length. */
  write(value: T, to: ProtoWriter): void;
  /**
   * @param budget - That of the message around it.
   * @throws ProtoError `base/not-protobuf`
   */
  decode(bytes: Uint8Array, budget?: Budget): T;
}

export type Infer<M> = M extends MessageType<infer T> ? T : never;
// Methods are bivariant, so `never` in and `unknown` out admits a codec of every type.
type FieldOfAnyType = Pick<FieldCodec<never>, "id" | "wire" | "write"> & {
  absent(): unknown;
  read(from: Reader, earlier: never, budget: Budget): unknown;
};
type Fields = Readonly<Record<string, FieldCodec<never>>>;
type ValueOf<F> = { -readonly [K in keyof F]: F[K] extends FieldCodec<infer T> ? T : never };

const unknownFields = Symbol("unknown protobuf fields");
const tag = (codec: { id: number; wire: number }): number => ((codec.id << 3) | codec.wire) >>> 0;

/**
 * Declares a message type from its fields.
 *
 * @param fieldsMax - How many fields so many bytes may have, sub-messages included.
 */
export function message<F extends Readonly<Record<string, FieldOfAnyType>>>(
  fields: F,
  fieldsMax: (bytes: number) => number = () => FIELDS_MAX,
): MessageType<ValueOf<F>> {
  const byNumber = Object.entries(fields as unknown as Fields).toSorted(([, a], [, b]) => a.id - b.id);
  const byId = new Map(byNumber.map(([name, codec]) => [codec.id, { name, codec }]));
  type Open = Record<string | symbol, never> & { [unknownFields]?: Uint8Array };

  function write(value: ValueOf<F>, to: ProtoWriter): void {
    for (const [name, codec] of byNumber) codec.write((value as Open)[name] as never, to);
    const unknown = (value as Open)[unknownFields];
    if (unknown !== undefined) to.raw(unknown);
  }

  function encode(value: ValueOf<F>): Uint8Array {
    const to = new ProtoWriter();
    write(value, to);
    return to.finish();
  }

  function decode(bytes: Uint8Array, budget: Budget = { left: fieldsMax(bytes.length) }): ValueOf<F> {
    try {
      const from = Reader.create(bytes);
      const value = {} as Open;
      for (const [name, codec] of byNumber) value[name] = codec.absent();
      const unknown: Uint8Array[] = [];
      while (from.pos < from.len) {
        if (budget.left-- <= 0) throw new Error("too many fields");
        const start = from.pos;
        const key = from.uint32();
        const known = byId.get(key >>> 3);
        if (known !== undefined && known.codec.wire === (key & 7)) {
          value[known.name] = known.codec.read(from, value[known.name] as never, budget);
        } else {
          if (key >>> 3 === 0) throw new Error("field number 0");
          if (unknown.length === UNKNOWN_FIELDS_MAX) throw new Error("too many unknown fields");
          from.skipType(key & 7);
          unknown.push(bytes.slice(start, from.pos));
        }
      }
      if (unknown.length > 0) value[unknownFields] = new Uint8Array(Buffer.concat(unknown));
      return value as ValueOf<F>;
    } catch (cause) {
      if (cause instanceof ProtoError) throw cause;
      throw new ProtoError("base/not-protobuf", "decode protobuf message", {
        cause,
        facts: { bytes: bytes.length },
      });
    }
  }
  return { encode, write, decode };
}

function integer(value: { toNumber(): number } | number): number {
  const n = typeof value === "number" ? value : value.toNumber();
  if (!Number.isSafeInteger(n)) throw new ProtoError("base/not-protobuf", "decode integer beyond 2^53");
  return n;
}

type LongReader = { uint64(): { toNumber(): number } | number; int64(): { toNumber(): number } | number };

function scalar<T>(
  id: number,
  wire: number,
  zero: T,
  isZero: (v: T) => boolean,
  write: (to: Writer, v: T) => void,
  read: (from: Reader) => T,
): FieldCodec<T> {
  return {
    id,
    wire,
    absent: () => zero,
    write: (value, to) => {
      if (!isZero(value)) write(to.short.uint32(tag({ id, wire })), value);
    },
    read: (from) => read(from),
  };
}

export const uint64 = (id: number): FieldCodec<number> =>
  scalar(
    id,
    0,
    0,
    (v) => v === 0,
    (to, v) => void to.uint64(v),
    (from) => integer((from as unknown as LongReader).uint64()),
  );
export const int64 = (id: number): FieldCodec<number> =>
  scalar(
    id,
    0,
    0,
    (v) => v === 0,
    (to, v) => void to.int64(v),
    (from) => integer((from as unknown as LongReader).int64()),
  );
export const uint32 = (id: number): FieldCodec<number> =>
  scalar(
    id,
    0,
    0,
    (v) => v === 0,
    (to, v) => void to.uint32(v),
    (from) => from.uint32(),
  );
export const int32 = (id: number): FieldCodec<number> =>
  scalar(
    id,
    0,
    0,
    (v) => v === 0,
    (to, v) => void to.int32(v),
    (from) => from.int32(),
  );
export const bool = (id: number): FieldCodec<boolean> =>
  scalar(
    id,
    0,
    false,
    (v) => !v,
    (to, v) => void to.bool(v),
    (from) => from.bool(),
  );
/** Invalid UTF-8 is refused, as Go does. */
export const string = (id: number): FieldCodec<string> =>
  scalar(
    id,
    2,
    "",
    (v) => v === "",
    (to, v) => void to.string(v),
    (from) => utf8.decode(from.bytes()),
  );
export const bytes = (id: number): FieldCodec<Uint8Array> => ({
  ...bytesWithin(id),
  read: (from) => new Uint8Array(from.bytes()),
});
/** The bytes where they lie in the message, which stays in memory as long as they do: for long ones that are not kept. */
export const bytesWithin = (id: number): FieldCodec<Uint8Array> => ({
  id,
  wire: 2,
  absent: () => new Uint8Array(0),
  write: (value, to) => {
    if (value.length > 0) to.field(tag({ id, wire: 2 }), value);
  },
  read: (from) => {
    const { buffer, byteOffset, byteLength } = from.bytes();
    return new Uint8Array(buffer, byteOffset, byteLength); // Of a Buffer, too.
  },
});

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A sub-message; absent and empty differ, as in Go. */
export const sub = <T>(id: number, type: MessageType<T>): FieldCodec<T | undefined> => ({
  id,
  wire: 2,
  absent: () => undefined,
  write: (value, to) => {
    if (value !== undefined) to.message(tag({ id, wire: 2 }), (inside) => type.write(value, inside));
  },
  read: (from, _, budget) => type.decode(from.bytes(), budget),
});

export const repeated = <T>(id: number, type: MessageType<T>): FieldCodec<readonly T[]> => ({
  id,
  wire: 2,
  absent: () => [],
  write: (values, to) => {
    for (const value of values) to.message(tag({ id, wire: 2 }), (inside) => type.write(value, inside));
  },
  read: (from, earlier, budget) => append(earlier, type.decode(from.bytes(), budget)),
});

export const repeatedBytes = (id: number): FieldCodec<readonly Uint8Array[]> => ({
  id,
  wire: 2,
  absent: () => [],
  write: (values, to) => {
    for (const value of values) to.field(tag({ id, wire: 2 }), value);
  },
  read: (from, earlier) => append(earlier, new Uint8Array(from.bytes())),
});

/** `absent()` made the array for this very message, so it may grow in place: a million entries stay linear. */
function append<T>(earlier: readonly T[], value: T): readonly T[] {
  (earlier as T[]).push(value);
  return earlier;
}

/** map<string, message> or map<string, bytes>; entries are written sorted by key (byte order), the last of equal keys wins. */
export function map<T>(id: number, value: (id: number) => FieldCodec<T>): FieldCodec<ReadonlyMap<string, T>> {
  const ofValue = value(2);
  const entry = message({ key: string(1), value: ofValue });
  return {
    id,
    wire: 2,
    absent: () => new Map(),
    write: (values, to) => {
      const sorted = [...values]
        .map(([key, item]) => ({ key: Buffer.from(key), item }))
        .toSorted((a, b) => Buffer.compare(a.key, b.key));
      for (const { key, item } of sorted)
        to.message(tag({ id, wire: 2 }), (inside) => {
          // Go writes key and value of a map entry even when they are zero.
          inside.field(tag({ id: 1, wire: 2 }), key);
          if (item instanceof Uint8Array) inside.field(tag({ id: 2, wire: 2 }), item);
          else ofValue.write(item, inside);
        });
    },
    read: (from, earlier, budget) => {
      const { key, value: item } = entry.decode(from.bytes(), budget);
      (earlier as Map<string, T>).set(key, item);
      return earlier;
    },
  };
}

/** google.protobuf.Any */
export const Any: MessageType<{ typeUrl: string; value: Uint8Array }> = message({
  typeUrl: string(1),
  value: bytes(2),
});
/** google.protobuf.Timestamp */
export const Timestamp: MessageType<{ seconds: number; nanos: number }> = message({
  seconds: int64(1),
  nanos: int32(2),
});
