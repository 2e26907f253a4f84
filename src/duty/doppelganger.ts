import { explain } from "../base/index.ts";
import { type Logger, type MemoryStanding, sleepUntil } from "../ports/index.ts";
import {
  type DutyId,
  type DutyKind,
  dutyName,
  type Epoch,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type Slot,
  slotAt,
  slotStart,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { ChainWitness, type WitnessPorts } from "./chain-witness.ts";
import { LIMITS } from "./limits.ts";
import { retry } from "./retry.ts";

/** Why this node does not sign yet: its slashing memory may not know all that its share has signed. */
export type WatchReason = "new memory" | "imported memory" | "memory behind" | "memory may be a copy";

/** Kinds that a double may sign too: nobody can be slashed for them, and they are the same whoever signs. */
const HARMLESS: ReadonlySet<DutyKind> = new Set(["exit", "builder-registration"]);

/** How somebody else gave away that it uses our node key: a message signed with it, or a round led in our place. */
export type DoubleEvidence = "signed" | "led";

/** Somebody else who spoke as this operator, as he was last heard. */
export interface DoubleHeard {
  readonly at: UnixMs;
  /** The name of the duty in whose consensus. */
  readonly duty: string;
  readonly evidence: DoubleEvidence;
}

const DOUBLE_INSTEAD = "Another program runs as this operator. Stop it; this node signs nothing until then";
const DOUBLE_BESIDE =
  "Another program runs as this operator. Stop one of the two: together they are one faulty operator";

const STRANGERS_SEEN =
  "Validators were seen signing, and not by this cluster. Find what else has their keys; this node signs nothing";

export interface WatchStatus {
  readonly reason: WatchReason;
  /** Whole epochs in a row without a trace of a double. */
  readonly quietEpochs: number;
  /** When the node begins to sign if it stays so. */
  readonly signsAt: UnixMs;
  /** How many validators signed without this cluster in the last epoch looked at. */
  readonly unexplained: number;
  /** Some of them; all when there are few. */
  readonly unexplainedKeys: readonly GroupKey[];
}

export interface DoppelgangerWatchOptions extends WitnessPorts {
  readonly memory: MemoryStanding;
  /** The operator's word that nothing ever signed with these keys. */
  readonly freshKeys: boolean;
  /** Makes durable that the memory may be relied on from now on. */
  readonly trustMemory: () => Promise<void>;
}

/**
 * Keeps a node from signing while its keys may sign elsewhere: until two whole epochs in a row have passed in which
 * nobody spoke as this operator, and every validator that was seen on the chain was signed for by a threshold of the
 * other operators. It ends by itself, so a double that is stopped needs no second step. docs/adr/0170.
 */
export class DoppelgangerWatch {
  readonly #options: DoppelgangerWatchOptions;
  readonly #log: Logger;
  readonly #witness: ChainWitness;
  #over: boolean;
  #status: WatchStatus | undefined;
  /** What the others signed together, as far as we combined it ourselves. */
  readonly #explained = new Map<Epoch, Set<GroupKey>>();
  #sinceSlot: Slot;
  #heardAt: Epoch = -1;
  #double: DoubleHeard | undefined;

  constructor(options: DoppelgangerWatchOptions) {
    this.#options = options;
    this.#log = options.log.room("doppelganger");
    this.#witness = new ChainWitness({ ...options, log: this.#log });
    this.#sinceSlot = slotAt(options.chain, options.clock.now());
    this.#over = this.#nothingToFear();
  }

  /** What the memory and the clock tell without anybody being asked. Nothing before genesis: that clock may be wrong. */
  #nothingToFear(): boolean {
    const { chain, memory, freshKeys } = this.#options;
    if (this.#sinceSlot < 0) return false;
    // In the first epoch there is nothing to compare the operator's word with.
    return (memory.sameBoot && this.#isUpToDate()) || (freshKeys && epochOf(chain, this.#sinceSlot) === 0);
  }

  /** As far as the memory's own votes tell; it may still be a copy that is less than two epochs old. */
  #isUpToDate(): boolean {
    const { chain, memory } = this.#options;
    const epoch = epochOf(chain, this.#sinceSlot);
    const newest = memory.newestTarget ?? -1;
    // A vote of an epoch to come was signed, or imported, under another clock than this one: nothing follows from it.
    return memory.origin === "kept" && newest >= epoch - 1 && newest <= epoch + 1;
  }

  /** Whether this node may sign. Never false again once it was true. */
  get over(): boolean {
    return this.#over;
  }

  /**
   * Whether this node may sign for this duty. A memory that may be a copy does not know what was signed since. That was for
   * duties of slots that had begun before this node did, so it does none of those.
   */
  maySign({ slot, kind }: DutyId): boolean {
    if (HARMLESS.has(kind)) return true;
    const { origin, sameBoot } = this.#options.memory;
    return this.#over && (slot > this.#sinceSlot || sameBoot || origin !== "kept");
  }

  /** Undefined when the node signs, and while it is not yet known whether it has to watch. */
  get status(): WatchStatus | undefined {
    return this.#over ? undefined : this.#status;
  }

  /** Undefined when none was heard for two whole epochs, or ever. */
  get double(): DoubleHeard | undefined {
    const { chain, clock } = this.#options;
    const epoch = epochOf(chain, slotAt(chain, clock.now()));
    return epoch - this.#heardAt <= LIMITS.watchEpochs ? this.#double : undefined;
  }

  /** A threshold of other operators signed for these validators in `epoch`: that they are seen there is in order. */
  explain(epoch: Epoch, groupKeys: Iterable<GroupKey>): void {
    const known = this.#explained.get(epoch) ?? new Set();
    this.#explained.set(epoch, known);
    for (const key of groupKeys) known.add(key);
  }

  /**
   * Our node key was used in the consensus on `duty`, and not by us. A node that signs already can only say so.
   *
   * @returns Whether it was somebody else: in a slot that had begun before us it may have been ourselves.
   */
  heard(duty: DutyId, evidence: DoubleEvidence): boolean {
    if (duty.slot <= this.#sinceSlot) return false;
    const epoch = epochOf(this.#options.chain, duty.slot);
    if (epoch > this.#heardAt)
      this.#log.error(this.#over ? DOUBLE_BESIDE : DOUBLE_INSTEAD, {
        duty: dutyName(duty),
        evidence: evidence === "signed" ? "a message with our key" : "it led a round in our place",
      });
    this.#heardAt = Math.max(this.#heardAt, epoch);
    this.#double = { at: this.#options.clock.now(), duty: dutyName(duty), evidence };
    return true;
  }

  /** Watches for as long as it takes. @throws the signal's reason when it fires first. */
  async run(signal: AbortSignal): Promise<void> {
    const { memory } = this.#options;
    if (this.#sinceSlot < 0) await this.#passGenesis(signal);
    if (this.#over) return memory.origin === "kept" ? undefined : this.#trust(signal);
    const reason = await this.#reasonToWatch(signal);
    if (reason !== undefined) await this.#watch(reason, signal);
    await this.#trust(signal);
    this.#over = true;
    this.#explained.clear();
  }

  /**
   * Before genesis nobody can have signed. But a machine without a battery wakes up long before every genesis, until its
   * clock is set: so this is believed only where the clock comes to the last slot before genesis, a beacon node says then
   * that there is no block yet, and the memory knows of no vote. Otherwise it is judged again under a later clock.
   */
  async #passGenesis(signal: AbortSignal): Promise<void> {
    const { chain, clock, memory } = this.#options;
    await sleepUntil(clock, chain.genesisTime - chain.slotMs, signal);
    while (memory.newestTarget === undefined && clock.now() < chain.genesisTime) {
      const head = await this.#witness.headSlot(signal);
      if (head === 0 && clock.now() < chain.genesisTime) {
        this.#over = true;
        return;
      }
      await sleepUntil(clock, Math.min(clock.now() + LIMITS.retryMaxMs, chain.genesisTime), signal);
    }
    await sleepUntil(clock, chain.genesisTime, signal);
    this.#sinceSlot = slotAt(chain, clock.now());
    this.#over = this.#nothingToFear();
  }

  /** Undefined when there is nothing to fear after all. */
  async #reasonToWatch(signal: AbortSignal): Promise<WatchReason | undefined> {
    const { memory, freshKeys } = this.#options;
    if (this.#isUpToDate()) return (await this.#comesToThePresent(signal)) ? undefined : "memory behind";
    const active = await this.#witness.activeValidators(signal);
    const present = await this.#witness.seesThePresent(signal);
    if (active.size === 0 && present) {
      this.#log.info("No validator is active yet, so there is nothing to watch for");
      return undefined;
    }
    if (memory.origin === "imported") return "imported memory";
    if (memory.origin === "new" && !freshKeys) return "new memory";
    // Either nothing should ever have signed, or nothing while we were away: the epoch before this one tells.
    const live = present ? await this.#liveBefore(active, signal) : undefined;
    if (live?.length === 0 || (live === undefined && freshKeys)) return undefined;
    if (memory.origin === "kept") return "memory behind";
    this.#log.warn("--fresh-keys was given, but the chain saw these validators sign", named(live ?? []));
    return "new memory";
  }

  /** Who signed in the epoch before. Undefined when it is not told; one question is enough, as watching is always possible. */
  async #liveBefore(
    validators: ReadonlyMap<ValidatorIndex, GroupKey>,
    signal: AbortSignal,
  ): Promise<readonly GroupKey[] | undefined> {
    const { chain, clock } = this.#options;
    const epoch = epochOf(chain, Math.max(0, slotAt(chain, clock.now()))) - 1;
    if (epoch < 0) return [];
    try {
      return await this.#witness.liveOf(validators, epoch, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn("The beacon node does not tell who signed", { epoch, why: explain(error) });
      return undefined;
    }
  }

  /**
   * The checkpoints of the present are those that whatever was signed before had, or later ones, so that no vote surrounds one
   * that was forgotten. A beacon node that came back with this machine catches up first; after an epoch it is waited for no more.
   */
  async #comesToThePresent(signal: AbortSignal): Promise<boolean> {
    const { chain, clock } = this.#options;
    const until = clock.now() + chain.slotsPerEpoch * chain.slotMs;
    for (let told = false; !(await this.#witness.seesThePresent(signal)); told = true) {
      if (clock.now() >= until) return false;
      if (!told) {
        this.#log.warn("No beacon node has the chain as it is now; this node signs nothing before one has");
        this.#tell("memory may be a copy", 0, this.#nextWholeEpoch() + 1, []);
      }
      await sleepUntil(clock, clock.now() + LIMITS.retryMaxMs, signal);
    }
    return true;
  }

  async #watch(reason: WatchReason, signal: AbortSignal): Promise<void> {
    let epoch = this.#nextWholeEpoch();
    let quiet = 0;
    this.#tell(reason, quiet, epoch, []);
    this.#log.warn("Watching the chain before signing, in case these keys sign elsewhere", {
      reason,
      epochs: LIMITS.watchEpochs,
      from: epoch,
    });
    while (quiet < LIMITS.watchEpochs) {
      if (await this.#overslept(epoch, signal)) {
        this.#log.warn("The clock jumped or the machine slept, so the watch begins anew");
        epoch = this.#nextWholeEpoch();
        quiet = 0;
        this.#tell(reason, quiet, epoch, []);
        continue;
      }
      const unexplained = await this.#unexplainedIn(epoch, signal);
      quiet = unexplained?.length === 0 && this.#heardAt < epoch ? quiet + 1 : 0;
      if (unexplained !== undefined && unexplained.length > 0)
        this.#log.error(STRANGERS_SEEN, { epoch, ...named(unexplained) });
      else this.#log.info("Watched an epoch", { epoch, quiet, of: LIMITS.watchEpochs });
      for (const known of this.#explained.keys()) if (known <= epoch) this.#explained.delete(known);
      epoch++;
      this.#tell(reason, quiet, epoch, unexplained ?? []);
    }
    this.#log.info("No double was seen; this node signs from the next slot on");
  }

  /** Waits until `epoch` is over and its last votes are on chain. True when time went on without us. */
  async #overslept(epoch: Epoch, signal: AbortSignal): Promise<boolean> {
    const { chain, clock } = this.#options;
    const due = slotStart(chain, firstSlotOf(chain, epoch + 1) + LIMITS.watchLagSlots);
    // A failed look takes until the end of the next epoch, which was watched all the same: its own moment is still to come.
    await sleepUntil(clock, due, signal);
    return clock.now() > due + chain.slotMs;
  }

  /** Validators that signed in `epoch` without a threshold of our peers. Undefined when no beacon node could say. */
  async #unexplainedIn(epoch: Epoch, signal: AbortSignal): Promise<readonly GroupKey[] | undefined> {
    const { chain, clock } = this.#options;
    // Beacon nodes tell of the present and the previous epoch only.
    const late = new AbortController();
    const cancel = clock.at(slotStart(chain, firstSlotOf(chain, epoch + 2)), () => late.abort());
    const either = AbortSignal.any([signal, late.signal]);
    try {
      const live = await this.#witness.live(epoch, either);
      const explained = this.#explained.get(epoch) ?? new Set();
      // It has no peers, or does not follow the chain: it would not see a double either.
      if (live.length === 0 && explained.size > 0)
        throw new Error("the beacon node saw nothing of what the other operators signed");
      return live.filter((key) => !explained.has(key));
    } catch (error) {
      signal.throwIfAborted();
      this.#log.error("No beacon node told who signed in this epoch, so it does not count as watched", {
        epoch,
        why: explain(error),
      });
      return undefined;
    } finally {
      cancel();
    }
  }

  #trust(signal: AbortSignal): Promise<void> {
    return retry(this.#options.clock, signal, this.#options.trustMemory, (error, attempts) => {
      if (attempts === 1)
        this.#log.error("Could not note that the watch is over, trying again", { why: explain(error) });
    });
  }

  /** The first epoch that we see from its beginning, with a slot before it to find our peers in. */
  #nextWholeEpoch(): Epoch {
    const { chain, clock } = this.#options;
    return Math.ceil((slotAt(chain, clock.now()) + 2) / chain.slotsPerEpoch);
  }

  #tell(reason: WatchReason, quietEpochs: number, epoch: Epoch, unexplained: readonly GroupKey[]): void {
    const { chain } = this.#options;
    const last = epoch + LIMITS.watchEpochs - quietEpochs - 1;
    const signsAt = slotStart(chain, firstSlotOf(chain, last + 1) + LIMITS.watchLagSlots + 1);
    this.#status = {
      reason,
      quietEpochs,
      signsAt,
      unexplained: unexplained.length,
      unexplainedKeys: unexplained.slice(0, LIMITS.unexplainedNamedMax),
    };
  }
}

/** A few of many keys, for a log line. */
function named(keys: readonly GroupKey[]): { readonly count: number; readonly validators: string } {
  return { count: keys.length, validators: keys.slice(0, 3).join(", ") };
}
