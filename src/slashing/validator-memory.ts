import { equalBytes } from "../base/index.ts";
import type { Epoch, GroupKey, Root, Slot } from "../spec/index.ts";
import type { ValidatorRecord } from "./interchange.ts";
import { judge, type SigningHistory } from "./judge.ts";
import { keptVotes } from "./limits.ts";
import {
  type AttestationFloor,
  effectiveFloor,
  type Floors,
  raisedFloors,
  type SignedAttestation,
  type SignedBlock,
  type SlashableVote,
  type Verdict,
} from "./votes.ts";

/**
 * One validator's signing history, in memory: the reference for every store and the heart of the simulated disk.
 * Its size is bounded by `keptVotes`.
 */
export class ValidatorMemory implements SigningHistory {
  readonly #attestations: SignedAttestation[] = [];
  readonly #blocks: SignedBlock[] = [];
  #floors: Floors = {};

  /** Judges `vote` and remembers it when it is admitted. */
  admit(vote: SlashableVote): Verdict {
    const verdict = judge(this, vote);
    if (verdict.admitted) {
      this.#remember(vote);
      this.#prune();
    }
    return verdict;
  }

  /** Takes over what another client signed, and from then on refuses whatever that client may have left out. */
  import(record: ValidatorRecord): void {
    for (const block of record.blocks) this.#addBlock(block);
    for (const attestation of record.attestations) this.#addAttestation(attestation);
    this.#floors = raisedFloors(this.#floors, importedFloors(record));
    this.#prune();
  }

  /** Everything another client has to know to be as careful as this memory. */
  record(pubkey: GroupKey): ValidatorRecord {
    return exportedRecord(pubkey, this.#floors, this.#attestations, this.#blocks);
  }

  attestationsFor(target: Epoch): readonly SignedAttestation[] {
    return this.#attestations.filter((vote) => vote.target === target);
  }

  hasAround(source: Epoch, target: Epoch): boolean {
    return this.#attestations.some((vote) => vote.source < source && vote.target > target);
  }

  hasWithin(source: Epoch, target: Epoch): boolean {
    return this.#attestations.some((vote) => vote.source > source && vote.target < target);
  }

  attestationFloor(): AttestationFloor | undefined {
    return effectiveFloor(this.#floors.attestation, lowest(this.#attestations));
  }

  blocksAt(slot: Slot): readonly SignedBlock[] {
    return this.#blocks.filter((block) => block.slot === slot);
  }

  blockFloor(): Slot | undefined {
    const listed =
      this.#blocks.length === 0 ? {} : { slot: minimum(this.#blocks.map((block) => block.slot)) };
    return raisedFloors(this.#floors, listed).slot;
  }

  #remember(vote: SlashableVote): void {
    const { signingRoot } = vote;
    if (vote.kind === "block") this.#addBlock({ slot: vote.slot, signingRoot });
    else this.#addAttestation({ source: vote.source, target: vote.target, signingRoot });
  }

  #addBlock(block: SignedBlock): void {
    if (this.#blocks.some((b) => b.slot === block.slot && sameRoot(b.signingRoot, block.signingRoot))) return;
    this.#blocks.push(block);
  }

  #addAttestation(vote: SignedAttestation): void {
    const known = this.#attestations.some(
      (a) =>
        a.target === vote.target && a.source === vote.source && sameRoot(a.signingRoot, vote.signingRoot),
    );
    if (!known) this.#attestations.push(vote);
  }

  #prune(): void {
    if (this.#attestations.length > keptVotes.attestations) {
      this.#attestations.sort((a, b) => a.target - b.target);
      const gone = this.#attestations.splice(0, this.#attestations.length - keptVotes.attestations);
      this.#floors = raisedFloors(this.#floors, { attestation: highest(gone) });
    }
    if (this.#blocks.length > keptVotes.blocks) {
      this.#blocks.sort((a, b) => a.slot - b.slot);
      const gone = this.#blocks.splice(0, this.#blocks.length - keptVotes.blocks);
      this.#floors = raisedFloors(this.#floors, { slot: maximum(gone.map((block) => block.slot)) });
    }
  }
}

/**
 * Floors at the highest imported votes. A file may be minimal (EIP-3076 allows one entry that stands for a whole history),
 * and nobody can see that from outside, so nothing at or below what it mentions is signed afresh.
 */
export function importedFloors(record: ValidatorRecord): Floors {
  return {
    ...(record.blocks.length === 0 ? {} : { slot: maximum(record.blocks.map((block) => block.slot)) }),
    ...(record.attestations.length === 0 ? {} : { attestation: highest(record.attestations) }),
  };
}

/**
 * A validator's history for export. Votes under a floor are left out, and a vote at the floor stands for all of them, so
 * that a reader who knows only the rule "nothing below the lowest entry" is exactly as careful as we are.
 */
export function exportedRecord(
  pubkey: GroupKey,
  floors: Floors,
  attestations: readonly SignedAttestation[],
  blocks: readonly SignedBlock[],
): ValidatorRecord {
  const { slot, attestation: floor } = floors;
  const keptBlocks = slot === undefined ? [...blocks] : blocks.filter((block) => block.slot >= slot);
  if (slot !== undefined && !keptBlocks.some((block) => block.slot === slot)) keptBlocks.push({ slot });

  const kept = floor === undefined ? [...attestations] : attestations.filter((a) => a.target >= floor.target);
  if (floor !== undefined && !kept.some((a) => a.target === floor.target && a.source >= floor.source)) {
    kept.push({ source: floor.source, target: floor.target });
  }
  return {
    pubkey,
    blocks: keptBlocks.toSorted((a, b) => a.slot - b.slot),
    attestations: kept.toSorted((a, b) => a.target - b.target || a.source - b.source),
  };
}

function lowest(votes: readonly SignedAttestation[]): AttestationFloor | undefined {
  if (votes.length === 0) return undefined;
  return { source: minimum(votes.map((v) => v.source)), target: minimum(votes.map((v) => v.target)) };
}

function highest(votes: readonly SignedAttestation[]): AttestationFloor {
  return { source: maximum(votes.map((v) => v.source)), target: maximum(votes.map((v) => v.target)) };
}

// Not Math.max(...numbers): an imported history may hold more numbers than a call takes arguments.
function maximum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), 0);
}

function minimum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Number.MAX_SAFE_INTEGER);
}

function sameRoot(a: Root | undefined, b: Root | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}
