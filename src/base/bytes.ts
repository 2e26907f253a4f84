import { DvError } from "./errors.ts";

/** A value that looks like another but must not be mixed up with it. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** "0x" and lower-case hexadecimal digits. */
export type Hex = `0x${string}`;

export class HexError extends DvError<"base/not-hex"> {}

/** `bytes` as 0x-prefixed lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}

/**
 * Bytes of a hexadecimal text; the prefix 0x is optional, upper case is accepted.
 *
 * @param length - Exact number of bytes wanted, when known.
 * @throws HexError `base/not-hex` - other characters, an odd count, or another length.
 */
export function fromHex(text: string, length?: number): Uint8Array {
  const digits = text.startsWith("0x") || text.startsWith("0X") ? text.slice(2) : text;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new HexError("base/not-hex", "read hexadecimal text", { facts: { starts: text.slice(0, 12) } });
  }
  if (length !== undefined && digits.length !== 2 * length) {
    throw new HexError("base/not-hex", "read hexadecimal text", {
      facts: { wantedBytes: length, foundBytes: digits.length / 2 },
    });
  }
  return new Uint8Array(Buffer.from(digits, "hex"));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
