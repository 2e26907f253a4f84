import type { GroupKey, Root } from "../spec/index.ts";
import { KnownBySlot, partName } from "./known-by-slot.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** What our share may sign for one validator: decided, and in the slashing memory. */
export interface Offer {
  readonly groupKey: GroupKey;
  readonly part: number;
  /** The signing root. */
  readonly root: Root;
  readonly value: unknown;
  /** What was decided, with the signature inside, as peers get it. */
  readonly encode: (signature: Uint8Array) => Uint8Array;
}

/** All that a validator client is asked to sign in one duty. */
export interface DutyOffer {
  readonly duty: SlotDuty<unknown>;
  /** Fires when the duty is over. */
  readonly signal: AbortSignal;
  /** By `partName`. */
  readonly items: ReadonlyMap<string, Offer>;
}

/** What lies on the desk for the validator client, by slot and kind of duty. Only what the guard admitted gets here (S1, S2). */
export class Offers {
  readonly #bySlot = new KnownBySlot<DutyOffer>();

  put(duty: SlotDuty<unknown>, offers: readonly Offer[], signal: AbortSignal): void {
    const items = new Map(offers.map((offer) => [partName(offer.groupKey, offer.part), offer]));
    this.#bySlot.set(duty.id.slot, duty.id.kind, { duty, signal, items });
  }

  of({ slot, kind }: SlotDuty<unknown>["id"]): DutyOffer | undefined {
    return this.#bySlot.known(slot, kind);
  }

  /** @throws the signal's reason when it fires first. */
  wait({ slot, kind }: SlotDuty<unknown>["id"], signal: AbortSignal): Promise<DutyOffer> {
    return this.#bySlot.wait(slot, kind, signal);
  }

  forgetBefore(slot: number): void {
    this.#bySlot.forgetBefore(slot);
  }
}
