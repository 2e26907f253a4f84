import { parentPort } from "node:worker_threads";
import { assert, present } from "../base/index.ts";
import { combineSlot, ParsedKeys, verifyEach } from "../crypto/index.ts";
import { packResults, unpackJobs, unpackSets } from "./packed-work.ts";

/** A piece of work for the thread; the bytes are of packed-work.ts. */
export interface ThreadRequest {
  readonly id: number;
  readonly kind: "combine" | "verify";
  readonly packed: Uint8Array<ArrayBuffer>;
}

/** The results, packed; for "verify" one byte per signature, 1 where it is right. */
export interface ThreadAnswer {
  readonly id: number;
  readonly packed: Uint8Array<ArrayBuffer>;
}

// This file is the program of the thread that bls-threads.ts starts. It answers one request after the other.
const port = present(parentPort, "the thread that started this one");
const keys = new ParsedKeys();

function answer({ kind, packed }: ThreadRequest): Uint8Array<ArrayBuffer> {
  switch (kind) {
    case "combine":
      return packResults(combineSlot(unpackJobs(packed), keys));
    case "verify":
      return Uint8Array.from(verifyEach(unpackSets(packed), keys), Number);
  }
}

port.on("message", (request: ThreadRequest) => {
  assert(request.packed instanceof Uint8Array, "work comes packed");
  const packed = answer(request);
  port.postMessage({ id: request.id, packed } satisfies ThreadAnswer, [packed.buffer]);
});
