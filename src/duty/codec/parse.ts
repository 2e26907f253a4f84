import { equalBytes, parseJson } from "../../base/index.ts";
import { LIMITS } from "../limits.ts";
import { CodecError } from "./codec-error.ts";

/** A type of `@chainsafe/ssz`, as far as the codecs need it. */
export interface SszType<T> {
  serialize(value: T): Uint8Array;
  deserialize(bytes: Uint8Array): T;
  hashTreeRoot(value: T): Uint8Array;
  toJson(value: T): unknown;
  fromJson(json: unknown): T;
}

/**
 * Decodes what has to be the one encoding of its value. Numbers beyond 2^53, dirty padding and trailing bytes would
 * otherwise come back changed, and then we would sign something else than was agreed.
 */
function decodeStrictly<T>(
  bytes: Uint8Array,
  what: string,
  codec: { decode: (bytes: Uint8Array) => T; encode: (value: T) => Uint8Array },
): T {
  let value: T;
  try {
    value = codec.decode(bytes);
    if (equalBytes(codec.encode(value), bytes)) return value;
  } catch (cause) {
    throw new CodecError("duty/malformed", `decode ${what}`, { cause, facts: { bytes: bytes.length } });
  }
  throw new CodecError("duty/malformed", `decode ${what}: not its canonical encoding`, {
    facts: { bytes: bytes.length },
  });
}

/**
 * SSZ, or JSON for everything that Charon accepts in both (core/proto.go). SSZ comes first: slot 123 begins with "{".
 *
 * @param jsonBytesMax - Of blocks more than of everything else.
 */
export function decodeEither<T>(
  bytes: Uint8Array,
  what: string,
  ssz: { decode: (bytes: Uint8Array) => T; encode: (value: T) => Uint8Array },
  readJson: (json: unknown) => T,
  jsonBytesMax?: number,
): T {
  try {
    return decodeStrictly(bytes, what, ssz);
  } catch (failure) {
    const first = bytes.find((byte) => byte > 0x20);
    if (first !== 0x7b && first !== 0x5b) throw failure;
    return decodeJson(bytes, what, readJson, jsonBytesMax);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Runs `read` on the JSON text in `bytes`; whatever it throws becomes a CodecError. */
export function decodeJson<T>(
  bytes: Uint8Array,
  what: string,
  read: (json: unknown) => T,
  bytesMax: number = LIMITS.jsonBytesMax,
): T {
  try {
    if (bytes.length > bytesMax) throw new Error("longer than it can be");
    return read(parseJson(utf8.decode(bytes)));
  } catch (cause) {
    throw new CodecError("duty/malformed", `decode ${what} from JSON`, {
      cause,
      facts: { bytes: bytes.length },
    });
  }
}

export function encodeJson(json: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(json)));
}

/** The member `name` of a JSON object. */
export function member(json: unknown, name: string): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("not a JSON object");
  return (json as Record<string, unknown>)[name];
}

/** An unsigned integer, written as a decimal text or as a number. */
export function integerOf(json: unknown): number {
  const value = typeof json === "string" && /^\d{1,16}$/.test(json) ? Number(json) : json;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new Error("not an unsigned integer");
  return value;
}
