import { AssertionFailed, explain, type Hex } from "../base/index.ts";
import {
  type AttesterDuty,
  type ChainEvent,
  logBug,
  type ProposerDuty,
  type SyncDuty,
} from "../ports/index.ts";
import {
  EPOCHS_PER_SYNC_COMMITTEE_PERIOD,
  type Epoch,
  epochOf,
  ForkSeq,
  firstSlotOf,
  forkAt,
  type Slot,
} from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { type DutiesOfEpoch, DutyTable } from "./duty-table.ts";
import { retry } from "./retry.ts";
import { Validators } from "./validators.ts";

/** Called after the duties of an epoch became known or changed, with those that are no more. */
type OnChange = (epoch: Epoch, vanished: readonly (AttesterDuty | ProposerDuty)[]) => void;

const NONE = { dependentRoot: "0x" as Hex, duties: [] };

/** Asks who has which duty in this epoch and the next, through reorganisations and failures of the beacon node. */
export class Schedule {
  readonly validators: Validators;
  readonly duties: DutyTable;
  readonly #context: DutyContext;
  readonly #onChange: OnChange;
  readonly #signal: AbortSignal;
  /** Epochs whose duties are being fetched; true when they have to be fetched once more afterwards. */
  readonly #fetching = new Map<Epoch, boolean>();
  /** Dependent roots that we have acted on, so that a beacon node with another view is not asked at every block. */
  readonly #checked = new Map<Epoch, string>();
  #epoch: Epoch = -1;

  constructor(context: DutyContext, onChange: OnChange, signal: AbortSignal) {
    this.#context = context;
    this.#onChange = onChange;
    this.#signal = signal;
    this.validators = new Validators(context);
    this.duties = new DutyTable(context.chain, this.validators);
  }

  onSlot(slot: Slot): void {
    const epoch = epochOf(this.#context.chain, slot);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.duties.forgetBefore(epoch - 1);
    for (const checked of this.#checked.keys()) if (checked < epoch - 1) this.#checked.delete(checked);
    this.#own(this.#begin(epoch));
  }

  /** Compares what the duties depend on with the chain's head; another root means other duties. */
  onEvent(event: ChainEvent): void {
    const now = this.#epoch;
    if (event.kind === "reorg") return this.#refetchAfter(event, now);
    if (event.kind !== "head" || epochOf(this.#context.chain, event.slot) !== now) return;
    const { previousDutyDependentRoot: previous, currentDutyDependentRoot: current } = event;
    this.#compare(now, previous, [previous, current]);
    this.#compare(now + 1, current, [current]);
  }

  #refetchAfter(event: Extract<ChainEvent, { kind: "reorg" }>, now: Epoch): void {
    // A reorganisation within the epoch changes nothing that the duties depend on.
    if (event.slot - event.depth >= firstSlotOf(this.#context.chain, now)) return;
    for (const epoch of [now, now + 1]) if (this.duties.of(epoch) !== undefined) this.#refetch(epoch);
  }

  /** Proposers depend on the root before the epoch, and from Fulu on (EIP-7917) on the one before that. */
  #compare(epoch: Epoch, attesterRoot: Hex, proposerRoots: readonly Hex[]): void {
    const known = this.duties.of(epoch);
    const roots = [attesterRoot, ...proposerRoots].join();
    if (known === undefined || this.#checked.get(epoch) === roots) return;
    const { attesters, proposers } = known;
    const attestersHold = attesters === undefined || attesters.dependentRoot === attesterRoot;
    const proposersHold = proposers === undefined || proposerRoots.includes(proposers.dependentRoot);
    this.#checked.set(epoch, roots);
    if (!attestersHold || !proposersHold) this.#refetch(epoch);
  }

  #refetch(epoch: Epoch): void {
    this.#context.log.info("Duties changed with the chain, asking again", { epoch });
    this.#own(this.#fetch(epoch));
  }

  /** A new epoch: who is active, what they do in it and in the next, and who is paid for blocks. */
  async #begin(epoch: Epoch): Promise<void> {
    const { beacon } = this.#context;
    const found = await this.#ask(epoch, "validators", () =>
      beacon.validators(this.validators.groupKeys, this.#signal),
    );
    if (found === undefined) return; // A later epoch has begun meanwhile and asks anew.
    this.validators.learn(found);
    this.#own(this.#prepareProposers(epoch));
    await this.#fetch(epoch);
    await this.#fetch(epoch + 1);
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
    const { indices } = this.validators;
    const blocksToo = this.#proposersAreKnown(epoch);
    if (indices.length === 0)
      return this.#learn(epoch, { attesters: NONE, syncMembers: [], ...(blocksToo && { proposers: NONE }) });
    const votes = this.#fetchAttesters(epoch, indices);
    const blocks = blocksToo ? this.#fetchProposers(epoch) : undefined;
    this.#own(this.#fetchSyncMembers(epoch, indices));
    await Promise.all([votes, blocks]);
  }

  /** Before Fulu the proposers of an epoch are known only when it begins. */
  #proposersAreKnown(epoch: Epoch): boolean {
    const { chain } = this.#context;
    return epoch <= this.#epoch || ForkSeq[forkAt(chain, firstSlotOf(chain, epoch))] >= ForkSeq.fulu;
  }

  async #fetchAttesters(epoch: Epoch, indices: readonly number[]): Promise<void> {
    const { beacon } = this.#context;
    const attesters = await this.#ask(epoch, "attester duties", () =>
      beacon.attesterDuties(epoch, indices, this.#signal),
    );
    if (attesters !== undefined) this.#learn(epoch, { attesters });
  }

  async #fetchProposers(epoch: Epoch): Promise<void> {
    const { beacon } = this.#context;
    const proposers = await this.#ask(epoch, "proposer duties", () =>
      beacon.proposerDuties(epoch, this.#signal),
    );
    if (proposers !== undefined) this.#learn(epoch, { proposers });
  }

  async #fetchSyncMembers(epoch: Epoch, indices: readonly number[]): Promise<void> {
    const { beacon } = this.#context;
    const syncMembers = await this.#ask(
      epoch,
      "sync committee duties",
      async () => this.#sameSeats(epoch) ?? beacon.syncDuties(epoch, indices, this.#signal),
    );
    if (syncMembers === undefined) return;
    this.#learn(epoch, { syncMembers });
    await this.#subscribeToSyncCommittees(epoch);
  }

  /**
   * The seats stay the same for a period, so those of the epoch before serve when they are of the same one. Nobody's are asked
   * for again: a beacon node that once answered wrongly must not cost them for a day.
   */
  #sameSeats(epoch: Epoch): readonly SyncDuty[] | undefined {
    const before = this.duties.of(epoch - 1)?.syncMembers ?? [];
    return before.length > 0 && epoch % EPOCHS_PER_SYNC_COMMITTEE_PERIOD !== 0 ? before : undefined;
  }

  async #subscribeToSyncCommittees(epoch: Epoch): Promise<void> {
    const members = this.duties.of(epoch)?.syncMembers ?? [];
    const period = Math.floor(epoch / EPOCHS_PER_SYNC_COMMITTEE_PERIOD);
    const untilEpoch = (period + 1) * EPOCHS_PER_SYNC_COMMITTEE_PERIOD;
    const seats = members.map(({ validatorIndex, positions }) => ({ validatorIndex, positions, untilEpoch }));
    if (seats.length > 0)
      await this.#ask(epoch, "subscribe to sync committees", () =>
        this.#context.beacon.subscribeToSyncCommittees(seats, this.#signal),
      );
  }

  async #prepareProposers(epoch: Epoch): Promise<void> {
    const { beacon, cluster } = this.#context;
    const preparations = cluster.validators.flatMap(({ groupKey, feeRecipient }) => {
      const record = this.validators.of(groupKey);
      return record === undefined ? [] : [{ validatorIndex: record.index, feeRecipient }];
    });
    if (preparations.length > 0)
      await this.#ask(epoch, "prepare proposers", () => beacon.prepareProposers(preparations, this.#signal));
  }

  #learn(epoch: Epoch, answer: Partial<DutiesOfEpoch>): void {
    this.#onChange(epoch, this.duties.learn(epoch, answer));
  }

  /** Asks until the beacon node answers. Undefined when the epoch is over before it does. */
  #ask<T>(epoch: Epoch, what: string, question: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#context;
    return retry(
      clock,
      this.#signal,
      async () => (epoch < this.#epoch ? undefined : question()),
      (error, attempts) => {
        if (attempts === 1)
          log.warn("Beacon node did not answer, trying again", { what, why: explain(error) });
      },
    );
  }

  /** Owns a promise that ends early only when the signal fires, or by a bug of ours. */
  #own(work: Promise<void>): void {
    const { log } = this.#context;
    work.catch((error: unknown) => {
      if (error instanceof AssertionFailed)
        logBug(log, error, { effect: "duties of this epoch are not known" });
      else if (!this.#signal.aborted) log.error("Schedule failed", { why: explain(error) });
    });
  }
}
