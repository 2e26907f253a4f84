import { AssertionFailed, explain } from "../base/index.ts";
import { logBug } from "../ports/index.ts";
import { type DutyId, dutyName, type Epoch, firstSlotOf } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { quietMoment, type Registrations } from "./registrations.ts";
import { DutyOver } from "./slot-duty.ts";
import type { Standing } from "./standing.ts";
import type { Validators } from "./validators.ts";

interface EpochContext {
  readonly registrations: Registrations;
  readonly standing: Standing;
  readonly validators: Validators;
  /** Whether builders are wanted at all. */
  readonly builder: boolean;
}

/** What is done once an epoch beside the duties of its slots: registrations are told anew, standing signatures pushed on. */
export class EpochDuties {
  readonly #context: DutyContext;
  readonly #more: EpochContext;
  readonly #signal: AbortSignal;
  #over: AbortController | undefined;
  #current: Epoch | undefined;

  constructor(context: DutyContext, more: EpochContext, signal: AbortSignal) {
    this.#context = context;
    this.#more = more;
    this.#signal = signal;
  }

  /** Called when the validators of an epoch are known; the first call of an epoch counts. */
  begin(epoch: Epoch): void {
    if (this.#current === epoch || this.#signal.aborted) return;
    const first = this.#current === undefined;
    this.#current = epoch;
    this.#over?.abort(new DutyOver("deadline"));
    const over = new AbortController();
    this.#over = over;
    const signal = AbortSignal.any([over.signal, this.#signal]);
    this.#own("standing signatures", signal, this.#more.standing.onEpoch());
    if (this.#more.builder)
      this.#own("builder registrations", signal, this.#register(epoch, { first }, signal));
  }

  async #register(epoch: Epoch, { first }: { readonly first: boolean }, signal: AbortSignal): Promise<void> {
    const id: DutyId = { slot: firstSlotOf(this.#context.chain, epoch), kind: "builder-registration" };
    const groupKeys = this.#more.validators.all
      .filter(({ pubkey, status }) => isInvited(status) && this.#more.registrations.of(pubkey) !== undefined)
      .map(({ pubkey }) => pubkey);
    if (groupKeys.length === 0) return;
    const record = this.#context.recordOf(id, groupKeys);
    record.note("scheduled", { validators: groupKeys.length });
    try {
      // At the start at once, since the first block may be near.
      if (!first) await quietMoment(this.#context, epoch, signal);
      await this.#more.registrations.tell(record, groupKeys, signal);
    } catch (error) {
      const stopped = this.#signal.aborted;
      for (const groupKey of groupKeys)
        record.finish(groupKey, "failed", stopped ? "stopped" : "broadcast-failed");
      throw error;
    }
    for (const groupKey of groupKeys) record.finish(groupKey, "broadcast");
  }

  #own(what: string, signal: AbortSignal, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof AssertionFailed) logBug(this.#context.log, error, { what });
      else if (!signal.aborted)
        this.#context.log.error("A duty of the epoch failed", {
          what,
          duty: dutyName({
            slot: firstSlotOf(this.#context.chain, this.#current ?? 0),
            kind: "builder-registration",
          }),
          why: explain(error),
        });
    });
  }
}

/** Builders take registrations of validators that propose now or soon. */
function isInvited(status: string): boolean {
  return status.startsWith("active") || status.startsWith("pending");
}
