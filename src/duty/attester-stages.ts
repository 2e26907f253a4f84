import type { ConsensusValue } from "../consensus/index.ts";
import type { AttesterDuty } from "../ports/index.ts";
import {
  type ChainSpec,
  dutyName,
  forkAt,
  type GroupKey,
  isForkPostElectra,
  type phase0,
  type SingleAttestation,
  type Slot,
} from "../spec/index.ts";
import { acceptableVotes, isSignableVote } from "./accept.ts";
import { broadcast } from "./broadcast.ts";
import {
  attestationSigningRoot,
  decodeSignedAttestation,
  encodeSignedAttestation,
  singleVote,
  type UnsignedAttestation,
} from "./codec/attestation.ts";
import { forkNumber, forkOfNumber, type WireFork } from "./codec/envelope.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";
import { collect, type GroupSigned } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import { guard, type ToSign } from "./guard.ts";
import type { Inclusion } from "./inclusion.ts";
import type { Known } from "./known.ts";
import type { AttesterStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";
import { VoteView } from "./vote-view.ts";

type AttesterSlot = SlotDuty<AttesterDuty>;

/**
 * @param more.voteTime - Settles when the vote of a slot should be fetched: its block has come, or the vote is due.
 */
export function createAttesterStages(
  context: DutyContext,
  more: {
    readonly voteTime: (slot: Slot, signal: AbortSignal) => Promise<void>;
    readonly inclusion: Inclusion;
    readonly known: Known;
    /** Whether a validator is known to vote in another slot of this slot's epoch. */
    readonly votesElsewhere: (slot: Slot, groupKey: GroupKey) => boolean;
    /** A validator's vote in this slot, as far as known now: a reorganisation may have given it another committee. */
    readonly voteIn: (slot: Slot, groupKey: GroupKey) => AttesterDuty | undefined;
  },
): AttesterStages {
  const { chain, cluster, consensus, beacon, log, metrics } = context;
  const elsewhereThan = (slot: Slot) => (groupKey: GroupKey) => more.votesElsewhere(slot, groupKey);
  const view = new VoteView(context);
  const wireFork = (slot: Slot): WireFork => forkOfNumber(forkNumber(forkAt(chain, slot)));

  return {
    async fetch(duty, signal) {
      await more.voteTime(duty.id.slot, signal);
      const ask = () => fetchVotes(context, duty, signal);
      const set = await fetching(context, duty, "Vote data", ask, signal);
      for (const { data } of set.values()) view.saw(data);
      // Nobody who knows of a reorganisation votes for a value with a validator that it has moved to another slot.
      const here = [...set].filter(([groupKey]) => !more.votesElsewhere(duty.id.slot, groupKey));
      if (here.length === 0) throw new Error("all validators of the duty vote in other slots by now");
      return encodeUnsignedSet("attester", new Map(here));
    },

    async agree(duty, proposal, signal) {
      const refuse = (why: string): false => {
        log.warn("A proposed value is not acceptable", { duty: dutyName(duty.id), why });
        return false;
      };
      const acceptable = (value: ConsensusValue, round: number): boolean | Promise<boolean> => {
        const complete = round <= cluster.operators.length;
        const elsewhere = elsewhereThan(duty.id.slot);
        const votes = acceptableVotes(chain, duty.id, duty.validators, value, { complete, elsewhere });
        if (votes === undefined) return refuse("not the votes of this slot");
        const fits = view.bears(
          duty.id.slot,
          Math.min(...[...duty.validators.values()].map((own) => committeeAsked(chain, own))),
          votes.map(({ data }) => data),
          signal,
        );
        const say = (good: boolean): boolean =>
          good || refuse("our beacon node says another source or target");
        return typeof fits === "boolean" ? say(fits) : fits.then(say);
      };
      const { value, round } = await consensus.agree(duty.id, { proposal, acceptable }, signal);
      metrics.stage(duty.id, "decided");
      duty.record.note("decided", { round });
      const decided = decodeUnsignedSet("attester", value);
      for (const [groupKey, { data }] of decided) more.known.votes.set(duty.id.slot, groupKey, data);
      return ours(context, duty, decided, elsewhereThan(duty.id.slot));
    },

    async guard(duty, decided, signal) {
      const admitted = await guard(
        context,
        duty,
        decided,
        ({ value: { data }, root }) => ({
          kind: "attestation",
          source: data.source.epoch,
          target: data.target.epoch,
          signingRoot: root,
        }),
        signal,
      );
      for (const { value } of admitted) view.signed(value.data);
      return admitted;
    },

    offer: (duty, admitted, signal) =>
      signAndOffer(
        context,
        duty,
        admitted,
        ({ value }, signature) =>
          encodeSignedAttestation(singleVote(wireFork(duty.id.slot), value, signature)),
        signal,
      ),

    collect: (duty, signal) => collect(context, duty, signal),

    async broadcast(duty, signed, signal) {
      const fork = wireFork(duty.id.slot);
      const voteIn = (groupKey: GroupKey): AttesterDuty | undefined =>
        more.voteIn(duty.id.slot, groupKey) ?? duty.validators.get(groupKey);
      const votes = signed.flatMap((item) => groupVote(voteIn(item.groupKey), item) ?? []);
      const groupKeys = votes.map(({ groupKey }) => groupKey);
      const attestations = votes.map(({ attestation }) => attestation);
      const publish = (): Promise<void> => beacon.publishAttestations(fork, attestations, signal);
      for (const { groupKey, attestation, attesterDuty } of votes)
        more.inclusion.expectVote(duty.record, groupKey, attesterDuty, attestation.data);
      await broadcast(context, duty, groupKeys, publish, signal);
    },
  };
}

/** What to ask for so as to vote for `own`: from Electra on one answer serves every committee of the slot. */
function committeeAsked(chain: ChainSpec, own: AttesterDuty): number {
  return isForkPostElectra(forkAt(chain, own.slot)) ? 0 : own.committeeIndex;
}

async function fetchVotes(
  { beacon, chain }: DutyContext,
  duty: AttesterSlot,
  signal: AbortSignal,
): Promise<ReadonlyMap<GroupKey, UnsignedAttestation>> {
  const committees = new Set([...duty.validators.values()].map((own) => committeeAsked(chain, own)));
  const answers = await Promise.all(
    [...committees].map(async (i) => [i, await beacon.attestationData(duty.id.slot, i, signal)] as const),
  );
  const dataOf = new Map<number, phase0.AttestationData>(answers);
  const set = new Map<GroupKey, UnsignedAttestation>();
  for (const [groupKey, own] of duty.validators) {
    const data = dataOf.get(committeeAsked(chain, own));
    if (data === undefined || !isSignableVote(chain, duty.id.slot, { data, duty: own }))
      throw new Error("the beacon node's vote data is not for this slot");
    set.set(groupKey, { data, duty: own });
  }
  return set;
}

/** The part of a decision that our share may sign. Roots are made from the decided bytes alone (S2). */
function ours(
  { chain, publicShares, log }: DutyContext,
  duty: AttesterSlot,
  decided: ReadonlyMap<GroupKey, UnsignedAttestation>,
  elsewhere: (groupKey: GroupKey) => boolean,
): readonly ToSign<UnsignedAttestation>[] {
  duty.record.blame(
    "left-out",
    [...duty.validators.keys()].filter((key) => !decided.has(key)),
  );
  return [...decided].flatMap(([groupKey, value]) => {
    if (!publicShares.has(groupKey)) return [];
    if (elsewhere(groupKey)) {
      log.warn(
        "A vote was decided for a validator that votes in another slot of the epoch; it is not signed",
        {
          duty: dutyName(duty.id),
          validator: groupKey,
        },
      );
      return [];
    }
    if (!isSignableVote(chain, duty.id.slot, value)) {
      duty.record.blame("bad-proposal", [groupKey]);
      log.error("A vote was decided that is not one for its slot", {
        duty: dutyName(duty.id),
        validator: groupKey,
      });
      return [];
    }
    return [{ groupKey, value, root: attestationSigningRoot(chain, value.data) }];
  });
}

/** A group signature as the vote of one validator, the way beacon nodes take it. Undefined for a validator without the duty. */
function groupVote(
  attesterDuty: AttesterDuty | undefined,
  { groupKey, data, signature }: GroupSigned,
): { groupKey: GroupKey; attesterDuty: AttesterDuty; attestation: SingleAttestation } | undefined {
  if (attesterDuty === undefined) return undefined;
  const { fork, attestation } = decodeSignedAttestation(data);
  if (!isForkPostElectra(fork))
    return { groupKey, attesterDuty, attestation: { ...(attestation as phase0.Attestation), signature } };
  // Committee and index are not covered by the signature, so they come from what we know and not from a peer.
  const single = {
    committeeIndex: attesterDuty.committeeIndex,
    attesterIndex: attesterDuty.validatorIndex,
    data: attestation.data,
    signature,
  };
  return { groupKey, attesterDuty, attestation: single };
}
