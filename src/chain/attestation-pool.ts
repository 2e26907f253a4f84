import { type Hex, toHex } from "../base/index.ts";
import { type Epoch, type phase0, type Slot, ssz, type ValidatorIndex } from "../spec/index.ts";
import { bitlist, committeeBits } from "./bits.ts";
import { SignaturePile } from "./signature-pile.ts";

export type AttestationData = phase0.AttestationData;
export type Attestation = ReturnType<typeof ssz.fulu.Attestation.defaultValue>;

/** Votes for one attestation data. */
export interface DataVotes {
  readonly data: AttestationData;
  readonly dataRoot: Hex;
  readonly committees: Map<number, CommitteeVotes>;
}

interface CommitteeVotes {
  readonly members: readonly ValidatorIndex[];
  /** Its places are places in the committee. */
  readonly pile: SignaturePile;
}

/** Votes that came in and are right, waiting for a block. */
export class AttestationPool {
  readonly #byData = new Map<Hex, DataVotes>();
  readonly #included = new Map<Epoch, Set<ValidatorIndex>>();

  /**
   * @param places - Places in the committee that `signature` stands for.
   * @returns False when one of them is there already.
   */
  add(
    data: AttestationData,
    committee: { readonly index: number; readonly members: readonly ValidatorIndex[] },
    places: readonly number[],
    signature: Uint8Array,
  ): boolean {
    const dataRoot = toHex(ssz.phase0.AttestationData.hashTreeRoot(data));
    let votes = this.#byData.get(dataRoot);
    if (votes === undefined) this.#byData.set(dataRoot, (votes = { data, dataRoot, committees: new Map() }));
    let ofCommittee = votes.committees.get(committee.index);
    if (ofCommittee === undefined) {
      ofCommittee = { members: committee.members, pile: new SignaturePile() };
      votes.committees.set(committee.index, ofCommittee);
    }
    return ofCommittee.pile.add({ places, signature, weight: 1 });
  }

  has(data: AttestationData, committee: number, place: number): boolean {
    const dataRoot = toHex(ssz.phase0.AttestationData.hashTreeRoot(data));
    return this.#byData.get(dataRoot)?.committees.get(committee)?.pile.has(place) ?? false;
  }

  /** The best aggregate of one committee; undefined when nobody voted so. */
  aggregate(dataRoot: Hex, committee: number): Attestation | undefined {
    const votes = this.#byData.get(dataRoot);
    return votes === undefined ? undefined : packVotes(votes, [committee]);
  }

  /** All votes of the slots `from` to `to`, newest slot first. */
  between(from: Slot, to: Slot): DataVotes[] {
    return [...this.#byData.values()]
      .filter(({ data }) => data.slot >= from && data.slot <= to)
      .toSorted((a, b) => b.data.slot - a.data.slot);
  }

  /** Notes votes that a block carries. Returns those that no block had before. */
  include(epoch: Epoch, voters: readonly ValidatorIndex[]): ValidatorIndex[] {
    let included = this.#included.get(epoch);
    if (included === undefined) this.#included.set(epoch, (included = new Set()));
    const fresh = voters.filter((voter) => !included.has(voter));
    for (const voter of fresh) included.add(voter);
    return fresh;
  }

  isIncluded(epoch: Epoch, voter: ValidatorIndex): boolean {
    return this.#included.get(epoch)?.has(voter) ?? false;
  }

  /** Forgets votes for slots before `slot`, and who was included in epochs before `epoch`. */
  prune(slot: Slot, epoch: Epoch): void {
    for (const known of this.#included.keys()) if (known < epoch) this.#included.delete(known);
    for (const [root, { data }] of this.#byData) if (data.slot < slot) this.#byData.delete(root);
  }

  get size(): number {
    return this.#byData.size;
  }
}

/**
 * One attestation of the given committees, as blocks carry it since Electra: bits of the committees one after the other.
 *
 * @spec electra/beacon-chain.md#attestation
 */
export function packVotes(votes: DataVotes, committees: readonly number[]): Attestation | undefined {
  const chosen = [...new Set(committees)]
    .toSorted((a, b) => a - b)
    .filter((index) => (votes.committees.get(index)?.pile.size ?? 0) > 0);
  const set: number[] = [];
  const joint = new SignaturePile();
  let length = 0;
  for (const index of chosen) {
    const { members, pile } = votes.committees.get(index) as CommitteeVotes;
    const places = pile.places.map((place) => length + place);
    set.push(...places);
    joint.add({ places, signature: pile.aggregate() as Uint8Array, weight: 1 });
    length += members.length;
  }
  const signature =
    chosen.length === 1 ? votes.committees.get(chosen[0] as number)?.pile.aggregate() : joint.aggregate();
  if (signature === undefined) return undefined;
  return {
    aggregationBits: bitlist(length, set),
    data: votes.data,
    signature,
    committeeBits: committeeBits(chosen),
  };
}

/**
 * Who signed an on-chain attestation; undefined when its bits do not fit the committees.
 *
 * @spec electra/beacon-chain.md#modified-get_attesting_indices
 */
export function attestersOf(
  attestation: Attestation,
  committeeAt: (slot: Slot, committee: number) => readonly ValidatorIndex[] | undefined,
): ValidatorIndex[] | undefined {
  const members: ValidatorIndex[] = [];
  for (const index of attestation.committeeBits.getTrueBitIndexes()) {
    const committee = committeeAt(attestation.data.slot, index);
    if (committee === undefined) return undefined;
    members.push(...committee);
  }
  if (attestation.aggregationBits.bitLen !== members.length) return undefined;
  return attestation.aggregationBits.getTrueBitIndexes().map((place) => members[place] as ValidatorIndex);
}
