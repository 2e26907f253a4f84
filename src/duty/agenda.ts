import type { Clock } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyDue,
  type Epoch,
  epochOf,
  firstSlotOf,
  type Slot,
  slotAt,
  slotStart,
  type UnixMs,
} from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { quietSlots } from "./quiet-slots.ts";
import type { Act } from "./repertoire.ts";
import { isProof } from "./scripts.ts";

interface AgendaContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly repertoire: readonly Act[];
  readonly hasBegun: (id: DutyId) => boolean;
}

/** Says of each duty in which slot, and at what time of it, it begins. */
export class Agenda {
  readonly #context: AgendaContext;
  /** How to cancel what begins within the slot, by name. */
  readonly #timers = new Map<string, () => void>();
  #slot: Slot = -1;

  constructor(context: AgendaContext, signal: AbortSignal) {
    this.#context = context;
    const cancelAll = (): void => {
      for (const cancel of this.#timers.values()) cancel();
    };
    signal.addEventListener("abort", cancelAll, { once: true });
  }

  onSlot(slot: Slot): void {
    this.#slot = slot;
    this.#beginSlot();
  }

  /** The duties of an epoch became known or changed: what is new for the slot at hand begins now. */
  onDuties(epoch: Epoch): void {
    const { clock, chain } = this.#context;
    const slot = slotAt(chain, clock.now());
    const isNear = epoch === epochOf(chain, slot) || epoch === epochOf(chain, slot + 1);
    if (slot === this.#slot && isNear) this.#beginSlot();
  }

  /** A proof that a client brings before its time. */
  beginEarly({ slot, kind }: DutyId): void {
    const { clock, chain, repertoire } = this.#context;
    const now = Math.max(0, slotAt(chain, clock.now()));
    const isKnown = epochOf(chain, slot) <= epochOf(chain, now) + 1;
    if (isKnown && isProof(kind)) repertoire.find((act) => act.kind === kind)?.start(slot);
  }

  /** What begins at the start of the slot, for it or ahead, and the timers for what begins within it. */
  #beginSlot(): void {
    const { chain, repertoire } = this.#context;
    const slot = this.#slot;
    for (const { kind, begins, start } of repertoire) {
      if (begins === "due") this.#at(kind, dutyDue(chain, { slot, kind }), () => start(slot));
      else if (typeof begins === "number") for (let i = slot; i <= slot + begins; i++) start(i);
    }
    const quiet = slotStart(chain, slot) + LIMITS.quietTime * chain.slotMs;
    this.#at("quiet", quiet, () => this.#beginQuietly(slot));
  }

  /** Selection proofs: of this slot and the next, and as far ahead as duties are known; many validators' bit by bit. */
  #beginQuietly(slot: Slot): void {
    const { chain, repertoire, hasBegun } = this.#context;
    const end = firstSlotOf(chain, epochOf(chain, slot) + 2);
    for (const { kind, begins, start, size } of repertoire) {
      if (begins !== "ahead" && begins !== "early") continue;
      const open = (of: Slot): number => (hasBegun({ slot: of, kind }) ? 0 : size(of));
      for (const ahead of quietSlots(begins, slot, { end, size: open })) start(ahead);
    }
  }

  /** One timer per name; a new one takes the place of the old. */
  #at(name: string, time: UnixMs, run: () => void): void {
    this.#timers.get(name)?.();
    this.#timers.set(name, this.#context.clock.at(time, run));
  }
}
