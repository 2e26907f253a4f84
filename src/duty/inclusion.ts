import { AssertionFailed, equalBytes, explain, type Hex, toHex } from "../base/index.ts";
import { type AttesterDuty, type ChainEvent, type IncludedBlock, logBug } from "../ports/index.ts";
import {
  type Attestation,
  type Epoch,
  type electra,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type phase0,
  type Root,
  type Slot,
  slotStart,
  ssz,
} from "../spec/index.ts";
import { CommitteePlaces } from "./committee-places.ts";
import type { DutyContext } from "./context.ts";
import type { DutyRecord } from "./duty-record.ts";
import { LIMITS } from "./limits.ts";
import { retry } from "./retry.ts";

interface ExpectedVote {
  readonly record: DutyRecord;
  readonly groupKey: GroupKey;
  readonly duty: AttesterDuty;
  readonly dataRoot: Root;
}

interface ExpectedBlock {
  readonly record: DutyRecord;
  readonly groupKey: GroupKey;
  readonly root: Root;
}

/** Looks for our votes and blocks on the chain. Fetches a block once, and only while something is expected. */
export class Inclusion {
  readonly #context: DutyContext;
  readonly #signal: AbortSignal;
  readonly #votes = new Map<Slot, Map<GroupKey, ExpectedVote>>();
  readonly #blocks = new Map<Slot, ExpectedBlock>();
  readonly #places = new Map<Epoch, CommitteePlaces>();
  /** Blocks that were read. */
  readonly #seen = new Set<Hex>();
  /** The same, by their slots. */
  readonly #rootAt = new Map<Slot, Root>();
  #lastEventAt = 0;

  constructor(context: DutyContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** How many votes and blocks were sent and not yet seen. */
  get waiting(): number {
    return [...this.#votes.values()].reduce((sum, ofSlot) => sum + ofSlot.size, this.#blocks.size);
  }

  expectVote(record: DutyRecord, groupKey: GroupKey, duty: AttesterDuty, data: phase0.AttestationData): void {
    record.signed([groupKey]);
    const ofSlot = this.#votes.get(duty.slot) ?? new Map<GroupKey, ExpectedVote>();
    this.#votes.set(duty.slot, ofSlot);
    this.#placesOf(duty);
    const dataRoot = ssz.phase0.AttestationData.hashTreeRoot(data);
    ofSlot.set(groupKey, { record, groupKey, duty, dataRoot });
  }

  expectBlock(record: DutyRecord, groupKey: GroupKey, root: Root): void {
    record.signed([groupKey]);
    const there = this.#rootAt.get(record.id.slot);
    if (there !== undefined && equalBytes(there, root)) return record.finish(groupKey, "included");
    this.#blocks.set(record.id.slot, { record, groupKey, root });
  }

  onEvent(event: ChainEvent): void {
    if (event.kind !== "head" && event.kind !== "block") return;
    this.#lastEventAt = this.#context.clock.now();
    this.#own(this.#look(event.block));
  }

  /** Gives up on what can no longer be included. */
  onSlot(slot: Slot): void {
    const { chain, clock } = this.#context;
    const isSilent = clock.now() - this.#lastEventAt > 2 * chain.slotMs;
    if (isSilent) this.#own(this.#look("head"));
    this.#giveUpVotes(slot);
    this.#giveUpBlocks(slot);
    const oldest = firstSlotOf(chain, Math.max(0, epochOf(chain, slot) - 2));
    for (const known of this.#rootAt.keys()) if (known < oldest) this.#rootAt.delete(known);
    for (const epoch of this.#places.keys())
      if (firstSlotOf(chain, epoch) < oldest) this.#places.delete(epoch);
  }

  #giveUpVotes(now: Slot): void {
    const { chain, metrics } = this.#context;
    for (const [voteSlot, ofSlot] of this.#votes) {
      if (!windowClosed(chain.slotsPerEpoch, voteSlot, now)) continue;
      this.#votes.delete(voteSlot);
      for (const { record, groupKey } of ofSlot.values()) {
        metrics.notIncluded(record.id);
        const sentAt = record.broadcastAt(groupKey);
        if (sentAt === undefined) record.finish(groupKey, "failed", "broadcast-failed");
        else if (sentAt > slotStart(chain, voteSlot + 1))
          record.finish(groupKey, "not-included", "broadcast-late");
        else record.finish(groupKey, "not-included", "not-included");
      }
    }
  }

  #giveUpBlocks(now: Slot): void {
    for (const [blockSlot, { record, groupKey }] of this.#blocks) {
      if (now < blockSlot + BLOCK_WINDOW_SLOTS) continue;
      this.#blocks.delete(blockSlot);
      this.#context.metrics.notIncluded(record.id);
      const cause = this.#rootAt.has(blockSlot) ? "other-block" : "not-included";
      if (record.broadcastAt(groupKey) === undefined) record.finish(groupKey, "failed", "broadcast-failed");
      else record.finish(groupKey, "not-included", cause);
    }
  }

  /** Reads a block once; then its ancestors, as far back as something is expected, when we missed their events. */
  async #look(id: Hex | "head"): Promise<void> {
    for (let next: Hex | "head" | undefined = id; next !== undefined; ) {
      if (this.#votes.size + this.#blocks.size === 0 || this.#seen.has(next as Hex)) return;
      const block: IncludedBlock | undefined = await this.#read(next);
      if (block === undefined || this.#seen.has(toHex(block.root))) return;
      this.#remember(toHex(block.root));
      this.#onBlock(block);
      const oldest = Math.min(...this.#votes.keys(), ...this.#blocks.keys());
      next = block.slot - 1 > oldest ? toHex(block.parentRoot) : undefined;
    }
  }

  async #read(id: Hex | "head"): Promise<IncludedBlock | undefined> {
    const { beacon, clock, log } = this.#context;
    let attemptsLeft = 5;
    return retry(
      clock,
      this.#signal,
      async () => (attemptsLeft-- > 0 ? beacon.block(id, this.#signal) : undefined),
      (error) => log.debug("Block not read", { block: id, why: explain(error) }),
    );
  }

  #remember(root: Hex): void {
    this.#seen.add(root);
    const [oldest] = this.#seen;
    if (this.#seen.size > LIMITS.blocksSeenMax && oldest !== undefined) this.#seen.delete(oldest);
  }

  #onBlock(block: IncludedBlock): void {
    this.#rootAt.set(block.slot, block.root);
    const expected = this.#blocks.get(block.slot);
    if (expected !== undefined && equalBytes(expected.root, block.root)) {
      this.#blocks.delete(block.slot);
      expected.record.note("included", { slot: block.slot });
      expected.record.finish(expected.groupKey, "included");
    }
    for (const attestation of block.attestations) this.#onAttestation(attestation, block.slot);
  }

  #onAttestation(attestation: Attestation, inSlot: Slot): void {
    const { slotsPerEpoch } = this.#context.chain;
    const ofSlot = this.#votes.get(attestation.data.slot) ?? new Map<GroupKey, ExpectedVote>();
    if (ofSlot.size === 0) return;
    const root = ssz.phase0.AttestationData.hashTreeRoot(attestation.data);
    for (const vote of ofSlot.values())
      if (
        equalBytes(root, vote.dataRoot) &&
        holdsBit(slotsPerEpoch, attestation, vote.duty, this.#placesOf(vote.duty))
      )
        this.#included(vote, inSlot);
  }

  #included({ record, groupKey, duty }: ExpectedVote, inSlot: Slot): void {
    this.#votes.get(duty.slot)?.delete(groupKey);
    const delaySlots = inSlot - duty.slot;
    this.#context.metrics.inclusionDelay(delaySlots);
    record.note("included", { slot: inSlot, delaySlots, validator: groupKey });
    record.finish(groupKey, "included", delaySlots > 1 ? "included-late" : undefined);
  }

  #placesOf(duty: AttesterDuty): CommitteePlaces {
    const { chain } = this.#context;
    const epoch = epochOf(chain, duty.slot);
    const known = this.#places.get(epoch) ?? new CommitteePlaces(duty.committeesAtSlot, chain.slotsPerEpoch);
    this.#places.set(epoch, known);
    known.learnLength(duty.slot % chain.slotsPerEpoch, duty.committeeIndex, duty.committeeLength);
    return known;
  }

  /** Looking ends early only when the signal fires, or by a bug of ours. */
  #own(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof AssertionFailed) logBug(this.#context.log, error);
    });
  }
}

/** How long a proposed block may take to become known to our own beacon node. */
const BLOCK_WINDOW_SLOTS = 3;

/** A vote may be included until the end of the epoch after its own (EIP-7045). */
function windowClosed(slotsPerEpoch: number, voteSlot: Slot, now: Slot): boolean {
  return now > (Math.floor(voteSlot / slotsPerEpoch) + 2) * slotsPerEpoch;
}

function holdsBit(
  slotsPerEpoch: number,
  attestation: Attestation,
  duty: AttesterDuty,
  places: CommitteePlaces,
): boolean {
  const { aggregationBits, committeeBits } = attestation as electra.Attestation;
  if (committeeBits === undefined)
    return (
      attestation.data.index === duty.committeeIndex && aggregationBits.get(duty.validatorCommitteeIndex)
    );
  const present = committeeBits.getTrueBitIndexes();
  const ours = { committee: duty.committeeIndex, place: duty.validatorCommitteeIndex };
  return places
    .places(duty.slot % slotsPerEpoch, present, aggregationBits.bitLen, ours)
    .some((place) => place < aggregationBits.bitLen && aggregationBits.get(place));
}
