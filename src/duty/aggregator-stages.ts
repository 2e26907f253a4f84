import { equalBytes, toHex } from "../base/index.ts";
import type { Aggregate, AttesterDuty } from "../ports/index.ts";
import {
  type electra,
  forkAt,
  type GroupKey,
  isAggregator,
  type phase0,
  type Root,
  type Slot,
  ssz,
} from "../spec/index.ts";
import { acceptableAggregates, decodeOrNothing } from "./accept.ts";
import { agree, allHaveLed, type Opinion, refuse } from "./agree.ts";
import { broadcastAndFinish } from "./broadcast.ts";
import type { WireFork } from "./codec/envelope.ts";
import { type SignedAggregateVersioned, signedCodecs, type UnsignedDataOf } from "./codec/kinds.ts";
import { encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import type { ToSign } from "./guard.ts";
import type { Known } from "./known.ts";
import type { AgreedStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

type AggregatorSlot = SlotDuty<AttesterDuty>;
type WireAggregate = UnsignedDataOf["aggregator"];
/** Whether an aggregate is right for one of ours. */
type Fit = (groupKey: GroupKey, aggregate: Aggregate) => boolean;

/** Those of a slot's attesters whom their selection proof makes aggregators, as far as the proofs are there. */
export function aggregatorsAmong(
  known: Known,
  slot: Slot,
  attesters: ReadonlyMap<GroupKey, AttesterDuty>,
): ReadonlyMap<GroupKey, AttesterDuty> {
  return new Map(
    [...attesters].filter(([groupKey, { committeeLength }]) => {
      const proof = known.selections.known(slot, groupKey);
      return proof !== undefined && isAggregator(committeeLength, proof);
    }),
  );
}

/** The aggregate of each committee in which one of ours aggregates. @spec phase0/validator.md#construct-aggregate */
export function createAggregatorStages(
  context: DutyContext,
  known: Known,
): AgreedStages<AttesterDuty, SignedAggregateVersioned> {
  const { beacon } = context;
  return {
    async fetch(duty, signal) {
      const ask = () => fetchAggregates(context, known, duty, signal);
      const set = await fetching(context, duty, "Aggregate", ask, signal);
      return encodeUnsignedSet("aggregator", set);
    },

    async agree(duty, proposal, signal) {
      const fit: Fit = (groupKey, aggregate) => fits(context, known, duty, groupKey, aggregate);
      const acceptable: Opinion = (value, round) => {
        const set = decodeOrNothing("aggregator", value);
        const complete = !allHaveLed(context, round);
        const good = set !== undefined && acceptableAggregates(duty.validators, set, fit, { complete });
        return good || refuse(context, duty, "not the aggregates of this slot");
      };
      const decided = await agree(context, "aggregator", duty, { proposal, acceptable }, signal);
      return ours(context, known, duty, decided, fit);
    },

    guard: (_duty, decided) => Promise.resolve(decided), // Nothing in it can be slashed.

    offer: (duty, admitted, signal) =>
      signAndOffer(
        context,
        duty,
        admitted,
        ({ value }, signature) => signedCodecs.aggregator.encode(withSignature(value, signature)),
        signal,
      ),

    collect: (duty, signal) => collect(context, duty, signal),

    async broadcast(duty, signed, signal) {
      const aggregates = signed
        .filter(({ groupKey }) => duty.validators.has(groupKey))
        .map(({ groupKey, data, signature }) => ({
          groupKey,
          aggregate: withSignature(signedCodecs.aggregator.decode(data), signature),
        }));
      const groupKeys = aggregates.map(({ groupKey }) => groupKey);
      const publish = (): Promise<void> =>
        beacon.publishAggregates(
          aggregates.map(({ aggregate }) => aggregate),
          signal,
        );
      await broadcastAndFinish(context, duty, groupKeys, publish, signal);
    },
  };
}

async function fetchAggregates(
  { beacon }: DutyContext,
  known: Known,
  duty: AggregatorSlot,
  signal: AbortSignal,
): Promise<ReadonlyMap<GroupKey, WireAggregate>> {
  const { slot } = duty.id;
  const fetched = new Map<string, Promise<Aggregate>>();
  const entries = [...duty.validators].map(async ([groupKey, { committeeIndex }]) => {
    const vote = await known.votes.wait(slot, groupKey, signal);
    const root: Root = ssz.phase0.AttestationData.hashTreeRoot(vote);
    const name = `${committeeIndex}/${toHex(root)}`;
    const asked = fetched.get(name) ?? beacon.aggregate(slot, root, committeeIndex, signal);
    fetched.set(name, asked);
    const { fork, value } = await asked;
    return [groupKey, { fork: fork as WireFork, value }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Whether it is an aggregate of the validator's own committee, over the vote that was decided where we know it. */
function fits(
  { chain }: DutyContext,
  known: Known,
  { id: { slot }, validators }: AggregatorSlot,
  groupKey: GroupKey,
  { fork, value }: Aggregate,
): boolean {
  const own = validators.get(groupKey);
  const vote = known.votes.known(slot, groupKey);
  const committees = (value as electra.Attestation).committeeBits?.getTrueBitIndexes() ?? [value.data.index];
  const root = (data: phase0.AttestationData): Root => ssz.phase0.AttestationData.hashTreeRoot(data);
  return (
    own !== undefined &&
    fork === forkAt(chain, slot) &&
    value.data.slot === slot &&
    committees.length === 1 &&
    committees[0] === own.committeeIndex &&
    (vote === undefined || equalBytes(root(vote), root(value.data)))
  );
}

/** The part of a decision that our share may sign, with the cluster's selection proof. */
function ours(
  { chain }: DutyContext,
  known: Known,
  duty: AggregatorSlot,
  decided: ReadonlyMap<GroupKey, WireAggregate>,
  fit: Fit,
): readonly ToSign<SignedAggregateVersioned>[] {
  return [...duty.validators].flatMap(([groupKey, { validatorIndex }]) => {
    const aggregate = decided.get(groupKey);
    const selectionProof = known.selections.known(duty.id.slot, groupKey);
    if (aggregate === undefined || selectionProof === undefined) {
      duty.record.blame("left-out", [groupKey]);
      return [];
    }
    if (!fit(groupKey, aggregate)) {
      duty.record.blame("bad-proposal", [groupKey]);
      return [];
    }
    const message = { aggregatorIndex: validatorIndex, aggregate: aggregate.value, selectionProof };
    const value = {
      fork: aggregate.fork,
      value: { message, signature: NO_SIGNATURE },
    } as SignedAggregateVersioned;
    const root = signedCodecs.aggregator.signingRoot(value, chain) as Root;
    return [{ groupKey, root, value }];
  });
}

const NO_SIGNATURE = new Uint8Array(96);

function withSignature(
  { fork, value }: SignedAggregateVersioned,
  signature: Uint8Array,
): SignedAggregateVersioned {
  return { fork, value: { ...value, signature } };
}
