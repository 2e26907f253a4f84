import {
  domainAt,
  epochOf,
  isSyncAggregator,
  type Root,
  type Slot,
  signingRoot,
  slotAt,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { acceptSigned } from "./accept-signed.ts";
import { SEATS_PER_SUBCOMMITTEE, SYNC_SUBCOMMITTEES } from "./roster.ts";
import type { ValidatorState } from "./validators.ts";
import {
  ACCEPTED,
  currentSlot,
  isFuture,
  type Outcome,
  publicKeysOf,
  refused,
  sameRoot,
  type World,
} from "./world.ts";

const MESSAGE = "sync message";
const CONTRIBUTION = "sync contribution";

export type SyncMessage = ReturnType<typeof ssz.altair.SyncCommitteeMessage.defaultValue>;
export type SignedContribution = ReturnType<typeof ssz.altair.SignedContributionAndProof.defaultValue>;

/** What members of the sync committee sign in `slot`. @spec altair/validator.md#get_sync_committee_message */
export function syncSigningRoot(world: World, slot: Slot, blockRoot: Root): Root {
  return signingRoot(blockRoot, domainAt(world.spec, "syncCommittee", epochOf(world.spec, slot)));
}

/** Takes messages of sync-committee members. @spec altair/p2p-interface.md#sync_committee_subnet_id */
export function acceptSyncMessages(
  world: World,
  messages: readonly SyncMessage[],
  at: UnixMs,
): Promise<Outcome[]> {
  return acceptSigned(world, messages, at, {
    what: MESSAGE,
    senderOf: ({ validatorIndex }) => validatorIndex,
    signaturesOf: ({ slot, beaconBlockRoot, signature }) => [
      { root: syncSigningRoot(world, slot, beaconBlockRoot), signature, wrong: "wrong signature" },
    ],
    take: (sender, message) => acceptSyncMessage(world, sender, message, at),
  });
}

function acceptSyncMessage(world: World, sender: ValidatorState, message: SyncMessage, at: UnixMs): Outcome {
  const { slot, beaconBlockRoot, signature } = message;
  const no = (reason: string): Outcome => refused(world, MESSAGE, reason, at, sender.index);
  if (isFuture(world, slot, at)) return no("slot is in the future");
  const seats = world.roster.syncSeats(epochOf(world.spec, slot), sender.index);
  if (seats.length === 0) return no("validator is not in the sync committee");
  const first = world.ledger.receive(slot, "sync-message", sender.index, at);
  if (first && !sameRoot(beaconBlockRoot, world.tree.upTo(slot).root))
    world.ledger.fault(slot, "sync-message", sender.index, "wrong head");
  // Too late for the next block, and gossip would not carry it on.
  if (slot < currentSlot(world, at)) return no("slot is over");
  if (!world.sync.add(slot, beaconBlockRoot, sender.index, seats, signature)) world.refusals.duplicates++;
  return ACCEPTED;
}

/** Takes signed contributions. @spec altair/p2p-interface.md#sync_committee_contribution_and_proof */
export function acceptContributions(
  world: World,
  contributions: readonly SignedContribution[],
  at: UnixMs,
): Promise<Outcome[]> {
  return acceptSigned(world, contributions, at, {
    what: CONTRIBUTION,
    senderOf: ({ message }) => message.aggregatorIndex,
    signaturesOf({ message, signature }) {
      const { slot, subcommitteeIndex } = message.contribution;
      const epoch = epochOf(world.spec, slot);
      const selected = signingRoot(
        ssz.altair.SyncAggregatorSelectionData.hashTreeRoot({ slot, subcommitteeIndex }),
        domainAt(world.spec, "syncSelectionProof", epoch),
      );
      const root = signingRoot(
        ssz.altair.ContributionAndProof.hashTreeRoot(message),
        domainAt(world.spec, "contributionAndProof", epoch),
      );
      return [
        { root: selected, signature: message.selectionProof, wrong: "wrong selection proof" },
        { root, signature, wrong: "wrong signature" },
      ];
    },
    take: (sender, signed) => acceptContribution(world, sender, signed, at),
  });
}

async function acceptContribution(
  world: World,
  sender: ValidatorState,
  signed: SignedContribution,
  at: UnixMs,
): Promise<Outcome> {
  const { contribution, selectionProof } = signed.message;
  const { slot, subcommitteeIndex, beaconBlockRoot, aggregationBits, signature } = contribution;
  const no = (reason: string): Outcome => refused(world, CONTRIBUTION, reason, at, sender.index);
  if (isFuture(world, slot, at)) return no("slot is in the future");
  if (slot < slotAt(world.spec, at) - world.spec.slotsPerEpoch) return no("slot is too long ago");
  if (subcommitteeIndex >= SYNC_SUBCOMMITTEES) return no("no such subcommittee");
  if (!isSyncAggregator(selectionProof)) return no("validator is not selected to contribute");
  const committee = world.roster.syncCommittee(epochOf(world.spec, slot));
  const from = subcommitteeIndex * SEATS_PER_SUBCOMMITTEE;
  const members = committee.slice(from, from + SEATS_PER_SUBCOMMITTEE);
  if (!members.includes(sender.index)) return no("validator is not in this subcommittee");
  const voters = aggregationBits.getTrueBitIndexes().map((seat) => members[seat] as ValidatorIndex);
  if (voters.length === 0) return no("no bit is set");
  const root = syncSigningRoot(world, slot, beaconBlockRoot);
  if (!(await world.signatures.aggregate(publicKeysOf(world, voters), root, signature)))
    return no("wrong aggregate signature");
  // One validator may contribute for several of its subcommittees; the record is one, like the slot's duty.
  if (!world.ledger.receive(slot, "sync-contribution", sender.index, at)) world.refusals.duplicates++;
  if (slot < currentSlot(world, at)) return no("slot is over");
  world.events.publish("contribution_and_proof", () => ssz.altair.SignedContributionAndProof.toJson(signed));
  return ACCEPTED;
}
