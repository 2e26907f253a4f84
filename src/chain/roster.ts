import { present, seededRandom } from "../base/index.ts";
import { sha256 } from "../crypto/index.ts";
import type { Epoch, Slot, ValidatorIndex } from "../spec/index.ts";
import type { ValidatorSet } from "./validators.ts";

export const SYNC_COMMITTEE_SIZE = 512;
export const SYNC_SUBCOMMITTEES = 4;
export const SEATS_PER_SUBCOMMITTEE: number = SYNC_COMMITTEE_SIZE / SYNC_SUBCOMMITTEES;
export const EPOCHS_PER_SYNC_PERIOD = 256;
const TARGET_COMMITTEE_SIZE = 128;
const COMMITTEES_PER_SLOT_MAX = 64;
/** Epochs and periods whose duties are kept; anything else is computed again, with the same result. */
const REMEMBERED = 8;

export interface AttesterSeat {
  readonly slot: Slot;
  readonly committee: number;
  /** Place in the committee. */
  readonly position: number;
  readonly committeeLength: number;
}

interface EpochDuties {
  /** By slot in the epoch, then by committee. */
  readonly committees: readonly (readonly (readonly ValidatorIndex[])[])[];
  readonly seats: ReadonlyMap<ValidatorIndex, AttesterSeat>;
  readonly proposers: readonly ValidatorIndex[];
}

/**
 * Who has which duty, drawn from the genesis validators root alone: the same chain always hands out the same duties, and a
 * late block never changes them. Every active validator attests once per epoch, proposals go round all who may propose,
 * and the sync committee seats everybody (several times when there are fewer validators than seats).
 */
export class Roster {
  readonly committeesPerSlot: number;
  readonly #validators: ValidatorSet;
  readonly #slotsPerEpoch: number;
  readonly #proposers: "everyone" | "watched";
  readonly #epochs = new Map<Epoch, EpochDuties>();
  readonly #periods = new Map<number, readonly ValidatorIndex[]>();

  constructor(
    validators: ValidatorSet,
    options: {
      readonly slotsPerEpoch: number;
      readonly proposers: "everyone" | "watched";
      readonly committeesPerSlot: number | undefined;
    },
  ) {
    this.#validators = validators;
    this.#slotsPerEpoch = options.slotsPerEpoch;
    this.#proposers = options.proposers;
    this.committeesPerSlot =
      options.committeesPerSlot ??
      Math.max(
        1,
        Math.min(
          COMMITTEES_PER_SLOT_MAX,
          Math.floor(validators.all.length / options.slotsPerEpoch / TARGET_COMMITTEE_SIZE),
        ),
      );
  }

  /** Members of one committee in order; undefined when there is no such committee. */
  committee(slot: Slot, committee: number): readonly ValidatorIndex[] | undefined {
    return this.committeesAt(slot)[committee];
  }

  committeesAt(slot: Slot): readonly (readonly ValidatorIndex[])[] {
    return present(
      this.#epoch(Math.floor(slot / this.#slotsPerEpoch)).committees[slot % this.#slotsPerEpoch],
      "a slot outside its epoch",
    );
  }

  /** Where a validator attests in `epoch`; undefined when it is not active then. */
  seat(epoch: Epoch, validator: ValidatorIndex): AttesterSeat | undefined {
    return this.#epoch(epoch).seats.get(validator);
  }

  proposer(slot: Slot): ValidatorIndex {
    return present(
      this.#epoch(Math.floor(slot / this.#slotsPerEpoch)).proposers[slot % this.#slotsPerEpoch],
      "a slot without a proposer",
    );
  }

  /** The 512 seats of the sync committee of `epoch`. */
  syncCommittee(epoch: Epoch): readonly ValidatorIndex[] {
    const period = Math.floor(epoch / EPOCHS_PER_SYNC_PERIOD);
    return remember(this.#periods, period, () => {
      const active = this.#validators.active(period * EPOCHS_PER_SYNC_PERIOD);
      const seats: ValidatorIndex[] = [];
      for (let round = 0; seats.length < SYNC_COMMITTEE_SIZE; round++)
        seats.push(...this.#shuffle(active, `sync ${period} ${round}`));
      return seats.slice(0, SYNC_COMMITTEE_SIZE);
    });
  }

  /** Seats of one validator in the sync committee of `epoch`, 0 to 511. */
  syncSeats(epoch: Epoch, validator: ValidatorIndex): number[] {
    const seats: number[] = [];
    for (const [seat, member] of this.syncCommittee(epoch).entries())
      if (member === validator) seats.push(seat);
    return seats;
  }

  #epoch(epoch: Epoch): EpochDuties {
    return remember(this.#epochs, epoch, () => {
      const active = this.#validators.active(epoch);
      const shuffled = this.#shuffle(active, `attesters ${epoch}`);
      const count = this.#slotsPerEpoch * this.committeesPerSlot;
      const seats = new Map<ValidatorIndex, AttesterSeat>();
      const committees = Array.from({ length: this.#slotsPerEpoch }, (_, place) =>
        Array.from({ length: this.committeesPerSlot }, (_, committee) => {
          const k = place * this.committeesPerSlot + committee;
          const members = shuffled.slice(
            Math.floor((shuffled.length * k) / count),
            Math.floor((shuffled.length * (k + 1)) / count),
          );
          const slot = epoch * this.#slotsPerEpoch + place;
          for (const [position, member] of members.entries())
            seats.set(member, { slot, committee, position, committeeLength: members.length });
          return members;
        }),
      );
      return { committees, seats, proposers: this.#proposersOf(epoch, active) };
    });
  }

  /** Proposals go round: nobody proposes again before all have had their turn. */
  #proposersOf(epoch: Epoch, active: readonly ValidatorIndex[]): ValidatorIndex[] {
    const watched = active.filter((index) => this.#validators.get(index)?.watched);
    const candidates = this.#proposers === "watched" && watched.length > 0 ? watched : active;
    const turns = new Map<number, readonly ValidatorIndex[]>();
    return Array.from({ length: this.#slotsPerEpoch }, (_, place) => {
      const turn = epoch * this.#slotsPerEpoch + place;
      const round = Math.floor(turn / candidates.length);
      const order = remember(turns, round, () => this.#shuffle(candidates, `proposers ${round}`));
      return present(order[turn % candidates.length], "nobody may propose");
    });
  }

  #shuffle(indices: readonly ValidatorIndex[], label: string): ValidatorIndex[] {
    const seed = sha256(this.#validators.genesisValidatorsRoot, Buffer.from(label));
    const random = seededRandom(new DataView(seed.buffer, seed.byteOffset).getUint32(0));
    const shuffled = [...indices];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as ValidatorIndex, shuffled[i] as ValidatorIndex];
    }
    return shuffled;
  }
}

/** The value under `key`, computed when it is not there; the oldest is forgotten. */
function remember<K, V>(memory: Map<K, V>, key: K, compute: () => V): V {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = compute();
  memory.set(key, value);
  if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value as K);
  return value;
}
