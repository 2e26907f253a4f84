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
import { acceptSigned } from "./accept-signed.ts";
import type { ValidatorState } from "./validators.ts";
import { ACCEPTED, type Outcome, publicKeysOf, refused, type World } from "./world.ts";

export type SignedAggregate = ReturnType<typeof ssz.fulu.SignedAggregateAndProof.defaultValue>;

const WHAT = "aggregate";

/** Takes signed aggregates. @spec electra/p2p-interface.md#beacon_aggregate_and_proof */
export function acceptAggregates(
  world: World,
  aggregates: readonly SignedAggregate[],
  at: UnixMs,
): Promise<Outcome[]> {
  return acceptSigned(world, aggregates, at, {
    what: WHAT,
    senderOf: ({ message }) => message.aggregatorIndex,
    signaturesOf({ message, signature }) {
      const { slot } = message.aggregate.data;
      const epoch = epochOf(world.spec, slot);
      const selected = signingRoot(
        ssz.Slot.hashTreeRoot(slot),
        domainAt(world.spec, "selectionProof", epoch),
      );
      const root = signingRoot(
        ssz.fulu.AggregateAndProof.hashTreeRoot(message),
        domainAt(world.spec, "aggregateAndProof", epoch),
      );
      return [
        { root: selected, signature: message.selectionProof, wrong: "wrong selection proof" },
        { root, signature, wrong: "wrong signature" },
      ];
    },
    take: (sender, signed) => acceptAggregate(world, sender, signed, at),
  });
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
