import { AssertionFailed, explain, type Hex } from "../base/index.ts";
import type { Cluster } from "../cluster/index.ts";
import {
  type AttesterDuty,
  type BeaconNode,
  type ChainEvent,
  type Clock,
  type Duties,
  type Logger,
  logBug,
  type Meter,
  type ProposerDuty,
  type SyncDuty,
  type ValidatorRecord,
} from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  EPOCHS_PER_SYNC_COMMITTEE_PERIOD,
  type Epoch,
  epochOf,
  ForkSeq,
  forkAt,
  type GroupKey,
  type Slot,
} from "../spec/index.ts";
import { scheduleMetrics } from "./metrics.ts";
import { retry } from "./retry.ts";

interface EpochDuties {
  attesters: Duties<AttesterDuty> | undefined;
  attestersBySlot: ReadonlyMap<Slot, ReadonlyMap<GroupKey, AttesterDuty>>;
  slotOfAttester: ReadonlyMap<GroupKey, Slot>;
  proposers: Duties<ProposerDuty> | undefined;
  syncMembers: readonly SyncDuty[] | undefined;
}
const NOTHING_KNOWN: Readonly<EpochDuties> = {
  attesters: undefined,
  attestersBySlot: new Map(),
  slotOfAttester: new Map(),
  proposers: undefined,
  syncMembers: undefined,
};

export interface ScheduleContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly cluster: Cluster;
  readonly beacon: BeaconNode;
  readonly log: Logger;
  readonly meter: Meter;
  /** Called after the duties of an epoch became known or changed. */
  readonly onChange: (epoch: Epoch, vanished: readonly (AttesterDuty | ProposerDuty)[]) => void;
}

/** Who has which duty in which slot, for this epoch and the next, through reorganisations and failures of the beacon node. */
export class Schedule {
  readonly #context: ScheduleContext;
  readonly #signal: AbortSignal;
  readonly #groupKeys: ReadonlySet<string>;
  readonly #epochs = new Map<Epoch, Readonly<EpochDuties>>();
  /** Epochs whose duties are being fetched; true when they have to be fetched once more afterwards. */
  readonly #fetching = new Map<Epoch, boolean>();
  /** Dependent roots that we have acted on, so that a beacon node with another view is not asked at every block. */
  readonly #checked = new Map<Epoch, string>();
  #validators: ReadonlyMap<GroupKey, ValidatorRecord> = new Map();
  #refreshedFor: Epoch = -1;
  readonly #active: ReturnType<Meter["gauge"]>;
  readonly #status: ReturnType<Meter["gauge"]>;

  constructor(context: ScheduleContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.#groupKeys = new Set(context.cluster.validators.map(({ groupKey }) => groupKey));
    const { active, status } = scheduleMetrics(context.meter);
    this.#active = active;
    this.#status = status;
  }

  attestersAt(slot: Slot): ReadonlyMap<GroupKey, AttesterDuty> {
    const known = this.#epochs.get(epochOf(this.#context.chain, slot));
    return known?.attestersBySlot.get(slot) ?? new Map<GroupKey, AttesterDuty>();
  }

  /** Whether a validator is known to vote in another slot of the same epoch: it votes once in each. */
  votesElsewhere(slot: Slot, groupKey: GroupKey): boolean {
    const own = this.#epochs.get(epochOf(this.#context.chain, slot))?.slotOfAttester.get(groupKey);
    return own !== undefined && own !== slot;
  }

  proposersAt(slot: Slot): ReadonlyMap<GroupKey, ProposerDuty> {
    const duties = this.#epochs.get(epochOf(this.#context.chain, slot))?.proposers?.duties ?? [];
    return new Map(duties.filter((duty) => duty.slot === slot).map((duty) => [duty.pubkey, duty]));
  }

  /** Whoever signs sync messages in `slot`: the committee of the block that can include them, which is the next slot's. */
  syncMembersAt(slot: Slot): ReadonlyMap<GroupKey, SyncDuty> {
    const members = this.#epochs.get(epochOf(this.#context.chain, slot + 1))?.syncMembers ?? [];
    return new Map(members.map((duty) => [duty.pubkey, duty]));
  }

  /** How many of ours have a duty, or may turn out to have it; undefined while that is not known. */
  membersOf({ slot, kind }: DutyId): number | undefined {
    const known = this.#epochs.get(epochOf(this.#context.chain, slot));
    switch (kind) {
      case "attester":
      case "prepare-aggregator":
      case "aggregator":
        return known?.attesters && this.attestersAt(slot).size;
      case "proposer":
      case "randao":
        return known?.proposers && this.proposersAt(slot).size;
      case "sync-message":
      case "prepare-sync-contribution":
      case "sync-contribution":
        return this.#epochs.get(epochOf(this.#context.chain, slot + 1))?.syncMembers?.length;
      case "exit":
      case "builder-registration":
      case "signature":
      case "info-sync":
        return 0;
    }
  }

  get validators(): ReadonlyMap<GroupKey, ValidatorRecord> {
    return this.#validators;
  }

  knows(epoch: Epoch): boolean {
    const known = this.#epochs.get(epoch);
    return known?.attesters !== undefined && known.proposers !== undefined;
  }

  onSlot(slot: Slot): void {
    const epoch = epochOf(this.#context.chain, slot);
    if (epoch === this.#refreshedFor) return;
    this.#refreshedFor = epoch;
    for (const kept of [this.#epochs, this.#checked])
      for (const known of kept.keys()) if (known < epoch - 1) kept.delete(known);
    this.#begin(epoch);
  }

  /** Compares what the duties depend on with the chain's head; another root means other duties. */
  onEvent(event: ChainEvent): void {
    const now = this.#refreshedFor;
    if (event.kind === "reorg") return this.#refetchAfter(event, now);
    if (event.kind !== "head" || epochOf(this.#context.chain, event.slot) !== now) return;
    const { previousDutyDependentRoot: previous, currentDutyDependentRoot: current } = event;
    this.#compare(now, previous, [previous, current]);
    this.#compare(now + 1, current, [current]);
  }

  #refetchAfter(event: Extract<ChainEvent, { kind: "reorg" }>, now: Epoch): void {
    // A reorganisation within the epoch changes nothing that the duties depend on.
    if (event.slot - event.depth >= now * this.#context.chain.slotsPerEpoch) return;
    for (const epoch of [now, now + 1]) if (this.#epochs.has(epoch)) this.#refetch(epoch);
  }

  /** Proposers depend on the root before the epoch, and from Fulu on (EIP-7917) on the one before that. */
  #compare(epoch: Epoch, attesterRoot: Hex, proposerRoots: readonly Hex[]): void {
    const known = this.#epochs.get(epoch);
    const roots = [attesterRoot, ...proposerRoots].join();
    if (known === undefined || this.#checked.get(epoch) === roots) return;
    const attestersHold = known.attesters === undefined || known.attesters.dependentRoot === attesterRoot;
    const proposersHold =
      known.proposers === undefined || proposerRoots.includes(known.proposers.dependentRoot);
    this.#checked.set(epoch, roots);
    if (!attestersHold || !proposersHold) this.#refetch(epoch);
  }

  #refetch(epoch: Epoch): void {
    this.#context.log.info("Duties changed with the chain, asking again", { epoch });
    this.#run(this.#fetch(epoch));
  }

  /** A new epoch: who is active, what they do in it and in the next, and who is paid for blocks. */
  #begin(epoch: Epoch): void {
    this.#run(
      (async () => {
        if (!(await this.#refreshValidators(epoch))) return; // A later epoch has begun meanwhile and asks anew.
        this.#run(this.#prepareProposers());
        await this.#fetch(epoch);
        await this.#fetch(epoch + 1);
      })(),
    );
  }

  /** Owns a promise that ends early only when the signal fires, or by a bug of ours. */
  #run(work: Promise<void>): void {
    const { log } = this.#context;
    work.catch((error: unknown) => {
      if (error instanceof AssertionFailed)
        logBug(log, error, { effect: "duties of this epoch are not known" });
      else if (!this.#signal.aborted) log.error("Schedule failed", { why: explain(error) });
    });
  }

  #retry<T>(what: string, attempt: () => Promise<T>, isCurrent: () => boolean): Promise<T | undefined> {
    const { clock, log } = this.#context;
    return retry(
      clock,
      this.#signal,
      async () => (isCurrent() ? attempt() : undefined),
      (error, attempts) => {
        if (attempts === 1)
          log.warn("Beacon node did not answer, trying again", { what, why: explain(error) });
      },
    );
  }

  async #refreshValidators(epoch: Epoch): Promise<boolean> {
    const { beacon, cluster, log } = this.#context;
    const keys = cluster.validators.map(({ groupKey }) => groupKey);
    const found = await this.#retry(
      "validators",
      () => beacon.validators(keys, this.#signal),
      () => this.#refreshedFor === epoch,
    );
    if (found === undefined) return false;
    const before = this.#validators;
    this.#validators = new Map(found.map((record) => [record.pubkey, record]));
    let news = false;
    for (const record of found) {
      const old = before.get(record.pubkey)?.status;
      if (old === record.status) continue;
      const labels = {
        pubkey_full: record.pubkey,
        pubkey: `${record.pubkey.slice(2, 5)}_${record.pubkey.slice(-3)}`,
      };
      if (old !== undefined) this.#status.set(0, { ...labels, status: old });
      this.#status.set(1, { ...labels, status: record.status });
      // At the start one line for all is enough; later a change is news.
      const say = old === undefined ? log.debug : log.info;
      say("Validator status", { validator: record.pubkey, status: record.status });
      news ||= old === undefined;
    }
    const active = found.filter(({ status }) => status.startsWith("active")).length;
    if (news) log.info("Validators found on the chain", { active, known: found.length });
    this.#active.set(active);
    return true;
  }

  /** Indices that have duties or may get them soon. */
  #indices(): readonly number[] {
    return [...this.#validators.values()]
      .filter(({ status }) => !status.startsWith("exited") && !status.startsWith("withdrawal"))
      .map(({ index }) => index);
  }

  /** What is being fetched already is fetched once more: it may have been asked for before the proposers were known. */
  async #fetch(epoch: Epoch): Promise<void> {
    if (this.#fetching.has(epoch)) {
      this.#fetching.set(epoch, true);
      return;
    }
    try {
      do {
        this.#fetching.set(epoch, false);
        await this.#fetchOnce(epoch);
      } while (this.#fetching.get(epoch) === true);
    } finally {
      this.#fetching.delete(epoch);
    }
  }

  /** Each part is known as soon as it comes: a beacon node that does not answer one question must not cost the other duties. */
  async #fetchOnce(epoch: Epoch): Promise<void> {
    const { beacon, chain } = this.#context;
    const indices = this.#indices();
    const isCurrent = (): boolean => epoch >= this.#refreshedFor;
    // Before Fulu the proposers of an epoch are known only when it begins.
    const early =
      epoch > this.#refreshedFor && ForkSeq[forkAt(chain, epoch * chain.slotsPerEpoch)] < ForkSeq.fulu;
    if (indices.length === 0) {
      const none = { dependentRoot: "0x" as Hex, duties: [] };
      return this.#learn(epoch, { attesters: none, syncMembers: [], ...(early ? {} : { proposers: none }) });
    }
    const ask = async <T>(
      what: string,
      attempt: () => Promise<T>,
      take: (answer: T) => void,
    ): Promise<void> => {
      const answer = await this.#retry(what, attempt, isCurrent);
      if (answer !== undefined) take(answer);
    };
    const votes = ask(
      "attester duties",
      () => beacon.attesterDuties(epoch, indices, this.#signal),
      (attesters) => this.#learn(epoch, { attesters }),
    );
    const blocks = ask(
      "proposer duties",
      async () => (early ? undefined : beacon.proposerDuties(epoch, this.#signal)),
      (proposers) => proposers && this.#learn(epoch, { proposers }),
    );
    this.#run(
      ask(
        "sync committee duties",
        () => this.#syncMembers(epoch, indices),
        (syncMembers) => {
          this.#learn(epoch, { syncMembers });
          this.#run(this.#subscribeToSyncCommittees(epoch));
        },
      ),
    );
    await Promise.all([votes, blocks]);
  }

  /** Takes what is ours of an answer in place of what was known. */
  #learn(
    epoch: Epoch,
    {
      attesters,
      proposers,
      syncMembers,
    }: Partial<Pick<EpochDuties, "attesters" | "proposers" | "syncMembers">>,
  ): void {
    const keys = this.#groupKeys;
    const before = this.#epochs.get(epoch) ?? NOTHING_KNOWN;
    const after = { ...before };
    if (attesters !== undefined) {
      const duties = attesters.duties.filter(({ pubkey }) => keys.has(pubkey));
      after.attesters = { ...attesters, duties };
      after.attestersBySlot = bySlot(duties);
      after.slotOfAttester = new Map(duties.map(({ pubkey, slot }) => [pubkey, slot]));
    }
    if (proposers !== undefined) {
      const own = new Set(this.#indices());
      const duties = proposers.duties.filter(
        ({ pubkey, validatorIndex }) => keys.has(pubkey) && own.has(validatorIndex),
      );
      after.proposers = { ...proposers, duties };
    }
    if (syncMembers !== undefined) after.syncMembers = syncMembers.filter(({ pubkey }) => keys.has(pubkey));
    this.#epochs.set(epoch, after);
    this.#context.onChange(epoch, vanished(before, after));
  }

  /**
   * The seats stay the same for a period, so those of the epoch before serve when they are of the same one. Nobody's are asked
   * for again: a beacon node that once answered wrongly must not cost them for a day.
   */
  async #syncMembers(epoch: Epoch, indices: readonly number[]): Promise<readonly SyncDuty[]> {
    const before = this.#epochs.get(epoch - 1)?.syncMembers ?? [];
    if (before.length > 0 && epoch % EPOCHS_PER_SYNC_COMMITTEE_PERIOD !== 0) return before;
    return this.#context.beacon.syncDuties(epoch, indices, this.#signal);
  }

  async #subscribeToSyncCommittees(epoch: Epoch): Promise<void> {
    const members = this.#epochs.get(epoch)?.syncMembers ?? [];
    const period = Math.floor(epoch / EPOCHS_PER_SYNC_COMMITTEE_PERIOD);
    const untilEpoch = (period + 1) * EPOCHS_PER_SYNC_COMMITTEE_PERIOD;
    if (members.length === 0) return;
    await this.#retry(
      "subscribe to sync committees",
      () =>
        this.#context.beacon.subscribeToSyncCommittees(
          members.map(({ validatorIndex, positions }) => ({ validatorIndex, positions, untilEpoch })),
          this.#signal,
        ),
      () => epoch >= this.#refreshedFor,
    );
  }

  async #prepareProposers(): Promise<void> {
    const { beacon, cluster } = this.#context;
    const epoch = this.#refreshedFor;
    const preparations = cluster.validators.flatMap(({ groupKey, feeRecipient }) => {
      const record = this.#validators.get(groupKey);
      return record === undefined ? [] : [{ validatorIndex: record.index, feeRecipient }];
    });
    if (preparations.length === 0) return;
    await this.#retry(
      "prepare proposers",
      () => beacon.prepareProposers(preparations, this.#signal),
      () => this.#refreshedFor === epoch,
    );
  }
}

function bySlot(duties: readonly AttesterDuty[]): ReadonlyMap<Slot, ReadonlyMap<GroupKey, AttesterDuty>> {
  const groups = Map.groupBy(duties, ({ slot }) => slot);
  return new Map(
    [...groups].map(([slot, ofSlot]) => [slot, new Map(ofSlot.map((duty) => [duty.pubkey, duty]))]),
  );
}

/** Duties that were there and are no more. */
function vanished(
  before: Readonly<EpochDuties>,
  after: Readonly<EpochDuties>,
): readonly (AttesterDuty | ProposerDuty)[] {
  const name = (duty: AttesterDuty | ProposerDuty): string => `${duty.slot}/${duty.pubkey}`;
  const gone = <D extends AttesterDuty | ProposerDuty>(
    old?: readonly D[],
    now?: readonly D[],
  ): readonly D[] => {
    const still = new Set(now?.map(name));
    return (old ?? []).filter((duty) => !still.has(name(duty)));
  };
  return [
    ...gone(before.attesters?.duties, after.attesters?.duties),
    ...gone(before.proposers?.duties, after.proposers?.duties),
  ];
}
