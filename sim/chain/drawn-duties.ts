import { createHash } from "node:crypto";
import { type Hex, type SeededRandom, seededRandom, toHex } from "../../src/base/index.ts";
import type { AttesterDuty, ProposerDuty, SyncDuty } from "../../src/ports/index.ts";
import {
  type ChainSpec,
  type Epoch,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type Root,
  type Slot,
  type ValidatorIndex,
} from "../../src/spec/index.ts";

export interface DrawnDutiesOptions {
  /** Our validators; they get the indices from 0 on. */
  readonly groupKeys: readonly GroupKey[];
  /** All validators of the chain, ours among them. */
  readonly validatorCount: number;
  readonly committeesPerSlot: number;
  /** Share of the slots whose proposer is one of ours. */
  readonly ownProposers: number;
  /** The places in the sync committee (0 to 511) of ours, from the first on; none when left out. */
  readonly syncSeats?: readonly (readonly number[])[];
}

/** Who has which duty on a simulated chain: drawn from the seed, and anew after a deep reorganisation. */
export class DrawnDuties {
  readonly #spec: ChainSpec;
  readonly #seed: number;
  readonly #options: DrawnDutiesOptions;
  /** How often the duties of an epoch were drawn anew. */
  readonly #redrawn = new Map<Epoch, number>();
  readonly #orders = new Map<string, readonly ValidatorIndex[]>();

  constructor(spec: ChainSpec, seed: number, options: DrawnDutiesOptions) {
    this.#spec = spec;
    this.#seed = seed;
    this.#options = options;
  }

  drawAgain(epoch: Epoch): void {
    this.#redrawn.set(epoch, this.#draws(epoch) + 1);
  }

  #draws(epoch: Epoch): number {
    return this.#redrawn.get(epoch) ?? 0;
  }

  #random(epoch: Epoch, what: string): SeededRandom {
    return seededRandom(this.#seed).fork(`${what} ${epoch} ${this.#draws(epoch)}`);
  }

  dependentRoot(epoch: Epoch): Hex {
    return toHex(label(`dependent ${this.#seed} ${epoch} ${this.#draws(epoch)}`));
  }

  /** Every validator of the epoch in the order of its committees. */
  #order(epoch: Epoch): readonly ValidatorIndex[] {
    const name = `${epoch} ${this.#draws(epoch)}`;
    const known = this.#orders.get(name);
    if (known !== undefined) return known;
    const random = this.#random(epoch, "attesters");
    const order = Array.from({ length: this.#options.validatorCount }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const other = random.integer(i + 1);
      [order[i], order[other]] = [order[other] as number, order[i] as number];
    }
    this.#orders.set(name, order);
    return order;
  }

  committee(slot: Slot, committee: number): readonly ValidatorIndex[] {
    const { slotsPerEpoch } = this.#spec;
    const count = this.#options.committeesPerSlot * slotsPerEpoch;
    const place = (slot % slotsPerEpoch) * this.#options.committeesPerSlot + committee;
    const order = this.#order(epochOf(this.#spec, slot));
    const boundary = (of: number): number => Math.floor((order.length * of) / count);
    return order.slice(boundary(place), boundary(place + 1));
  }

  attesterDuties(epoch: Epoch): readonly AttesterDuty[] {
    const duties: AttesterDuty[] = [];
    for (let i = 0; i < this.#spec.slotsPerEpoch; i++) {
      const slot = firstSlotOf(this.#spec, epoch) + i;
      for (let committeeIndex = 0; committeeIndex < this.#options.committeesPerSlot; committeeIndex++) {
        const members = this.committee(slot, committeeIndex);
        for (const [place, validatorIndex] of members.entries()) {
          const pubkey = this.#options.groupKeys[validatorIndex];
          if (pubkey === undefined) continue;
          duties.push({
            pubkey,
            validatorIndex,
            slot,
            committeeIndex,
            committeeLength: members.length,
            committeesAtSlot: this.#options.committeesPerSlot,
            validatorCommitteeIndex: place,
          });
        }
      }
    }
    return duties;
  }

  proposer(slot: Slot): ValidatorIndex {
    const random = this.#random(epochOf(this.#spec, slot), `proposer ${slot}`);
    const own = this.#options.groupKeys.length;
    return random.chance(this.#options.ownProposers)
      ? random.integer(own)
      : own + random.integer(this.#options.validatorCount - own);
  }

  proposerDuties(epoch: Epoch): readonly ProposerDuty[] {
    return Array.from({ length: this.#spec.slotsPerEpoch }, (_, i) => {
      const slot = firstSlotOf(this.#spec, epoch) + i;
      const validatorIndex = this.proposer(slot);
      const other = new Uint8Array(createHash("sha384").update(`other ${validatorIndex}`).digest());
      const pubkey = this.#options.groupKeys[validatorIndex] ?? (toHex(other) as GroupKey);
      return { pubkey, validatorIndex, slot };
    });
  }

  /** The same in all epochs: a world is shorter than a sync committee period. */
  syncDuties(): readonly SyncDuty[] {
    return (this.#options.syncSeats ?? []).flatMap((positions, validatorIndex) => {
      const pubkey = this.#options.groupKeys[validatorIndex];
      return pubkey === undefined || positions.length === 0 ? [] : [{ pubkey, validatorIndex, positions }];
    });
  }
}

/** 32 bytes that stand for something that has a root on a real chain. */
export function label(text: string): Root {
  return new Uint8Array(createHash("sha256").update(text).digest());
}
