import {
  dutyDue,
  epochOf,
  firstSlotOf,
  type Slot,
  slotStart,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { attestationSigningRoot, compareWithChain, markLive } from "./accept-attestations.ts";
import { extendChain } from "./accept-block.ts";
import { syncSigningRoot } from "./accept-sync.ts";
import type { AttestationData } from "./attestation-pool.ts";
import { EPOCHS_KEPT } from "./limits.ts";
import { blockSigningRoot, choicesOf, makeBlock, randaoSigningRoot } from "./make-block.ts";
import { SEATS_PER_SUBCOMMITTEE } from "./roster.ts";
import { bySubcommittee } from "./sync-pool.ts";
import { targetOf, type World } from "./world.ts";

const TARGET_AGGREGATORS_PER_COMMITTEE = 16;
const GRAFFITI: Uint8Array = new Uint8Array(32);
GRAFFITI.set(Buffer.from("trireme chain"));

/** One step of time: the beginning of a slot, or the moment in it when votes are due. */
interface Step {
  readonly at: UnixMs;
  readonly slot: Slot;
  readonly phase: "start" | "votes-due";
}

/**
 * Time on the chain. Steps are taken in order and each once, whoever asks first: a timer, or a request that comes a
 * moment before its timer. So a request never sees a chain that is behind the clock.
 */
export class Progress {
  readonly #world: World;
  #next: Step;

  constructor(world: World) {
    this.#world = world;
    this.#next = { at: slotStart(world.spec, 0), slot: 0, phase: "start" };
  }

  /** When the next step is due. */
  get nextAt(): UnixMs {
    return this.#next.at;
  }

  /** Takes every step that is due at `now`. */
  advance(now: UnixMs): void {
    while (this.#next.at <= now) {
      const { slot, phase } = this.#next;
      this.#next = after(this.#world, this.#next);
      if (phase === "start") startSlot(this.#world, slot);
      else voteOfOthers(this.#world, slot);
    }
  }
}

function after(world: World, { slot, phase }: Step): Step {
  return phase === "start"
    ? { at: dutyDue(world.spec, { slot, kind: "attester" }), slot, phase: "votes-due" }
    : { at: slotStart(world.spec, slot + 1), slot: slot + 1, phase: "start" };
}

function startSlot(world: World, slot: Slot): void {
  const { spec, settings } = world;
  const epoch = epochOf(spec, slot);
  if (slot > 0) closeSlot(world, slot - 1);
  if (slot > 0 && slot === firstSlotOf(spec, epoch)) {
    const finalized = world.checkpoints.enter(epoch);
    if (finalized !== undefined) announceFinality(world, finalized);
    prune(world, slot);
  }
  assignDuties(world, slot);
  settings.onEvent({ kind: "slot", slot, epoch, at: slotStart(spec, slot) });
  const proposer = world.roster.proposer(slot);
  if (slot > 0 && settings.others === "attest" && world.others.has(proposer))
    proposeForOther(world, slot, proposer);
}

function closeSlot(world: World, slot: Slot): void {
  world.ledger.close(slot);
  for (const cast of world.castVotes.get(slot) ?? []) compareWithChain(world, cast);
  world.sync.prune(slot);
}

/** Forgets what can no longer be asked for or included. */
function prune(world: World, slot: Slot): void {
  const { spec } = world;
  const epoch = epochOf(spec, slot);
  const kept = Math.max(0, firstSlotOf(spec, epoch - EPOCHS_KEPT));
  const votable = Math.max(0, firstSlotOf(spec, epoch - 1));
  world.tree.prune(kept);
  world.ledger.prune(kept);
  world.attestations.prune(votable, epoch - 2);
  for (const known of world.castVotes.keys()) if (known < votable) world.castVotes.delete(known);
  for (const known of world.live.keys()) if (known < epoch - 2) world.live.delete(known);
  for (const [hash, offer] of world.payloads) if (offer.slot < votable) world.payloads.delete(hash);
}

function assignDuties(world: World, slot: Slot): void {
  const { roster, ledger } = world;
  for (const members of roster.committeesAt(slot)) {
    // In a small committee everybody is selected to aggregate, so that it is known who has to.
    const allAggregate = Math.floor(members.length / TARGET_AGGREGATORS_PER_COMMITTEE) <= 1;
    for (const member of members) {
      ledger.assign(slot, "attester", member);
      if (allAggregate) ledger.assign(slot, "aggregator", member);
    }
  }
  for (const member of new Set(roster.syncCommittee(epochOf(world.spec, slot))))
    ledger.assign(slot, "sync-message", member);
  if (slot > 0) ledger.assign(slot, "proposer", roster.proposer(slot));
}

function announceFinality(
  world: World,
  finalized: { readonly epoch: number; readonly root: `0x${string}` },
): void {
  const block = world.tree.get(finalized.root);
  world.settings.onEvent({ kind: "finalized", ...finalized });
  world.events.publish("finalized_checkpoint", () => ({
    block: finalized.root,
    state: `0x${Buffer.from(block?.stateRoot ?? new Uint8Array(32)).toString("hex")}`,
    epoch: String(finalized.epoch),
    execution_optimistic: false,
  }));
}

/** A block by a validator whose key the chain holds, at the very beginning of its slot. */
function proposeForOther(world: World, slot: Slot, proposer: ValidatorIndex): void {
  const randaoReveal = world.others.sign(proposer, randaoSigningRoot(world, slot));
  const message = makeBlock(
    world,
    { slot, index: proposer, randaoReveal, graffiti: GRAFFITI },
    choicesOf(world, proposer),
  );
  const root = ssz.fulu.BeaconBlock.hashTreeRoot(message);
  const signature = world.others.sign(proposer, blockSigningRoot(world, slot, root));
  extendChain(world, { message, signature }, root, {
    at: slotStart(world.spec, slot),
    blinded: false,
    by: "chain",
  });
}

/** Votes for `slot` on the present head: source, target and head as a beacon node hands them out. */
export function voteData(world: World, slot: Slot): AttestationData | undefined {
  const epoch = epochOf(world.spec, slot);
  const head = world.tree.upTo(slot);
  const source = world.checkpoints.during(epoch)?.currentJustified;
  if (source === undefined) return undefined;
  return {
    slot,
    index: 0,
    beaconBlockRoot: head.root,
    source,
    target: { epoch, root: targetOf(world, epoch, head).root },
  };
}

/** The others attest, and vote in the sync committee: one signature per committee stands for all of them. */
function voteOfOthers(world: World, slot: Slot): void {
  const { others, roster, settings } = world;
  if (settings.others !== "attest" || settings.otherValidators === 0) return;
  const data = voteData(world, slot);
  if (data === undefined) return;
  const epoch = epochOf(world.spec, slot);
  const root = attestationSigningRoot(world, data);
  for (const [index, members] of roster.committeesAt(slot).entries()) {
    const places = [...members.keys()].filter((place) => others.has(members[place] as ValidatorIndex));
    const voters = places.map((place) => members[place] as ValidatorIndex);
    const signature = others.signTogether(voters, root);
    if (signature === undefined) continue;
    world.attestations.add(data, { index, members }, places, signature);
    for (const voter of voters) markLive(world, epoch, voter);
  }
  const head = world.tree.upTo(slot).root;
  const committee = roster.syncCommittee(epoch);
  const seats = [...committee.keys()].filter((seat) => others.has(committee[seat] as ValidatorIndex));
  const syncRoot = syncSigningRoot(world, slot, head);
  for (const [subcommittee, places] of bySubcommittee(seats)) {
    const voters = places.map(
      (place) => committee[subcommittee * SEATS_PER_SUBCOMMITTEE + place] as ValidatorIndex,
    );
    const signature = others.signTogether(voters, syncRoot);
    if (signature !== undefined) world.sync.addAggregate(slot, head, subcommittee, places, signature);
  }
}
