import { equalBytes, toHex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import type { Aggregate, AttesterDuty } from "../ports/index.ts";
import {
  dutyName,
  type electra,
  forkAt,
  type GroupKey,
  isAggregator,
  type Root,
  type Slot,
  ssz,
} from "../spec/index.ts";
import { acceptableAggregates, decodeOrNothing } from "./accept.ts";
import { broadcastAndFinish } from "./broadcast.ts";
import { forkNumber, forkOfNumber, type WireFork } from "./codec/envelope.ts";
import { type SignedAggregateVersioned, signedCodecs } from "./codec/kinds.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import type { Known } from "./known.ts";
import type { AgreedStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

type AggregatorSlot = SlotDuty<AttesterDuty>;

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
  const { chain, cluster, consensus, beacon, log, metrics } = context;
  const wireFork = (slot: Slot): WireFork => forkOfNumber(forkNumber(forkAt(chain, slot)));

  async function fetchAggregates(
    duty: AggregatorSlot,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<GroupKey, Aggregate>> {
    const { slot } = duty.id;
    const fetched = new Map<string, Promise<Aggregate>>();
    const entries = [...duty.validators].map(async ([groupKey, { committeeIndex }]) => {
      const vote = await known.votes.wait(slot, groupKey, signal);
      const root: Root = ssz.phase0.AttestationData.hashTreeRoot(vote);
      const name = `${committeeIndex}/${toHex(root)}`;
      const asked = fetched.get(name) ?? beacon.aggregate(slot, root, committeeIndex, signal);
      fetched.set(name, asked);
      return [groupKey, await asked] as const;
    });
    return new Map(await Promise.all(entries));
  }

  /** Whether it is an aggregate of the validator's own committee, over the vote that was decided where we know it. */
  function fits(duty: AggregatorSlot, groupKey: GroupKey, { fork, value }: Aggregate): boolean {
    const own = duty.validators.get(groupKey);
    const vote = known.votes.known(duty.id.slot, groupKey);
    const committees = (value as electra.Attestation).committeeBits?.getTrueBitIndexes();
    return (
      own !== undefined &&
      fork === wireFork(duty.id.slot) &&
      value.data.slot === duty.id.slot &&
      (committees === undefined
        ? value.data.index === own.committeeIndex
        : committees.length === 1 && committees[0] === own.committeeIndex) &&
      (vote === undefined ||
        equalBytes(
          ssz.phase0.AttestationData.hashTreeRoot(vote),
          ssz.phase0.AttestationData.hashTreeRoot(value.data),
        ))
    );
  }

  return {
    async fetch(duty, signal) {
      const ask = () => fetchAggregates(duty, signal);
      const set = await fetching(context, duty, "Aggregate", ask, signal);
      const encoded = [...set].map(
        ([groupKey, { fork, value }]) => [groupKey, { fork: fork as WireFork, value }] as const,
      );
      return encodeUnsignedSet("aggregator", new Map(encoded));
    },

    async agree(duty, proposal, signal) {
      const acceptable = (value: ConsensusValue, round: number): boolean => {
        const set = decodeOrNothing("aggregator", value);
        const complete = round <= cluster.operators.length;
        const fit = (key: GroupKey, aggregate: Aggregate): boolean => fits(duty, key, aggregate);
        const good = set !== undefined && acceptableAggregates(duty.validators, set, fit, { complete });
        if (!good) log.warn("A proposed value is not acceptable", { duty: dutyName(duty.id) });
        return good;
      };
      const { value, round } = await consensus.agree(duty.id, { proposal, acceptable }, signal);
      metrics.stage(duty.id, "decided");
      duty.record.note("decided", { round });
      const decided = decodeUnsignedSet("aggregator", value);
      return [...duty.validators].flatMap(([groupKey, { validatorIndex }]) => {
        const aggregate = decided.get(groupKey);
        const selectionProof = known.selections.known(duty.id.slot, groupKey);
        if (aggregate === undefined || selectionProof === undefined) {
          duty.record.blame("left-out", [groupKey]);
          return [];
        }
        if (!fits(duty, groupKey, aggregate)) {
          duty.record.blame("bad-proposal", [groupKey]);
          return [];
        }
        const message = { aggregatorIndex: validatorIndex, aggregate: aggregate.value, selectionProof };
        const unsigned = { fork: aggregate.fork, value: { message, signature: NO_SIGNATURE } };
        const signable = unsigned as SignedAggregateVersioned;
        const root = signedCodecs.aggregator.signingRoot(signable, chain) as Root;
        return [{ groupKey, root, value: signable }];
      });
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

const NO_SIGNATURE = new Uint8Array(96);

function withSignature(
  { fork, value }: SignedAggregateVersioned,
  signature: Uint8Array,
): SignedAggregateVersioned {
  return { fork, value: { ...value, signature } };
}
