import {
  domainAt,
  type electra,
  epochOf,
  firstSlotOf,
  signingRoot,
  slotAt,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { acceptSigned } from "./accept-signed.ts";
import type { AttestationData } from "./attestation-pool.ts";
import { bitlist, committeeBits } from "./bits.ts";
import type { ValidatorState } from "./validators.ts";
import {
  ACCEPTED,
  isFuture,
  isTooOld,
  type Outcome,
  refused,
  sameRoot,
  targetOf,
  type World,
} from "./world.ts";

const WHAT = "attestation";

export function attestationSigningRoot(world: World, data: AttestationData): Uint8Array {
  return signingRoot(
    ssz.phase0.AttestationData.hashTreeRoot(data),
    domainAt(world.spec, "attester", data.target.epoch),
  );
}

/**
 * Takes votes of single validators. Signatures come first: whatever is rightly signed goes before the judge, also when it
 * is refused afterwards.
 *
 * @returns One outcome per vote, in order.
 * @spec electra/p2p-interface.md#beacon_attestation_subnet_id
 */
export function acceptAttestations(
  world: World,
  attestations: readonly electra.SingleAttestation[],
  at: UnixMs,
): Promise<Outcome[]> {
  return acceptSigned(world, attestations, at, {
    what: WHAT,
    senderOf: ({ attesterIndex }) => attesterIndex,
    signaturesOf: ({ data, signature }) => [
      { root: attestationSigningRoot(world, data), signature, wrong: "wrong signature" },
    ],
    take(voter, attestation) {
      world.judge.vote(voter, attestation.data, at);
      return acceptVote(world, voter, attestation, at);
    },
  });
}

function acceptVote(
  world: World,
  voter: ValidatorState,
  attestation: electra.SingleAttestation,
  at: UnixMs,
): Outcome {
  const { data, committeeIndex, signature } = attestation;
  const no = (reason: string): Outcome => refused(world, WHAT, reason, at, voter.index);
  const problem = dataProblem(world, data, at);
  if (problem !== undefined) return no(problem);
  const members = world.roster.committee(data.slot, committeeIndex);
  if (members === undefined) return no("no such committee");
  const place = members.indexOf(voter.index);
  if (place < 0) return no("validator is not in this committee");
  if (world.attestations.has(data, committeeIndex, place)) {
    world.refusals.duplicates++;
    return ACCEPTED;
  }
  if (hasVoted(world, voter.index, data.target.epoch))
    return no("validator has voted otherwise in this epoch");
  world.attestations.add(data, { index: committeeIndex, members }, [place], signature);
  countVote(world, voter, data, at);
  world.events.publish("single_attestation", () => ssz.electra.SingleAttestation.toJson(attestation));
  world.events.publish("attestation", () =>
    ssz.fulu.Attestation.toJson({
      aggregationBits: bitlist(members.length, [place]),
      data,
      signature,
      committeeBits: committeeBits([committeeIndex]),
    }),
  );
  return ACCEPTED;
}

/**
 * Why the chain does not take votes for `data`; undefined when it does.
 *
 * @spec phase0/p2p-interface.md#beacon_attestation_subnet_id, phase0/fork-choice.md#validate_on_attestation
 */
export function dataProblem(world: World, data: AttestationData, at: UnixMs): string | undefined {
  if (data.index !== 0) return "data index is not 0";
  if (isFuture(world, data.slot, at)) return "slot is in the future";
  if (isTooOld(world, data.slot, at)) return "slot is too long ago";
  const epoch = epochOf(world.spec, data.slot);
  if (data.target.epoch !== epoch) return "target epoch is not the epoch of the slot";
  const head = world.tree.get(`0x${Buffer.from(data.beaconBlockRoot).toString("hex")}`);
  if (head === undefined) return "head block is unknown";
  if (head.slot > data.slot) return "head block is newer than the slot";
  if (!sameRoot(data.target.root, targetOf(world, epoch, head).root))
    return "target is not on the chain of the head block";
  const source = world.checkpoints.during(epoch)?.currentJustified;
  if (source === undefined || data.source.epoch !== source.epoch || !sameRoot(data.source.root, source.root))
    return "source is not the justified checkpoint";
  return undefined;
}

function hasVoted(world: World, voter: ValidatorIndex, epoch: number): boolean {
  return world.live.get(epoch)?.has(voter) === true;
}

function countVote(world: World, voter: ValidatorState, data: AttestationData, at: UnixMs): void {
  markLive(world, data.target.epoch, voter.index);
  if (!voter.watched) return;
  world.ledger.receive(data.slot, "attester", voter.index, at);
  const cast = { validator: voter.index, data };
  const votes = world.castVotes.get(data.slot);
  if (votes === undefined) world.castVotes.set(data.slot, [cast]);
  else votes.push(cast);
  if (data.slot < slotAt(world.spec, at)) compareWithChain(world, cast);
}

export function markLive(world: World, epoch: number, voter: ValidatorIndex): void {
  let live = world.live.get(epoch);
  if (live === undefined) world.live.set(epoch, (live = new Set()));
  live.add(voter);
}

/** Holds a vote against the chain as it was when the slot ended. */
export function compareWithChain(
  world: World,
  { validator, data }: { readonly validator: ValidatorIndex; readonly data: AttestationData },
): void {
  if (!sameRoot(data.beaconBlockRoot, world.tree.upTo(data.slot).root))
    world.ledger.fault(data.slot, "attester", validator, "wrong head");
  const target = world.tree.upTo(firstSlotOf(world.spec, data.target.epoch));
  if (!sameRoot(data.target.root, target.root))
    world.ledger.fault(data.slot, "attester", validator, "wrong target");
}
