import type { SignatureSet } from "../crypto/index.ts";
import {
  domainAt,
  epochOf,
  isAggregator,
  signingRoot,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { attestationSigningRoot, dataProblem, markLive } from "./accept-attestations.ts";
import type { ValidatorState } from "./validators.ts";
import { ACCEPTED, type Outcome, publicKeysOf, refused, type World } from "./world.ts";

export type SignedAggregate = ReturnType<typeof ssz.fulu.SignedAggregateAndProof.defaultValue>;

const WHAT = "aggregate";
/** Takes signed aggregates. @spec electra/p2p-interface.md#beacon_aggregate_and_proof */
export async function acceptAggregates(
  world: World,
  aggregates: readonly SignedAggregate[],
  at: UnixMs,
): Promise<Outcome[]> {
  const senders = aggregates.map(({ message }) => world.validators.get(message.aggregatorIndex));
  const sets = aggregates.flatMap((signed, i) => {
    const sender = senders[i];
    return sender === undefined ? [] : outerSets(world, sender, signed);
  });
  const right = (await world.signatures.each(sets)).values();
  const outcomes: Outcome[] = [];
  for (const [i, signed] of aggregates.entries()) {
    const sender = senders[i];
    if (sender === undefined) {
      outcomes.push(refused(world, WHAT, "unknown validator", at));
      continue;
    }
    const proofRight = right.next().value === true;
    const outerRight = right.next().value === true;
    outcomes.push(
      !proofRight
        ? refused(world, WHAT, "wrong selection proof", at, sender.index)
        : !outerRight
          ? refused(world, WHAT, "wrong signature", at, sender.index)
          : await acceptAggregate(world, sender, signed, at),
    );
  }
  return outcomes;
}

/** Selection proof and signature around the aggregate. */
function outerSets(world: World, sender: ValidatorState, signed: SignedAggregate): SignatureSet[] {
  const { message } = signed;
  const epoch = epochOf(world.spec, message.aggregate.data.slot);
  return [
    {
      publicKey: sender.pubkey,
      root: signingRoot(
        ssz.Slot.hashTreeRoot(message.aggregate.data.slot),
        domainAt(world.spec, "selectionProof", epoch),
      ),
      signature: message.selectionProof,
    },
    {
      publicKey: sender.pubkey,
      root: signingRoot(
        ssz.fulu.AggregateAndProof.hashTreeRoot(message),
        domainAt(world.spec, "aggregateAndProof", epoch),
      ),
      signature: signed.signature,
    },
  ];
}

async function acceptAggregate(
  world: World,
  sender: ValidatorState,
  { message }: SignedAggregate,
  at: UnixMs,
): Promise<Outcome> {
  const no = (reason: string): Outcome => refused(world, WHAT, reason, at, sender.index);
  const { aggregate, selectionProof } = message;
  const { data } = aggregate;
  const problem = dataProblem(world, data, at);
  if (problem !== undefined) return no(problem);
  const committees = aggregate.committeeBits.getTrueBitIndexes();
  const index = committees[0];
  if (index === undefined || committees.length !== 1) return no("not exactly one committee bit");
  const members = world.roster.committee(data.slot, index);
  if (members === undefined) return no("no such committee");
  if (aggregate.aggregationBits.bitLen !== members.length) return no("bits do not fit the committee");
  if (!members.includes(sender.index)) return no("validator is not in this committee");
  if (!isAggregator(members.length, selectionProof)) return no("validator is not selected to aggregate");
  const places = aggregate.aggregationBits.getTrueBitIndexes();
  if (places.length === 0) return no("no bit is set");
  const voters = places.map((place) => members[place] as ValidatorIndex);
  const root = attestationSigningRoot(world, data);
  if (!(await world.signatures.aggregate(publicKeysOf(world, voters), root, aggregate.signature)))
    return no("wrong aggregate signature");

  // An aggregate proves what each of its voters signed, so the judge hears of it too.
  for (const voter of voters) world.judge.vote(world.validators.all[voter] as ValidatorState, data, at);
  if (world.attestations.add(data, { index, members }, places, aggregate.signature))
    for (const voter of voters) {
      markLive(world, data.target.epoch, voter);
      world.ledger.receive(data.slot, "attester", voter, at);
    }
  if (!world.ledger.receive(data.slot, "aggregator", sender.index, at)) world.refusals.duplicates++;
  return ACCEPTED;
}
