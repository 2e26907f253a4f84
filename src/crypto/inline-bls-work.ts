import { ParsedKeys, type SignatureSet, verifyEach } from "./bls.ts";
import { combineSlot, type SlotJob, type SlotResult } from "./combine-slot.ts";

/**
 * `BlsWork` of ports done in the calling thread: for the simulator, for small jobs, and where no thread can be had.
 * Remembers the public keys it has read.
 *
 * @param keys - Those read before, where others read the same ones.
 */
export function inlineBlsWork(keys: ParsedKeys = new ParsedKeys()): {
  combine(jobs: readonly SlotJob[]): Promise<readonly SlotResult[]>;
  verify(sets: readonly SignatureSet[]): Promise<readonly boolean[]>;
} {
  return {
    combine: async (jobs) => combineSlot(jobs, keys),
    verify: async (sets) => verifyEach(sets, keys),
  };
}
