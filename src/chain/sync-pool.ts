import { type Hex, toHex } from "../base/index.ts";
import { type Root, type Slot, ssz, type ValidatorIndex } from "../spec/index.ts";
import { subcommitteeBits, syncCommitteeBits } from "./bits.ts";
import { SEATS_PER_SUBCOMMITTEE, SYNC_SUBCOMMITTEES } from "./roster.ts";
import { INFINITY_SIGNATURE, SignaturePile, weightedSum } from "./signature-pile.ts";

export type SyncContribution = ReturnType<typeof ssz.altair.SyncCommitteeContribution.defaultValue>;
export type SyncAggregate = ReturnType<typeof ssz.altair.SyncAggregate.defaultValue>;

/** Votes of the sync committee for one block root in one slot. */
interface RootVotes {
  readonly slot: Slot;
  /** One pile per subcommittee; its places are seats in the subcommittee. */
  readonly piles: readonly SignaturePile[];
  readonly voters: Set<ValidatorIndex>;
}

/** Messages of the sync committee that came in and are right, waiting for the next block. */
export class SyncPool {
  readonly #votes = new Map<string, RootVotes>();

  /**
   * One member's message: it counts once for every seat.
   *
   * @param seats - 0 to 511, all of one validator.
   * @returns False when it is there already.
   */
  add(
    slot: Slot,
    root: Root,
    voter: ValidatorIndex,
    seats: readonly number[],
    signature: Uint8Array,
  ): boolean {
    const votes = this.#of(slot, root);
    if (votes.voters.has(voter)) return false;
    votes.voters.add(voter);
    for (const [subcommittee, places] of bySubcommittee(seats))
      votes.piles[subcommittee]?.add({ places, signature, weight: places.length });
    return true;
  }

  /** A ready-made aggregate over some seats of one subcommittee, in which every seat counts once already. */
  addAggregate(
    slot: Slot,
    root: Root,
    subcommittee: number,
    places: readonly number[],
    signature: Uint8Array,
  ): boolean {
    return this.#of(slot, root).piles[subcommittee]?.add({ places, signature, weight: 1 }) ?? false;
  }

  /** The contribution of one subcommittee; undefined when nobody voted so. */
  contribution(slot: Slot, root: Root, subcommittee: number): SyncContribution | undefined {
    const pile = this.#votes.get(nameOf(slot, root))?.piles[subcommittee];
    const signature = pile?.aggregate();
    if (pile === undefined || signature === undefined) return undefined;
    return {
      slot,
      beaconBlockRoot: root,
      subcommitteeIndex: subcommittee,
      aggregationBits: subcommitteeBits(pile.places),
      signature,
    };
  }

  /** What the next block carries: everybody who voted for `root` in `slot`. */
  aggregate(slot: Slot, root: Root): SyncAggregate {
    const piles = this.#votes.get(nameOf(slot, root))?.piles ?? [];
    const seats = piles.flatMap((pile, subcommittee) =>
      pile.places.map((place) => subcommittee * SEATS_PER_SUBCOMMITTEE + place),
    );
    const signature = weightedSum(joined(piles.flatMap((pile) => pile.items)));
    return {
      syncCommitteeBits: syncCommitteeBits(seats),
      syncCommitteeSignature: signature ?? INFINITY_SIGNATURE,
    };
  }

  prune(before: Slot): void {
    for (const [name, { slot }] of this.#votes) if (slot < before) this.#votes.delete(name);
  }

  #of(slot: Slot, root: Root): RootVotes {
    const name = nameOf(slot, root);
    let votes = this.#votes.get(name);
    if (votes === undefined) {
      votes = {
        slot,
        piles: Array.from({ length: SYNC_SUBCOMMITTEES }, () => new SignaturePile()),
        voters: new Set(),
      };
      this.#votes.set(name, votes);
    }
    return votes;
  }
}

/** One entry per signature, its weights over all subcommittees added up, so that each is read once. */
function joined(
  items: readonly { readonly signature: Uint8Array; readonly weight: number }[],
): { signature: Uint8Array; weight: number }[] {
  const bySignature = new Map<Hex, { signature: Uint8Array; weight: number }>();
  for (const { signature, weight } of items) {
    const known = bySignature.get(toHex(signature));
    if (known === undefined) bySignature.set(toHex(signature), { signature, weight });
    else known.weight += weight;
  }
  return [...bySignature.values()];
}

/** Seats 0 to 511 as subcommittee and seats 0 to 127 in it. */
export function bySubcommittee(seats: readonly number[]): Map<number, number[]> {
  const parts = new Map<number, number[]>();
  for (const seat of seats) {
    const subcommittee = Math.floor(seat / SEATS_PER_SUBCOMMITTEE);
    const part = parts.get(subcommittee);
    if (part === undefined) parts.set(subcommittee, [seat % SEATS_PER_SUBCOMMITTEE]);
    else part.push(seat % SEATS_PER_SUBCOMMITTEE);
  }
  return parts;
}

function nameOf(slot: Slot, root: Root): string {
  return `${slot}/${toHex(root)}`;
}
