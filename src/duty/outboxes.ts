import { dutyName, type UnixMs } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { partName } from "./known-by-slot.ts";
import { LIMITS } from "./limits.ts";
import type { DutyOffer } from "./offers.ts";
import type { Partial } from "./partial-store.ts";
import { release } from "./sign.ts";

interface Outbox {
  readonly offer: DutyOffer;
  readonly waiting: Map<string, Partial>;
  /** When the first of those that wait came. */
  since: UnixMs;
  gone: number;
  cancel: (() => void) | undefined;
}

/**
 * Gathers a client's signatures of one duty, so that peers get one message for them all: some clients send every validator's
 * by itself. They leave when the last validator has signed, when the client pauses, or when the first of them has waited long enough.
 */
export class Outboxes {
  readonly #context: DutyContext;
  readonly #byDuty = new Map<string, Outbox>();

  constructor(context: DutyContext) {
    this.#context = context;
  }

  put(offer: DutyOffer, partial: Partial): void {
    // The duty ended while the signature was verified; nothing would ever end its outbox.
    if (offer.signal.aborted) return;
    const outbox = this.#of(offer);
    const { clock } = this.#context;
    const name = partName(partial.groupKey, partial.part);
    if (outbox.waiting.size === 0) outbox.since = clock.now();
    if (!outbox.waiting.has(name)) outbox.waiting.set(name, partial);
    if (outbox.gone + outbox.waiting.size >= offer.items.size) return this.#send(outbox);
    const at = Math.min(clock.now() + LIMITS.gatherPauseMs, outbox.since + LIMITS.gatherMaxMs);
    outbox.cancel?.();
    outbox.cancel = clock.at(at, () => this.#send(outbox));
  }

  #of(offer: DutyOffer): Outbox {
    const name = dutyName(offer.duty.id);
    const known = this.#byDuty.get(name);
    if (known !== undefined) return known;
    const outbox: Outbox = { offer, waiting: new Map(), since: 0, gone: 0, cancel: undefined };
    this.#byDuty.set(name, outbox);
    offer.signal.addEventListener("abort", () => this.#byDuty.delete(name), { once: true });
    return outbox;
  }

  #send(outbox: Outbox): void {
    const { offer, waiting } = outbox;
    outbox.cancel?.();
    outbox.cancel = undefined;
    const partials = [...waiting.values()];
    waiting.clear();
    outbox.gone += partials.length;
    if (offer.signal.aborted) return;
    offer.duty.record.absolve(
      "client-silent",
      partials.map(({ groupKey }) => groupKey),
    );
    release(this.#context, offer.duty, partials, offer.signal);
  }
}
