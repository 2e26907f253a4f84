import { AssertionFailed, explain } from "../base/index.ts";
import { type Clock, logBug } from "../ports/index.ts";
import {
  type DutyId,
  dutyDeadline,
  dutyDue,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  type Slot,
} from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { DutyRecord } from "./duty-record.ts";
import { endUnsigned } from "./end-unsigned.ts";
import { GuardBroken } from "./guard.ts";
import { LIMITS } from "./limits.ts";
import { observeDuty } from "./observe.ts";
import type { DutyPartials } from "./partial-store.ts";
import { DutyOver, type Script } from "./slot-duty.ts";

interface Running {
  readonly record: DutyRecord;
  /** Still there to be told of when the store has forgotten the duty. */
  readonly partials: DutyPartials;
  /** Fires at the deadline, which may be long after the script is done: a peer that comes back still gets our part. */
  readonly over: AbortController;
  done: boolean;
  work: Promise<void>;
}

/** Duties that have begun: each runs once, and is here until its deadline. */
export class RunningDuties {
  readonly #context: DutyContext;
  readonly #closing: AbortSignal;
  readonly #running = new Map<string, Running>();
  /** Kept longer than any duty lives: a clock that is set back repeats nothing. */
  readonly #begun = new Map<string, Slot>();

  /** @param closing - Fires when nothing more may begin. */
  constructor(context: DutyContext, closing: AbortSignal) {
    this.#context = context;
    this.#closing = closing;
  }

  /** Never runs a duty twice: a second consensus or signature for it could contradict the first. */
  begin<D>(id: DutyId, validators: ReadonlyMap<GroupKey, D>, perform: Script<D>): void {
    const { chain, clock, exchange, metrics, recordOf, store } = this.#context;
    const script = this.#scriptOf(id, perform);
    const deadline = dutyDeadline(chain, id);
    if (script === undefined || validators.size === 0 || this.hasBegun(id) || this.#closing.aborted) return;
    if (deadline === undefined || deadline <= clock.now()) return;
    const record = recordOf(id, validators.keys());
    metrics.scheduled(id);
    record.note("scheduled", { validators: validators.size, dueAt: dutyDue(chain, id), deadline });
    exchange.track(id);
    const over = new AbortController();
    const running: Running = { record, partials: store.of(id), over, done: false, work: Promise.resolve() };
    this.#running.set(dutyName(id), running);
    this.#begun.set(dutyName(id), id.slot);
    running.work = script({ id, validators, record }, over.signal)
      .catch((error: unknown) => this.#tell(id, error))
      .finally(() => this.#endScript(running));
  }

  /** What is done in a duty: its script, or looking on while we may not sign. Undefined when there is nothing to be learnt. */
  #scriptOf<D>(id: DutyId, perform: Script<D>): Script<D> | undefined {
    const { watch } = this.#context;
    if (watch === undefined || watch.maySign(id)) return perform;
    if (watch.over) return undefined;
    if (id.kind !== "attester" && id.kind !== "proposer") return undefined;
    return (duty, signal) => observeDuty(this.#context, watch, duty, signal);
  }

  #tell(id: DutyId, error: unknown): void {
    const { log } = this.#context;
    const duty = dutyName(id);
    if (error instanceof GuardBroken)
      logBug(log, error, { duty, effect: "this node signs nothing more until it is started again" });
    else if (error instanceof AssertionFailed) logBug(log, error, { duty });
    else if (!(error instanceof DutyOver)) log.warn("Duty ended early", { duty, why: explain(error) });
  }

  #endScript(running: Running): void {
    const { cluster, log } = this.#context;
    const { record, partials, over } = running;
    const reason: unknown = over.signal.reason;
    running.done = true;
    endUnsigned(record, partials, {
      operators: cluster.operators.map(({ index }) => index),
      stopping: reason instanceof DutyOver && reason.why === "stopping",
      log,
    });
  }

  hasBegun(id: DutyId): boolean {
    return this.#begun.has(dutyName(id));
  }

  /** Duties whose script is at work, by name. */
  get names(): readonly string[] {
    return [...this.#running].filter(([, { done }]) => !done).map(([name]) => name);
  }

  /** A peer's partial signatures came. */
  received(id: DutyId, from: OperatorIndex, groupKeys: readonly GroupKey[]): void {
    const running = this.#running.get(dutyName(id));
    running?.record.note("partial-received", { from, validators: groupKeys.length });
  }

  /** The deadline of a duty has come; it is counted whose partial signatures were there. */
  end(id: DutyId): void {
    const { cluster, metrics } = this.#context;
    const running = this.#running.get(dutyName(id));
    this.#running.delete(dutyName(id));
    if (running === undefined || running.over.signal.aborted) return; // Stopped long before.
    running.over.abort(new DutyOver("deadline"));
    const took = running.partials.everyone;
    for (const { index } of cluster.operators) metrics.participation(id, String(index), took.has(index));
  }

  forgetBefore(slot: Slot): void {
    for (const [name, ofSlot] of this.#begun) if (ofSlot < slot) this.#begun.delete(name);
  }

  /** Finishes within a bound what is being signed, and ends the rest. */
  async stop(): Promise<void> {
    const { clock } = this.#context;
    const all = [...this.#running.values()];
    const work = Promise.all(all.map((running) => running.work));
    for (const { record, over } of all) if (!record.signing) over.abort(new DutyOver("stopping"));
    await within(clock, LIMITS.stopGraceMs, work);
    for (const { over } of all) over.abort(new DutyOver("stopping"));
    // What does not heed its signal is left behind; stopping must not wait for it.
    await within(clock, LIMITS.stopAbortMs, work);
  }
}

/** Waits for `work`, but not longer than `boundMs`. */
async function within(clock: Clock, boundMs: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const bound = new Promise<void>((resolve) => {
    cancel = clock.at(clock.now() + boundMs, resolve);
  });
  await Promise.race([work, bound]);
  cancel();
}
