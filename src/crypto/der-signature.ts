/**
 * ECDSA signatures in ASN.1 DER, as libp2p keys write them; elsewhere in the field a signature is R || S of 64 bytes.
 *
 * @spec SEC 1 version 2.0, C.8
 */
export function derOfSignature(signature: Uint8Array): Uint8Array {
  const parts = [signature.subarray(0, 32), signature.subarray(32, 64)].map(integer);
  const body = Buffer.concat(parts);
  return new Uint8Array(Buffer.concat([Uint8Array.of(SEQUENCE, body.length), body]));
}

/** R || S, 64 bytes; undefined for bytes that are not exactly one signature in DER. */
export function signatureOfDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return undefined;
  const r = readInteger(der, 2);
  const s = r === undefined ? undefined : readInteger(der, r.end);
  if (r === undefined || s === undefined || s.end !== der.length) return undefined;
  const signature = new Uint8Array(64);
  signature.set(r.value, 32 - r.value.length);
  signature.set(s.value, 64 - s.value.length);
  return signature;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** Without leading zeros, but for the one that keeps it positive. */
function integer(value: Uint8Array): Uint8Array {
  let from = 0;
  while (from < value.length - 1 && value[from] === 0) from++;
  const digits = value.subarray(from);
  const padding = (digits[0] as number) >= 0x80 ? [0] : [];
  return Uint8Array.of(INTEGER, digits.length + padding.length, ...padding, ...digits);
}

function readInteger(der: Uint8Array, at: number): { value: Uint8Array; end: number } | undefined {
  const length = der[at + 1];
  if (der[at] !== INTEGER || length === undefined || length === 0 || at + 2 + length > der.length)
    return undefined;
  const raw = der.subarray(at + 2, at + 2 + length);
  const isNegative = (raw[0] as number) >= 0x80;
  const isPadded = raw.length > 1 && raw[0] === 0 && (raw[1] as number) < 0x80;
  const value = raw[0] === 0 ? raw.subarray(1) : raw;
  return isNegative || isPadded || value.length > 32 ? undefined : { value, end: at + 2 + length };
}
