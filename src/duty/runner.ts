import { AssertionFailed, explain, toHex } from "../base/index.ts";
import {
  type AttesterDuty,
  type ChainEvent,
  type Clock,
  type DutyDesk,
  logBug,
  type ProposerDuty,
} from "../ports/index.ts";
import {
  type DutyId,
  dutyDeadline,
  dutyDue,
  dutyName,
  type Epoch,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type Slot,
  slotAt,
  slotStart,
  type UnixMs,
} from "../spec/index.ts";
import { createContext, type DutyPorts } from "./context.ts";
import { Desk } from "./desk.ts";
import type { WatchStatus } from "./doppelganger.ts";
import { DutyRecord } from "./duty-record.ts";
import { endUnsigned } from "./end-unsigned.ts";
import { EpochDuties } from "./epoch-duties.ts";
import { GuardBroken } from "./guard.ts";
import { createInclusion } from "./inclusion.ts";
import { Known } from "./known.ts";
import { LIMITS } from "./limits.ts";
import { type MemoryState } from "./memory-health.ts";
import { observeDuty } from "./observe.ts";
import { type DutyPartials } from "./partial-store.ts";
import { quietSlots } from "./quiet-slots.ts";
import { Registrations } from "./registrations.ts";
import { createRepertoire } from "./repertoire.ts";
import { Schedule } from "./schedule.ts";
import { isProof } from "./scripts.ts";
import { DutyOver, type SlotDuty } from "./slot-duty.ts";
import { tickSlots } from "./slot-ticker.ts";
import { Standing } from "./standing.ts";
import { VoteTimes } from "./vote-times.ts";

export interface DutyRunnerOptions {
  /** At most 32 bytes of text; the beacon node's own when left out. */
  readonly graffiti?: string;
  /** Whether blocks of builders are wanted. */
  readonly builder: boolean;
  /** Whether a threshold of operators agreed that blocks of builders are wanted; never when left out. */
  readonly buildersAgreed?: (slot: Slot) => boolean | undefined;
  /** Whether enough operators read several sync contributions of one validator in a value; never when left out. */
  readonly severalContributions?: (slot: Slot) => boolean | undefined;
  /**
   * Told when so much time passed unnoticed that the slashing memory may be an older copy of what was signed since: the
   * machine was paused, or put back with all that was in it. Nothing more is begun then, and whether this node may sign has
   * to be judged anew, as at a start. Left out, the duties go on.
   */
  readonly onOverslept?: () => void;
}

export interface DutyRunner {
  /** For a validator client that signs in the place of the built-in signer or beside it; exits come this way in any case. */
  readonly desk: DutyDesk;
  /** Begins with the next duty that is possible. */
  start(): void;
  /** Starts no more duties, finishes within a bound what is being signed, and ends the rest. */
  stop(): Promise<void>;
  status(): DutyRunnerStatus;
}

export interface DutyRunnerStatus {
  readonly slot: Slot;
  /** Whether the duties of this epoch are known. */
  readonly scheduled: boolean;
  /** Why this node signs nothing yet; undefined when it signs. */
  readonly watching: WatchStatus | undefined;
  /** How the slashing memory does; nothing is signed while it is not well. */
  readonly memory: MemoryState;
  /** Duties at work, by name. */
  readonly running: readonly string[];
  /** Votes and blocks that were sent and not yet seen on chain. */
  readonly awaitingInclusion: number;
  readonly validators: { readonly known: number; readonly active: number };
}

type Script<D> = (duty: SlotDuty<D>, signal: AbortSignal) => Promise<void>;

interface Running {
  readonly record: DutyRecord;
  /** Still there to be told of when the store has forgotten the duty. */
  readonly partials: DutyPartials;
  readonly over: AbortController;
  done: boolean;
  work: Promise<void>;
}

/** Runs every duty of the cluster's validators on this node. Registers its protocol at once; nothing else before `start`. */
export function createDutyRunner({
  options,
  ...ports
}: DutyPorts & { readonly options: DutyRunnerOptions }): DutyRunner {
  const ended = new AbortController();
  const ticking = new AbortController();
  const running = new Map<string, Running>();
  const context = createContext(ports, {
    onReceived: (duty, from, groupKeys) =>
      running.get(dutyName(duty))?.record.note("partial-received", { from, validators: groupKeys.length }),
    onForget: (duty) => endAtDeadline(duty),
    onStanding: (duty, from, partials) => standing.receive(duty, from, partials),
  });
  const { clock, chain, cluster, watch, log, metrics, memory, store, exchange, offers, recordOf } = context;
  const inclusion = createInclusion(context, ended.signal);
  const known = new Known();
  const registrations = new Registrations(context);
  const voteTimes = new VoteTimes(clock, chain);
  const schedule = new Schedule({ ...context, onChange: onDutiesChanged }, ticking.signal);
  const repertoire = createRepertoire(context, {
    known,
    inclusion,
    voteTime: (slot, signal) => voteTimes.wait(slot, signal),
    schedule,
    registered(groupKey) {
      const message = registrations.of(groupKey)?.message;
      return message && toHex(message.feeRecipient);
    },
    begin,
    options: {
      proposer: {
        graffiti: graffitiBytes(options.graffiti),
        builder: options.builder,
        buildersAgreed: options.buildersAgreed ?? (() => undefined),
      },
      severalContributions: options.severalContributions ?? (() => undefined),
    },
  });
  const standing = new Standing(
    context,
    { registrations, validator: (groupKey) => schedule.validators.get(groupKey) },
    ended.signal,
  );
  const epochDuties = new EpochDuties(
    context,
    {
      registrations,
      standing,
      validators: () => schedule.validators,
      builder: options.builder,
    },
    ticking.signal,
  );
  const desk = new Desk(context, {
    known,
    standing,
    members: (id) => schedule.membersOf(id),
    beginEarly: (id) => beginOnDemand(id),
    begun: (id) => begun.has(dutyName(id)),
    silentBecause() {
      if (ticking.signal.aborted) return "the node is stopping";
      if (memory.state === "doubted") return "a bug was found on the way to the slashing memory; see the log";
      return watch === undefined || watch.over ? undefined : "the node watches for a double before it signs";
    },
  });
  /** Duties that have begun, kept longer than any of them lives: a clock that is set back repeats nothing. */
  const begun = new Map<string, Slot>();
  /** How to cancel what begins within the slot. */
  const timers = new Map<string, () => void>();
  let latestSlot = -1;
  let started = false;

  /** What is done in a duty: its script, or looking on while we may not sign. Undefined when there is nothing to be learnt. */
  function scriptOf<D>(id: DutyId, perform: Script<D>): Script<D> | undefined {
    if (watch === undefined || watch.maySign(id.kind)) return perform;
    if (id.kind !== "attester" && id.kind !== "proposer") return undefined;
    return (duty, signal) => observeDuty(context, watch, duty, signal);
  }

  /** Never runs a duty twice: a second consensus or signature for it could contradict the first. */
  function begin<D>(id: DutyId, validators: ReadonlyMap<GroupKey, D>, perform: Script<D>): void {
    const name = dutyName(id);
    const script = scriptOf(id, perform);
    const deadline = dutyDeadline(chain, id);
    if (script === undefined || validators.size === 0 || begun.has(name) || ticking.signal.aborted) return;
    if (deadline === undefined || deadline <= clock.now()) return;
    const record = recordOf(id, validators.keys());
    const over = new AbortController();
    metrics.scheduled(id);
    record.note("scheduled", { validators: validators.size, dueAt: dutyDue(chain, id), deadline });
    exchange.track(id);
    const entry: Running = { record, partials: store.of(id), over, done: false, work: Promise.resolve() };
    running.set(name, entry);
    begun.set(name, id.slot);
    entry.work = script({ id, validators, record }, over.signal)
      .catch((error: unknown) => {
        if (error instanceof GuardBroken)
          logBug(log, error, {
            duty: name,
            effect: "this node signs nothing more until it is started again",
          });
        else if (error instanceof AssertionFailed) logBug(log, error, { duty: name });
        else if (!(error instanceof DutyOver))
          log.warn("Duty ended early", { duty: name, why: explain(error) });
      })
      .finally(() => {
        entry.done = true;
        const { reason } = over.signal;
        endUnsigned(record, entry.partials, {
          operators: cluster.operators.map(({ index }) => index),
          stopping: reason instanceof DutyOver && reason.why === "stopping",
          log,
        });
      });
  }

  /** Its signal lives until then, so that a peer that comes back later still gets our partial signatures. */
  function endAtDeadline(duty: DutyId): void {
    const name = dutyName(duty);
    const entry = running.get(name);
    if (entry === undefined) return;
    running.delete(name);
    if (entry.over.signal.aborted) return; // Stopped long before.
    entry.over.abort(new DutyOver("deadline"));
    const took = entry.partials.everyone;
    for (const { index } of cluster.operators) metrics.participation(duty, String(index), took.has(index));
  }

  /** What begins at the start of this slot, for it or ahead, and the timers for what begins within it. */
  function beginSlot(slot: Slot): void {
    for (const { kind, begins, start } of repertoire) {
      if (begins === "due") at(kind, dutyDue(chain, { slot, kind }), () => start(slot));
      else if (typeof begins === "number") for (let i = slot; i <= slot + begins; i++) start(i);
    }
    at("quiet", slotStart(chain, slot) + LIMITS.quietTime * chain.slotMs, () => beginQuietly(slot));
  }

  /** Selection proofs: of this slot and the next, and as far ahead as duties are known; many validators' bit by bit. */
  function beginQuietly(slot: Slot): void {
    const end = firstSlotOf(chain, epochOf(chain, slot) + 2);
    for (const { kind, begins, start, size } of repertoire) {
      if (begins !== "ahead" && begins !== "early") continue;
      const open = (of: Slot): number => (begun.has(dutyName({ slot: of, kind })) ? 0 : size(of));
      for (const ahead of quietSlots(begins, slot, { end, size: open })) start(ahead);
    }
  }

  /** One timer per name; a new one takes the place of the old. */
  function at(name: string, time: UnixMs, run: () => void): void {
    timers.get(name)?.();
    timers.set(name, clock.at(time, run));
  }

  /** A randao or selection proof that a client brings before its time. */
  function beginOnDemand({ slot, kind }: DutyId): void {
    const known = epochOf(chain, slot) <= epochOf(chain, Math.max(0, slotAt(chain, clock.now()))) + 1;
    if (known && isProof(kind)) repertoire.find((act) => act.kind === kind)?.start(slot);
  }

  function onSlot(slot: Slot): void {
    latestSlot = slot;
    for (const [name, ofSlot] of begun) if (ofSlot < slot - 3 * chain.slotsPerEpoch) begun.delete(name);
    metrics.slot(slot, epochOf(chain, slot));
    schedule.onSlot(slot);
    inclusion.onSlot(slot);
    known.forgetBefore(slot - 1);
    offers.forgetBefore(slot - chain.slotsPerEpoch - 1);
    beginSlot(slot);
  }

  function onSkipped(from: Slot, to: Slot): void {
    metrics.skippedSlots(to - from + 1);
    log.warn("Slots skipped: the clock jumped or the machine slept", { from, to });
    // Only what we know of; a long sleep is not worth a walk through all its slots.
    for (let slot = Math.max(from, to - 2 * chain.slotsPerEpoch); slot <= to; slot++) {
      for (const kind of ["attester", "proposer"] as const) {
        const duties = kind === "attester" ? schedule.attestersAt(slot) : schedule.proposersAt(slot);
        const id = { slot, kind };
        if (duties.size === 0 || begun.has(dutyName(id))) continue;
        const record = recordOf(id, duties.keys());
        for (const groupKey of duties.keys()) record.finish(groupKey, "failed", "clock-jump");
      }
    }
    // A memory that ends two epochs ago is not believed at a start either.
    const epochs = epochOf(chain, to + 1) - epochOf(chain, from);
    const sleptMs = (to + 1 - from) * chain.slotMs;
    if (options.onOverslept === undefined || epochs < 2 || sleptMs < LIMITS.sleepMsMin) return;
    ticking.abort(new DutyOver("stopping"));
    options.onOverslept();
  }

  /** Duties that have begun go on; one that is new for the slot at hand begins now. */
  function onDutiesChanged(epoch: Epoch, vanished: readonly (AttesterDuty | ProposerDuty)[]): void {
    for (const { slot, pubkey } of vanished)
      log.info("Duty vanished with a reorganisation", { slot, validator: pubkey });
    const slot = slotAt(chain, clock.now());
    if (epoch === epochOf(chain, slot)) epochDuties.begin(epoch);
    const near = epoch === epochOf(chain, slot) || epoch === epochOf(chain, slot + 1);
    if (slot === latestSlot && near) beginSlot(slot);
  }

  function onEvent(event: ChainEvent): void {
    if (event.kind === "head") voteTimes.onHead(event.slot);
    schedule.onEvent(event);
    inclusion.onEvent(event);
  }

  return {
    desk,

    start() {
      if (started) return;
      started = true;
      context.beacon.subscribe(onEvent, ended.signal);
      watch?.run(ticking.signal).catch((error: unknown) => {
        if (error instanceof AssertionFailed) logBug(log, error, { effect: "this node signs nothing" });
        else if (!ticking.signal.aborted) log.error("The watch for doubles failed", { why: explain(error) });
      });
      tickSlots(chain, clock, { onSlot, onSkipped }, ticking.signal);
    },

    async stop() {
      ticking.abort(new DutyOver("stopping"));
      for (const cancel of timers.values()) cancel();
      for (const { record, over } of running.values())
        if (!record.signing) over.abort(new DutyOver("stopping"));
      const atWork = [...running.values()].filter(({ done }) => !done).map(({ work }) => work);
      await within(clock, LIMITS.stopGraceMs, Promise.all(atWork));
      for (const { over } of running.values()) over.abort(new DutyOver("stopping"));
      ended.abort(new DutyOver("stopping"));
      // What does not heed its signal is left behind; stopping must not wait for it.
      await within(clock, LIMITS.stopAbortMs, Promise.all(atWork));
    },

    status() {
      const slot = slotAt(chain, clock.now());
      const validators = [...schedule.validators.values()];
      return {
        slot,
        scheduled: schedule.knows(epochOf(chain, Math.max(0, slot))),
        watching: watch?.status,
        memory: memory.state,
        running: [...running].filter(([, { done }]) => !done).map(([name]) => name),
        awaitingInclusion: inclusion.waiting,
        validators: {
          known: validators.length,
          active: validators.filter(({ status }) => status.startsWith("active")).length,
        },
      };
    },
  };
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

/** 32 bytes, cut at a whole character and filled with zeros. */
function graffitiBytes(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = new Uint8Array(32);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}
