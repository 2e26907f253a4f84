import { assert, fromHex, toHex } from "../base/index.ts";
import type { SignatureSet } from "../crypto/index.ts";
import type { CombineJob, CombineResult } from "../ports/index.ts";
import type { GroupKey, ShareIndex } from "../spec/index.ts";

/**
 * Jobs and results of the BLS thread as one block of bytes each, which moves between threads without a copy. Both ends are
 * ours and of the same build, so the form may change at will.
 */
const NUMBER_BYTES = 8;
const LENGTH_BYTES = 4;

class Packer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  number(value: number): void {
    this.#reserve(NUMBER_BYTES);
    this.#view.setFloat64(this.#at, value);
    this.#at += NUMBER_BYTES;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(LENGTH_BYTES + value.length);
    this.#view.setUint32(this.#at, value.length);
    this.#bytes.set(value, this.#at + LENGTH_BYTES);
    this.#at += LENGTH_BYTES + value.length;
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#at + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** An array over its own buffer, which can be transferred. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }
}

class Unpacker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  number(): number {
    this.#at += NUMBER_BYTES;
    return this.#view.getFloat64(this.#at - NUMBER_BYTES);
  }

  bytes(): Uint8Array {
    const start = this.#at + LENGTH_BYTES;
    this.#at = start + this.#view.getUint32(this.#at);
    assert(this.#at <= this.#bytes.length, "packed work is whole");
    return this.#bytes.slice(start, this.#at);
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.number() }, read);
  }
}

/** What a signature of another length says is no matter: it is wrong. It is not worth carrying. */
const SIGNATURE_BYTES = 96;
const carried = (signature: Uint8Array): Uint8Array =>
  signature.length === SIGNATURE_BYTES ? signature : new Uint8Array(0);

/** No bytes where the text is no key; no signature is right for that. */
function keyBytes(groupKey: GroupKey): Uint8Array {
  try {
    return fromHex(groupKey, 48);
  } catch {
    return new Uint8Array(0);
  }
}

export function packJobs(jobs: readonly CombineJob[]): Uint8Array<ArrayBuffer> {
  const to = new Packer();
  to.number(jobs.length);
  for (const job of jobs) {
    to.bytes(keyBytes(job.groupKey));
    to.bytes(job.root);
    to.number(job.threshold);
    to.number(job.partials.length);
    for (const { share, signature } of job.partials) {
      to.number(share);
      to.bytes(carried(signature));
    }
    to.number(job.publicShares.length);
    for (const share of job.publicShares) to.bytes(share);
  }
  return to.finish();
}

export function unpackJobs(bytes: Uint8Array): CombineJob[] {
  const from = new Unpacker(bytes);
  return from.list(() => ({
    groupKey: toHex(from.bytes()) as GroupKey,
    root: from.bytes(),
    threshold: from.number(),
    partials: from.list(() => ({ share: from.number() as ShareIndex, signature: from.bytes() })),
    publicShares: from.list(() => from.bytes()),
  }));
}

export function packResults(results: readonly CombineResult[]): Uint8Array<ArrayBuffer> {
  const to = new Packer();
  to.number(results.length);
  for (const { signature, guilty } of results) {
    to.bytes(signature ?? new Uint8Array(0));
    to.number(guilty.length);
    for (const share of guilty) to.number(share);
  }
  return to.finish();
}

export function unpackResults(bytes: Uint8Array): CombineResult[] {
  const from = new Unpacker(bytes);
  return from.list(() => {
    const signature = from.bytes();
    return {
      signature: signature.length === 0 ? undefined : signature,
      guilty: from.list(() => from.number() as ShareIndex),
    };
  });
}

export function packSets(sets: readonly SignatureSet[]): Uint8Array<ArrayBuffer> {
  const to = new Packer();
  to.number(sets.length);
  for (const { publicKey, root, signature } of sets) {
    to.bytes(publicKey);
    to.bytes(root);
    to.bytes(carried(signature));
  }
  return to.finish();
}

export function unpackSets(bytes: Uint8Array): SignatureSet[] {
  const from = new Unpacker(bytes);
  return from.list(() => ({ publicKey: from.bytes(), root: from.bytes(), signature: from.bytes() }));
}
