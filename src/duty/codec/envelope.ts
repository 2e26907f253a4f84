import { concatBytes } from "../../base/index.ts";
import type { Fork } from "../../ports/index.ts";
import { ForkName, ForkSeq } from "../../spec/index.ts";
import { CodecError } from "./codec-error.ts";

// Charon wraps what depends on a fork: u64 fork number, perhaps one more field, u32 offset of the rest (core/ssz.go).

/** A fork whose containers this program knows. */
export type WireFork = ForkName;

/** A fork's number on the wire is its place in the order of all forks. */
export function forkNumber(fork: Fork): number {
  const number = Object.hasOwn(ForkSeq, fork) ? ForkSeq[fork as ForkName] : undefined;
  if (number === undefined)
    throw new CodecError("duty/unknown-fork", "encode data of a fork", { facts: { fork } });
  return number;
}

export function forkOfNumber(number: number | bigint): WireFork {
  const fork = Object.values(ForkName).find((name) => ForkSeq[name] === Number(number));
  if (fork === undefined)
    throw new CodecError("duty/unknown-fork", "decode data of a fork", { facts: { number: String(number) } });
  return fork;
}

/** What stands between the fork number and the offset. */
export type EnvelopeKind = "plain" | "blinded" | "validator-index";
const EXTRA_BYTES: Readonly<Record<EnvelopeKind, number>> = { plain: 0, blinded: 1, "validator-index": 8 };

export interface Envelope {
  readonly fork: WireFork;
  /** 0 or 1 for `blinded`, the index for `validator-index`. */
  readonly extra: number;
  readonly body: Uint8Array;
}

export function writeEnvelope(kind: EnvelopeKind, fork: Fork, extra: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(8 + EXTRA_BYTES[kind] + 4);
  const view = new DataView(head.buffer);
  view.setBigUint64(0, BigInt(forkNumber(fork)), true);
  if (kind === "blinded") view.setUint8(8, extra);
  if (kind === "validator-index") view.setBigUint64(8, BigInt(extra), true);
  view.setUint32(head.length - 4, head.length, true);
  return concatBytes(head, body);
}

/** @throws CodecError `duty/malformed` for any other offset than the one that Charon writes. */
export function readEnvelope(kind: EnvelopeKind, bytes: Uint8Array): Envelope {
  const headBytes = 8 + EXTRA_BYTES[kind] + 4;
  if (bytes.length < headBytes) throw malformed("is too short", bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fork = forkOfNumber(view.getBigUint64(0, true));
  if (view.getUint32(headBytes - 4, true) !== headBytes) throw malformed("has another offset", bytes);
  const extra =
    kind === "blinded"
      ? view.getUint8(8)
      : kind === "validator-index"
        ? Number(view.getBigUint64(8, true))
        : 0;
  if ((kind === "blinded" && extra > 1) || !Number.isSafeInteger(extra))
    throw malformed("has a bad field", bytes);
  return { fork, extra, body: bytes.subarray(headBytes) };
}

function malformed(what: string, bytes: Uint8Array): CodecError {
  return new CodecError("duty/malformed", `decode versioned data that ${what}`, {
    facts: { bytes: bytes.length },
  });
}
