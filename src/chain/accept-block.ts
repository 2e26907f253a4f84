import { equalBytes, toHex } from "../base/index.ts";
import {
  dutyDue,
  epochOf,
  type fulu,
  type phase0,
  type Root,
  slotStart,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { attestationSigningRoot } from "./accept-attestations.ts";
import { exitProblem } from "./accept-exits.ts";
import { syncSigningRoot } from "./accept-sync.ts";
import { attestersOf } from "./attestation-pool.ts";
import type { ChainBlock } from "./block-tree.ts";
import { FORK_NAME } from "./chain-spec.ts";
import { type Block, blockSigningRoot, randaoSigningRoot, syncVoters } from "./make-block.ts";
import { makePayload, mixAfter, payloadTimestamp, syntheticStateRoot } from "./payload.ts";
import { INFINITY_SIGNATURE } from "./signature-pile.ts";
import type { ValidatorState } from "./validators.ts";
import {
  ACCEPTED,
  currentSlot,
  isFuture,
  lastRootBefore,
  type Outcome,
  publicKeysOf,
  refused,
  sameRoot,
  type World,
} from "./world.ts";

const WHAT = "block";
const ATTESTATIONS_MAX = 8;

export interface Received {
  readonly at: UnixMs;
  readonly blinded: boolean;
}

export function headerOfBlock(block: Block): phase0.BeaconBlockHeader {
  const { slot, proposerIndex, parentRoot, stateRoot, body } = block;
  return {
    slot,
    proposerIndex,
    parentRoot,
    stateRoot,
    bodyRoot: ssz.fulu.BeaconBlockBody.hashTreeRoot(body),
  };
}

/**
 * Takes a signed block. It joins the chain when it is the proposer's only one, builds on the head and belongs to the slot
 * that is under way; whatever is rightly signed goes before the judge first.
 *
 * @spec phase0/p2p-interface.md#beacon_block, phase0/beacon-chain.md#block-processing
 */
export async function acceptBlock(
  world: World,
  signed: fulu.SignedBeaconBlock,
  received: Received,
): Promise<Outcome> {
  const { message: block } = signed;
  const { at } = received;
  const header = headerOfBlock(block);
  const root = ssz.phase0.BeaconBlockHeader.hashTreeRoot(header);
  const proposer = world.validators.get(block.proposerIndex);
  if (proposer === undefined) return refused(world, WHAT, "unknown proposer", at);
  const no = (reason: string): Outcome => {
    world.ledger.note(block.slot, "proposer", proposer.index, reason);
    return refused(world, WHAT, reason, at, proposer.index);
  };
  const [right] = await world.signatures.each([
    {
      publicKey: proposer.pubkey,
      root: blockSigningRoot(world, block.slot, root),
      signature: signed.signature,
    },
  ]);
  if (right !== true) return no("wrong signature");
  world.judge.proposal(proposer, header, at);
  if (isFuture(world, block.slot, at)) return no("slot is in the future");
  if (block.slot === 0 || block.slot < currentSlot(world, at) - world.spec.slotsPerEpoch)
    return no("slot is too long ago");
  if (world.roster.proposer(block.slot) !== proposer.index)
    return no("validator is not the proposer of this slot");
  if (world.tree.get(toHex(root)) !== undefined) {
    world.refusals.duplicates++;
    return ACCEPTED;
  }
  if (world.judge.hasOtherProposal(proposer.index, block.slot, toHex(root)))
    return no("proposer has sent another block for this slot");
  const problem = await contentProblem(world, block, at);
  if (problem !== undefined) return no(problem);
  // The checks above may have waited; the chain may have moved on meanwhile.
  if (world.tree.get(toHex(root)) !== undefined) return ACCEPTED;
  if (block.slot <= world.tree.head.slot || !sameRoot(block.parentRoot, world.tree.head.root))
    return no("block does not build on the head");
  if (block.slot < currentSlot(world, at)) return no("slot is over");
  world.ledger.receive(block.slot, "proposer", proposer.index, at);
  extendChain(world, signed, root, { ...received, by: "watched" });
  return ACCEPTED;
}

/** Why the content of a block is wrong; undefined when it is right. */
async function contentProblem(world: World, block: Block, at: UnixMs): Promise<string | undefined> {
  const parent = world.tree.get(toHex(block.parentRoot));
  if (parent === undefined) return "parent block is unknown";
  if (parent.slot >= block.slot) return "parent block is not older";
  if (!sameRoot(block.stateRoot, syntheticStateRoot(parent.root, block.slot))) return "wrong state root";
  const { body } = block;
  const unused = [
    body.proposerSlashings,
    body.attesterSlashings,
    body.deposits,
    body.blsToExecutionChanges,
    body.blobKzgCommitments,
    body.executionRequests.deposits,
    body.executionRequests.withdrawals,
    body.executionRequests.consolidations,
  ];
  if (unused.some((list) => list.length > 0)) return "block carries what this chain does not have";
  const { feeRecipient, gasLimit, blockHash } = body.executionPayload;
  const wanted = makePayload(parent, payloadTimestamp(slotStart(world.spec, block.slot)), {
    feeRecipient,
    gasLimit,
  });
  if (!equalBytes(wanted.blockHash, blockHash)) return "execution payload does not follow from the parent";
  if (
    !sameRoot(
      ssz.fulu.ExecutionPayload.hashTreeRoot(wanted),
      ssz.fulu.ExecutionPayload.hashTreeRoot(body.executionPayload),
    )
  )
    return "execution payload does not follow from the parent";
  const proposer = world.validators.all[block.proposerIndex] as ValidatorState;
  const [randao] = await world.signatures.each([
    {
      publicKey: proposer.pubkey,
      root: randaoSigningRoot(world, block.slot),
      signature: body.randaoReveal,
    },
  ]);
  if (randao !== true) return "wrong randao reveal";
  return (
    (await syncProblem(world, block)) ??
    (await attestationsProblem(world, block)) ??
    (await exitsProblem(world, block, at))
  );
}

async function syncProblem(world: World, block: Block): Promise<string | undefined> {
  const { syncCommitteeBits, syncCommitteeSignature } = block.body.syncAggregate;
  const voters = syncVoters(world, block.slot, syncCommitteeBits.getTrueBitIndexes());
  const right =
    voters.length === 0
      ? equalBytes(syncCommitteeSignature, INFINITY_SIGNATURE)
      : await world.signatures.aggregate(
          publicKeysOf(world, voters),
          syncSigningRoot(world, block.slot - 1, block.parentRoot),
          syncCommitteeSignature,
        );
  return right ? undefined : "wrong sync aggregate";
}

async function attestationsProblem(world: World, block: Block): Promise<string | undefined> {
  if (block.body.attestations.length > ATTESTATIONS_MAX) return "too many attestations";
  const epoch = epochOf(world.spec, block.slot);
  for (const attestation of block.body.attestations) {
    const { data, signature } = attestation;
    const ofEpoch = epochOf(world.spec, data.slot);
    if (data.slot >= block.slot || ofEpoch < epoch - 1 || data.target.epoch !== ofEpoch || data.index !== 0)
      return "attestation does not belong into this block";
    const source = world.checkpoints.during(ofEpoch)?.currentJustified;
    if (
      source === undefined ||
      data.source.epoch !== source.epoch ||
      !sameRoot(data.source.root, source.root)
    )
      return "attestation has the wrong source";
    const voters = attestersOf(attestation, (slot, index) => world.roster.committee(slot, index));
    if (voters === undefined || voters.length === 0) return "attestation bits do not fit the committees";
    const root = attestationSigningRoot(world, data);
    if (!(await world.signatures.aggregate(publicKeysOf(world, voters), root, signature)))
      return "wrong attestation signature";
  }
  return undefined;
}

async function exitsProblem(world: World, block: Block, at: UnixMs): Promise<string | undefined> {
  const leaving = new Set<ValidatorIndex>();
  for (const exit of block.body.voluntaryExits) {
    const problem = await exitProblem(world, exit, at);
    if (problem !== undefined || leaving.has(exit.message.validatorIndex)) return "wrong voluntary exit";
    leaving.add(exit.message.validatorIndex);
  }
  return undefined;
}

/** Makes a checked block the head and carries out what is in it. */
export function extendChain(
  world: World,
  signed: fulu.SignedBeaconBlock,
  root: Root,
  received: Received & { readonly by: "watched" | "chain" },
): void {
  const { message: block } = signed;
  const chainBlock: ChainBlock = {
    slot: block.slot,
    root,
    rootHex: toHex(root),
    parentRoot: block.parentRoot,
    stateRoot: block.stateRoot,
    proposerIndex: block.proposerIndex,
    signed,
    mix: mixAfter(world.tree.head.mix, block.body.randaoReveal),
  };
  world.tree.extend(chainBlock);
  world.ledger.include(block.slot, "proposer", block.proposerIndex, block.slot);
  includeAttestations(world, block);
  includeSync(world, block);
  for (const { message } of block.body.voluntaryExits) {
    world.validators.exit(message.validatorIndex, epochOf(world.spec, block.slot));
    world.exits.delete(message.validatorIndex);
  }
  announce(world, chainBlock);
  world.settings.onEvent({
    kind: "block",
    slot: block.slot,
    root: chainBlock.rootHex,
    proposer: block.proposerIndex,
    by: received.by,
    blinded: received.blinded,
    afterDueMs: received.at - dutyDue(world.spec, { slot: block.slot, kind: "proposer" }),
    attestations: block.body.attestations.length,
    syncParticipants: block.body.syncAggregate.syncCommitteeBits.getTrueBitIndexes().length,
  });
}

function includeAttestations(world: World, block: Block): void {
  for (const attestation of block.body.attestations) {
    const { data } = attestation;
    const voters = attestersOf(attestation, (slot, index) => world.roster.committee(slot, index)) ?? [];
    world.checkpoints.include(data.target.epoch, data.target.root, voters);
    const fresh = world.attestations
      .include(data.target.epoch, voters)
      .filter((voter) => world.ledger.include(data.slot, "attester", voter, block.slot));
    if (fresh.length > 0)
      world.settings.onEvent({
        kind: "included",
        slot: data.slot,
        blockSlot: block.slot,
        validators: fresh,
      });
  }
}

function includeSync(world: World, block: Block): void {
  const seats = block.body.syncAggregate.syncCommitteeBits.getTrueBitIndexes();
  for (const voter of new Set(syncVoters(world, block.slot, seats)))
    world.ledger.include(block.slot - 1, "sync-message", voter, block.slot);
}

function announce(world: World, block: ChainBlock): void {
  const { events } = world;
  const epoch = epochOf(world.spec, block.slot);
  const slot = String(block.slot);
  const common = {
    slot,
    block: block.rootHex,
    state: toHex(block.stateRoot),
    epoch_transition: block.slot % world.spec.slotsPerEpoch === 0,
    execution_optimistic: false,
  };
  const earlier = lastRootBefore(world, epoch - 1);
  const later = lastRootBefore(world, epoch);
  events.publish("block_gossip", () => ({ slot, block: block.rootHex }));
  events.publish("block", () => ({ slot, block: block.rootHex, execution_optimistic: false }));
  events.publish("head", () => ({
    ...common,
    previous_duty_dependent_root: earlier,
    current_duty_dependent_root: later,
  }));
  events.publish("head_v2", () => ({
    version: FORK_NAME,
    data: {
      ...common,
      payload_status: "full",
      current_epoch_dependent_root: earlier,
      next_epoch_dependent_root: later,
    },
  }));
}
