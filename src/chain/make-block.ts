import { toHex } from "../base/index.ts";
import {
  domainAt,
  epochOf,
  firstSlotOf,
  type fulu,
  type Root,
  type Slot,
  signingRoot,
  slotStart,
  ssz,
  type ValidatorIndex,
} from "../spec/index.ts";
import { attestationSigningRoot } from "./accept-attestations.ts";
import { syncSigningRoot } from "./accept-sync.ts";
import { type Attestation, attestersOf, packVotes } from "./attestation-pool.ts";
import {
  GAS_LIMIT_DEFAULT,
  headerOf,
  makePayload,
  type PayloadChoices,
  payloadTimestamp,
  syntheticStateRoot,
} from "./payload.ts";
import { FAR_FUTURE_EPOCH } from "./validators.ts";
import { publicKeysOf, sameRoot, type World } from "./world.ts";

export type Block = fulu.BeaconBlock;
export type BlindedBlock = ReturnType<typeof ssz.fulu.BlindedBeaconBlock.defaultValue>;

const ATTESTATIONS_MAX = 8;
const EXITS_MAX = 16;

/** What the proposer brings along. */
export interface Proposer {
  readonly slot: Slot;
  readonly index: ValidatorIndex;
  readonly randaoReveal: Uint8Array;
  /** 32 bytes. */
  readonly graffiti: Uint8Array;
}

/** What the proposer of `slot` signs as its randao reveal. @spec phase0/validator.md#randao-reveal */
export function randaoSigningRoot(world: World, slot: Slot): Root {
  const epoch = epochOf(world.spec, slot);
  return signingRoot(ssz.Epoch.hashTreeRoot(epoch), domainAt(world.spec, "randao", epoch));
}

export function blockSigningRoot(world: World, slot: Slot, blockRoot: Root): Root {
  return signingRoot(blockRoot, domainAt(world.spec, "proposer", epochOf(world.spec, slot)));
}

/** A full block on the newest block before `slot`, with everything that waits for one. */
export function makeBlock(world: World, proposer: Proposer, choices: PayloadChoices): Block {
  const { slot } = proposer;
  const parent = world.tree.upTo(slot - 1);
  const block = ssz.fulu.BeaconBlock.defaultValue();
  block.slot = slot;
  block.proposerIndex = proposer.index;
  block.parentRoot = parent.root;
  block.stateRoot = syntheticStateRoot(parent.root, slot);
  const { body } = block;
  body.randaoReveal = proposer.randaoReveal;
  body.graffiti = proposer.graffiti;
  body.eth1Data = ssz.phase0.Eth1Data.clone(parent.signed.message.body.eth1Data);
  body.attestations = packAttestations(world, slot);
  body.syncAggregate = packSync(world, slot, parent.root);
  body.voluntaryExits = [...world.exits.values()]
    .filter(({ message }) => world.validators.get(message.validatorIndex)?.exitEpoch === FAR_FUTURE_EPOCH)
    .slice(0, EXITS_MAX);
  body.executionPayload = makePayload(parent, payloadTimestamp(slotStart(world.spec, slot)), choices);
  return block;
}

/** The same block without its payload; keeps the payload, to be put back when the signed block comes. */
export function blind(world: World, block: Block): BlindedBlock {
  const { executionPayload, ...rest } = block.body;
  world.payloads.set(toHex(executionPayload.blockHash), { slot: block.slot, payload: executionPayload });
  return { ...block, body: { ...rest, executionPayloadHeader: headerOf(executionPayload) } };
}

/** Where the proposer's fees go and how much gas it votes for, as its node has said. */
export function choicesOf(world: World, proposer: ValidatorIndex): PayloadChoices {
  return {
    feeRecipient: world.feeRecipients.get(proposer) ?? new Uint8Array(20),
    gasLimit: GAS_LIMIT_DEFAULT,
  };
}

/** The attestations that bring the most new votes, at most eight. @spec electra/validator.md#attestations */
function packAttestations(world: World, slot: Slot): Attestation[] {
  const epoch = epochOf(world.spec, slot);
  const oldest = Math.max(0, firstSlotOf(world.spec, epoch - 1));
  const candidates = world.attestations.between(oldest, slot - 1).flatMap((votes) => {
    const source = world.checkpoints.during(epochOf(world.spec, votes.data.slot))?.currentJustified;
    if (source === undefined || !sameRoot(source.root, votes.data.source.root)) return [];
    const attestation = packVotes(votes, [...votes.committees.keys()]);
    const voters = attestation && attestersOf(attestation, (at, index) => world.roster.committee(at, index));
    if (attestation === undefined || voters === undefined) return [];
    const fresh = voters.filter(
      (voter) => !world.attestations.isIncluded(votes.data.target.epoch, voter),
    ).length;
    return fresh === 0 ? [] : [{ attestation, voters, fresh }];
  });
  const best = candidates.toSorted((a, b) => b.fresh - a.fresh).slice(0, ATTESTATIONS_MAX);
  for (const { attestation, voters } of best)
    world.signatures.trustAggregate(
      publicKeysOf(world, voters),
      attestationSigningRoot(world, attestation.data),
      attestation.signature,
    );
  return best.map(({ attestation }) => attestation);
}

function packSync(world: World, slot: Slot, parentRoot: Root): Block["body"]["syncAggregate"] {
  const aggregate = world.sync.aggregate(slot - 1, parentRoot);
  const voters = syncVoters(world, slot, aggregate.syncCommitteeBits.getTrueBitIndexes());
  if (voters.length > 0)
    world.signatures.trustAggregate(
      publicKeysOf(world, voters),
      syncSigningRoot(world, slot - 1, parentRoot),
      aggregate.syncCommitteeSignature,
    );
  return aggregate;
}

/** Validators on these seats of the committee whose votes the block of `slot` carries. */
export function syncVoters(world: World, slot: Slot, seats: readonly number[]): ValidatorIndex[] {
  const committee = world.roster.syncCommittee(epochOf(world.spec, slot - 1));
  return seats.map((seat) => committee[seat] as ValidatorIndex);
}
