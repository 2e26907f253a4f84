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
import { agree, allHaveLed, type Opinion, refuse } from "./agree.ts";
import { broadcast } from "./broadcast.ts";
import {
  attestationSigningRoot,
  decodeSignedAttestation,
  encodeSignedAttestation,
  singleVote,
  type UnsignedAttestation,
} from "./codec/attestation.ts";
import { encodeUnsignedSet } from "./codec/sets.ts";
import { collect, type GroupSigned } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import type { DutyTable } from "./duty-table.ts";
import { fetching } from "./fetching.ts";
import { guard, type ToSign } from "./guard.ts";
import type { Inclusion } from "./inclusion.ts";
import type { Known } from "./known.ts";
import type { AttesterStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";
import { VoteView } from "./vote-view.ts";

type AttesterSlot = SlotDuty<AttesterDuty>;

interface AttesterContext {
  /** Settles when the vote of a slot should be fetched: its block has come, or the vote is due. */
  readonly voteTime: (slot: Slot, signal: AbortSignal) => Promise<void>;
  readonly inclusion: Inclusion;
  readonly known: Known;
  readonly duties: Pick<DutyTable, "attestersAt" | "votesElsewhere">;
}

export function createAttesterStages(
  context: DutyContext,
  { voteTime, inclusion, known, duties }: AttesterContext,
): AttesterStages {
  const { chain, beacon } = context;
  const view = new VoteView(context);

  return {
    async fetch(duty, signal) {
      const { slot } = duty.id;
      await voteTime(slot, signal);
      const set = await fetching(context, duty, "Vote data", () => fetchVotes(context, duty, signal), signal);
      for (const { data } of set.values()) view.saw(data);
      // Nobody who knows of a reorganisation votes for a value with a validator that it has moved to another slot.
      const here = [...set].filter(([groupKey]) => !duties.votesElsewhere(slot, groupKey));
      if (here.length === 0) throw new Error("all validators of the duty vote in other slots by now");
      return encodeUnsignedSet("attester", new Map(here));
    },

    async agree(duty, proposal, signal) {
      const { slot } = duty.id;
      const elsewhere = (groupKey: GroupKey): boolean => duties.votesElsewhere(slot, groupKey);
      const acceptable = opinion(context, duty, { view, elsewhere }, signal);
      const decided = await agree(context, "attester", duty, { proposal, acceptable }, signal);
      for (const [groupKey, { data }] of decided) known.votes.set(slot, groupKey, data);
      return ours(context, duty, decided, elsewhere);
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
          encodeSignedAttestation(singleVote(forkAt(chain, duty.id.slot), value, signature)),
        signal,
      ),

    collect: (duty, signal) => collect(context, duty, signal),

    async broadcast(duty, signed, signal) {
      const { slot } = duty.id;
      // A reorganisation may have given a validator another committee since the duty began.
      const ownDuty = (groupKey: GroupKey): AttesterDuty | undefined =>
        duties.attestersAt(slot).get(groupKey) ?? duty.validators.get(groupKey);
      const votes = signed.flatMap((item) => groupVote(ownDuty(item.groupKey), item) ?? []);
      const groupKeys = votes.map(({ groupKey }) => groupKey);
      const attestations = votes.map(({ attestation }) => attestation);
      const publish = (): Promise<void> =>
        beacon.publishAttestations(forkAt(chain, slot), attestations, signal);
      for (const { groupKey, attestation, attesterDuty } of votes)
        inclusion.expectVote(duty.record, groupKey, attesterDuty, attestation.data);
      await broadcast(context, duty, groupKeys, publish, signal);
    },
  };
}

/** What we think of the votes that somebody proposes for a slot (docs/adr/0081). */
function opinion(
  context: DutyContext,
  duty: AttesterSlot,
  { view, elsewhere }: { readonly view: VoteView; readonly elsewhere: (groupKey: GroupKey) => boolean },
  signal: AbortSignal,
): Opinion {
  const { chain } = context;
  return (value, round) => {
    const complete = !allHaveLed(context, round);
    const votes = acceptableVotes(chain, duty.id, duty.validators, value, { complete, elsewhere });
    if (votes === undefined) return refuse(context, duty, "not the votes of this slot");
    const committees = [...duty.validators.values()].map((own) => committeeAsked(chain, own));
    const data = votes.map((vote) => vote.data);
    const bears = view.bears(duty.id.slot, Math.min(...committees), data, signal);
    const say = (good: boolean): boolean =>
      good || refuse(context, duty, "our beacon node says another source or target");
    return typeof bears === "boolean" ? say(bears) : bears.then(say);
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
