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
export interface Inclusion {
  expectVote(record: DutyRecord, groupKey: GroupKey, duty: AttesterDuty, data: phase0.AttestationData): void;
  expectBlock(record: DutyRecord, groupKey: GroupKey, root: Root): void;
  onEvent(event: ChainEvent): void;
  /** Gives up on what can no longer be included. */
  onSlot(slot: Slot): void;
  readonly waiting: number;
}

export function createInclusion(context: DutyContext, signal: AbortSignal): Inclusion {
  const { chain, clock, beacon, log, metrics } = context;
  const votes = new Map<Slot, Map<GroupKey, ExpectedVote>>();
  const blocks = new Map<Slot, ExpectedBlock>();
  const places = new Map<Epoch, CommitteePlaces>();
  const seen = new Set<Hex>();
  let lastEventAt = 0;
  const atSlot = new Map<Slot, Root>();

  function placesOf(duty: AttesterDuty): CommitteePlaces {
    const epoch = epochOf(chain, duty.slot);
    const known = places.get(epoch) ?? new CommitteePlaces(duty.committeesAtSlot, chain.slotsPerEpoch);
    places.set(epoch, known);
    known.learnLength(duty.slot % chain.slotsPerEpoch, duty.committeeIndex, duty.committeeLength);
    return known;
  }

  function onBlock(block: IncludedBlock): void {
    atSlot.set(block.slot, block.root);
    const expected = blocks.get(block.slot);
    if (expected !== undefined && equalBytes(expected.root, block.root)) {
      blocks.delete(block.slot);
      expected.record.note("included", { slot: block.slot });
      expected.record.finish(expected.groupKey, "included");
    }
    const roots = new Map<phase0.AttestationData, Root>();
    for (const attestation of block.attestations) {
      for (const vote of votes.get(attestation.data.slot)?.values() ?? []) {
        const root = roots.get(attestation.data) ?? ssz.phase0.AttestationData.hashTreeRoot(attestation.data);
        roots.set(attestation.data, root);
        if (
          equalBytes(root, vote.dataRoot) &&
          holdsBit(chain.slotsPerEpoch, attestation, vote.duty, placesOf(vote.duty))
        )
          included(vote, block.slot);
      }
    }
  }

  function included({ record, groupKey, duty }: ExpectedVote, inSlot: Slot): void {
    votes.get(duty.slot)?.delete(groupKey);
    const delaySlots = inSlot - duty.slot;
    metrics.inclusionDelay(delaySlots);
    record.note("included", { slot: inSlot, delaySlots, validator: groupKey });
    record.finish(groupKey, "included", delaySlots > 1 ? "included-late" : undefined);
  }

  /** Reads a block once; then its ancestors, as far back as something is expected, when we missed their events. */
  async function look(id: Hex | "head"): Promise<void> {
    for (let next: Hex | "head" | undefined = id; next !== undefined; ) {
      if (votes.size + blocks.size === 0 || seen.has(next as Hex)) return;
      const block: IncludedBlock | undefined = await read(next);
      if (block === undefined || seen.has(toHex(block.root))) return;
      remember(toHex(block.root));
      onBlock(block);
      const oldest = Math.min(...votes.keys(), ...blocks.keys());
      next = block.slot - 1 > oldest ? toHex(block.parentRoot) : undefined;
    }
  }

  function remember(root: Hex): void {
    seen.add(root);
    const [oldest] = seen;
    if (seen.size > LIMITS.blocksSeenMax && oldest !== undefined) seen.delete(oldest);
  }

  async function read(id: Hex | "head"): Promise<IncludedBlock | undefined> {
    let attemptsLeft = 5;
    return retry(
      clock,
      signal,
      async () => (attemptsLeft-- > 0 ? beacon.block(id, signal) : undefined),
      (error) => log.debug("Block not read", { block: id, why: explain(error) }),
    );
  }

  function tellBug(error: unknown): void {
    if (error instanceof AssertionFailed) logBug(log, error);
  }

  return {
    expectVote(record, groupKey, duty, data) {
      record.signed([groupKey]);
      const ofSlot = votes.get(duty.slot) ?? new Map<GroupKey, ExpectedVote>();
      votes.set(duty.slot, ofSlot);
      placesOf(duty);
      const dataRoot = ssz.phase0.AttestationData.hashTreeRoot(data);
      ofSlot.set(groupKey, { record, groupKey, duty, dataRoot });
    },
    expectBlock(record, groupKey, root) {
      record.signed([groupKey]);
      const there = atSlot.get(record.id.slot);
      if (there !== undefined && equalBytes(there, root)) return record.finish(groupKey, "included");
      blocks.set(record.id.slot, { record, groupKey, root });
    },
    onEvent(event) {
      if (event.kind !== "head" && event.kind !== "block") return;
      lastEventAt = clock.now();
      look(event.block).catch(tellBug); // Otherwise only the signal ends it early.
    },
    onSlot(slot) {
      if (clock.now() - lastEventAt > 2 * chain.slotMs) look("head").catch(tellBug); // The event stream is silent.
      for (const [voteSlot, ofSlot] of votes) {
        if (!windowClosed(chain.slotsPerEpoch, voteSlot, slot)) continue;
        votes.delete(voteSlot);
        for (const { record, groupKey } of ofSlot.values()) {
          metrics.notIncluded(record.id);
          const sentAt = record.broadcastAt(groupKey);
          if (sentAt === undefined) record.finish(groupKey, "failed", "broadcast-failed");
          else if (sentAt > slotStart(chain, voteSlot + 1))
            record.finish(groupKey, "not-included", "broadcast-late");
          else record.finish(groupKey, "not-included", "not-included");
        }
      }
      for (const [blockSlot, { record, groupKey }] of blocks) {
        if (slot < blockSlot + BLOCK_WINDOW_SLOTS) continue;
        blocks.delete(blockSlot);
        metrics.notIncluded(record.id);
        if (record.broadcastAt(groupKey) === undefined) record.finish(groupKey, "failed", "broadcast-failed");
        else record.finish(groupKey, "not-included", atSlot.has(blockSlot) ? "other-block" : "not-included");
      }
      const oldest = firstSlotOf(chain, Math.max(0, epochOf(chain, slot) - 2));
      for (const known of atSlot.keys()) if (known < oldest) atSlot.delete(known);
      for (const epoch of places.keys()) if (firstSlotOf(chain, epoch) < oldest) places.delete(epoch);
    },
    get waiting() {
      return [...votes.values()].reduce((sum, ofSlot) => sum + ofSlot.size, blocks.size);
    },
  };
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
