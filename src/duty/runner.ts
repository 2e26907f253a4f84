import { AssertionFailed, explain } from "../base/index.ts";
import {
  type AttesterDuty,
  type ChainEvent,
  type DutyDesk,
  logBug,
  type ProposerDuty,
} from "../ports/index.ts";
import { type DutyId, type Epoch, epochOf, type GroupKey, type Slot, slotAt } from "../spec/index.ts";
import { Agenda } from "./agenda.ts";
import { createContext, type DutyContext, type DutyPorts } from "./context.ts";
import { Desk } from "./desk.ts";
import type { WatchStatus } from "./doppelganger.ts";
import { EpochDuties } from "./epoch-duties.ts";
import { Inclusion } from "./inclusion.ts";
import { Known } from "./known.ts";
import { LIMITS } from "./limits.ts";
import type { MemoryState } from "./memory-health.ts";
import { Registrations } from "./registrations.ts";
import { createRepertoire, type RepertoireOptions } from "./repertoire.ts";
import { RunningDuties } from "./running-duties.ts";
import { Schedule } from "./schedule.ts";
import { DutyOver } from "./slot-duty.ts";
import { tickSlots } from "./slot-ticker.ts";
import { Standing } from "./standing.ts";
import { VoteTimes } from "./vote-times.ts";

export interface DutyRunnerOptions extends RepertoireOptions {
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

type RunnerPorts = DutyPorts & { readonly options: DutyRunnerOptions };

/** Runs every duty of the cluster's validators on this node. Registers its protocol at once; nothing else before `start`. */
export function createDutyRunner(ports: RunnerPorts): DutyRunner {
  return new Runner(ports);
}

class Runner implements DutyRunner {
  readonly desk: DutyDesk;
  readonly #options: DutyRunnerOptions;
  readonly #context: DutyContext;
  readonly #known = new Known();
  readonly #voteTimes: VoteTimes;
  readonly #inclusion: Inclusion;
  readonly #schedule: Schedule;
  readonly #epochDuties: EpochDuties;
  readonly #running: RunningDuties;
  readonly #agenda: Agenda;
  /** Fires when nothing more may begin. */
  readonly #closing = new AbortController();
  /** Fires when what has begun is over, too. */
  readonly #ended = new AbortController();
  #started = false;

  constructor({ options, ...ports }: RunnerPorts) {
    const known = this.#known;
    const closing = this.#closing.signal;
    const ended = this.#ended.signal;
    const context = createContext(ports, {
      onReceived: (id, from, groupKeys) => running.received(id, from, groupKeys),
      onForget: (id) => running.end(id),
      onStanding: (id, from, partials) => standing.receive(id, from, partials),
    });
    const running = new RunningDuties(context, closing);
    const inclusion = new Inclusion(context, ended);
    const registrations = new Registrations(context);
    const voteTimes = new VoteTimes(context.clock, context.chain);
    const schedule = new Schedule(context, (epoch, gone) => this.#onDuties(epoch, gone), closing);
    const { validators, duties } = schedule;
    const standing = new Standing(context, { registrations, validators }, ended);
    const hasBegun = (id: DutyId): boolean => running.hasBegun(id);
    const repertoire = createRepertoire(context, {
      known,
      inclusion,
      voteTimes,
      duties,
      registrations,
      begin: (id, ofDuty, perform) => running.begin(id, ofDuty, perform),
      options,
    });
    const agenda = new Agenda({ ...context, repertoire, hasBegun }, closing);
    this.desk = new Desk(context, {
      known,
      standing,
      members: (id) => duties.membersOf(id),
      beginEarly: (id) => agenda.beginEarly(id),
      hasBegun,
      closing,
    });
    const { builder } = options;
    this.#epochDuties = new EpochDuties(context, { registrations, standing, validators, builder }, closing);
    this.#options = options;
    this.#context = context;
    this.#voteTimes = voteTimes;
    this.#inclusion = inclusion;
    this.#schedule = schedule;
    this.#running = running;
    this.#agenda = agenda;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    const { beacon, chain, clock, log, watch } = this.#context;
    const closing = this.#closing.signal;
    beacon.subscribe((event) => this.#onEvent(event), this.#ended.signal);
    watch?.run(closing).catch((error: unknown) => {
      if (error instanceof AssertionFailed) logBug(log, error, { effect: "this node signs nothing" });
      else if (!closing.aborted) log.error("The watch for doubles failed", { why: explain(error) });
    });
    const onSlot = (slot: Slot): void => this.#onSlot(slot);
    const onSkipped = (from: Slot, to: Slot): void => this.#onSkipped(from, to);
    tickSlots(chain, clock, { onSlot, onSkipped }, closing);
  }

  async stop(): Promise<void> {
    this.#closing.abort(new DutyOver("stopping"));
    await this.#running.stop();
    this.#ended.abort(new DutyOver("stopping"));
  }

  status(): DutyRunnerStatus {
    const { chain, clock, memory, watch } = this.#context;
    const slot = slotAt(chain, clock.now());
    const { duties, validators } = this.#schedule;
    return {
      slot,
      scheduled: duties.knows(epochOf(chain, Math.max(0, slot))),
      watching: watch?.status,
      memory: memory.state,
      running: this.#running.names,
      awaitingInclusion: this.#inclusion.waiting,
      validators: { known: validators.all.length, active: validators.activeCount },
    };
  }

  #onSlot(slot: Slot): void {
    const { chain, metrics, offers } = this.#context;
    metrics.slot(slot, epochOf(chain, slot));
    this.#running.forgetBefore(slot - 3 * chain.slotsPerEpoch);
    this.#known.forgetBefore(slot - 1);
    offers.forgetBefore(slot - chain.slotsPerEpoch - 1);
    this.#schedule.onSlot(slot);
    this.#inclusion.onSlot(slot);
    this.#agenda.onSlot(slot);
  }

  #onSkipped(from: Slot, to: Slot): void {
    const { chain, log, metrics } = this.#context;
    metrics.skippedSlots(to - from + 1);
    log.warn("Slots skipped: the clock jumped or the machine slept", { from, to });
    // Only what we know of; a long sleep is not worth a walk through all its slots.
    for (let slot = Math.max(from, to - 2 * chain.slotsPerEpoch); slot <= to; slot++) {
      this.#miss({ slot, kind: "attester" }, this.#schedule.duties.attestersAt(slot));
      this.#miss({ slot, kind: "proposer" }, this.#schedule.duties.proposersAt(slot));
    }
    // Duties that had begun might be decided and signed a second time, and differently.
    const sleptMs = (to + 1 - from) * chain.slotMs;
    const { onOverslept } = this.#options;
    if (onOverslept === undefined || sleptMs < LIMITS.sleepMsMin) return;
    this.#closing.abort(new DutyOver("stopping"));
    onOverslept();
  }

  #miss(id: DutyId, duties: ReadonlyMap<GroupKey, unknown>): void {
    if (duties.size === 0 || this.#running.hasBegun(id)) return;
    const record = this.#context.recordOf(id, duties.keys());
    for (const groupKey of duties.keys()) record.finish(groupKey, "failed", "clock-jump");
  }

  /** Duties that have begun go on, whatever becomes of them. */
  #onDuties(epoch: Epoch, vanished: readonly (AttesterDuty | ProposerDuty)[]): void {
    const { chain, clock, log } = this.#context;
    for (const { slot, pubkey } of vanished)
      log.info("Duty vanished with a reorganisation", { slot, validator: pubkey });
    if (epoch === epochOf(chain, slotAt(chain, clock.now()))) this.#epochDuties.begin(epoch);
    this.#agenda.onDuties(epoch);
  }

  #onEvent(event: ChainEvent): void {
    if (event.kind === "head") this.#voteTimes.onHead(event.slot);
    this.#schedule.onEvent(event);
    this.#inclusion.onEvent(event);
  }
}
