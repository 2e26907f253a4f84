import { assert } from "../base/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { VOTES_PER_CALL_MAX } from "./limits.ts";
import type { VoteOf } from "./memory-file.ts";

/**
 * Votes on their way to the storage thread. A structured clone of a small view copies the whole buffer under it, which for
 * Node's pooled buffers is 8 KB a root; packed, 500 votes are one copy of 28 KB.
 */
export interface PackedVotes {
  readonly pubkeys: readonly GroupKey[];
  /** Per vote: source and target, or the slot and -1 for a block. */
  readonly numbers: Float64Array;
  /** 32 bytes per vote. */
  readonly roots: Uint8Array;
}

/** Checks what the types cannot say: the votes come from our own code, so a misfit is a bug. */
export function packVotes(votes: readonly VoteOf[]): PackedVotes {
  assert(votes.length <= VOTES_PER_CALL_MAX, `${votes.length} votes in one call`);
  const numbers = new Float64Array(2 * votes.length);
  const roots = new Uint8Array(32 * votes.length);
  votes.forEach(({ pubkey, vote }, i) => {
    const [first, second] = vote.kind === "block" ? [vote.slot, -1] : [vote.source, vote.target];
    assert(/^0x[0-9a-f]{96}$/.test(pubkey), "a vote's public key is not 0x and 96 lower-case digits");
    assert(Number.isSafeInteger(first) && first >= 0, `a vote's slot or source is ${first}`);
    assert(
      vote.kind === "block" || (Number.isSafeInteger(second) && second >= 0),
      `a vote's target is ${second}`,
    );
    assert(vote.signingRoot.length === 32, `a signing root has ${vote.signingRoot.length} bytes`);
    numbers.set([first, second], 2 * i);
    roots.set(vote.signingRoot, 32 * i);
  });
  return { pubkeys: votes.map(({ pubkey }) => pubkey), numbers, roots };
}

export function unpackVotes({ pubkeys, numbers, roots }: PackedVotes): readonly VoteOf[] {
  return pubkeys.map((pubkey, i) => {
    const first = numbers[2 * i] ?? 0;
    const second = numbers[2 * i + 1] ?? 0;
    const signingRoot = roots.subarray(32 * i, 32 * i + 32);
    return second < 0
      ? { pubkey, vote: { kind: "block", slot: first, signingRoot } }
      : { pubkey, vote: { kind: "attestation", source: first, target: second, signingRoot } };
  });
}
