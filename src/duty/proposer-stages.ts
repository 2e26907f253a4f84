import { equalBytes, explain, type Hex } from "../base/index.ts";
import type { ConsensusValue } from "../consensus/index.ts";
import type { Proposal, ProposerDuty } from "../ports/index.ts";
import { dutyName, type GroupKey, type Root, type Slot } from "../spec/index.ts";
import { acceptableBlocks, type BlockTerms, feeRecipientOf, isSignableBlock } from "./accept.ts";
import { broadcast } from "./broadcast.ts";
import {
  blockRoot,
  decodeSignedProposal,
  encodeSignedProposal,
  proposalSigningRoot,
  signProposal,
  unsignedProposal,
} from "./codec/proposal.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { guard, type ToSign } from "./guard.ts";
import type { Inclusion } from "./inclusion.ts";
import type { Known } from "./known.ts";
import { KnownBySlot } from "./known-by-slot.ts";
import { canBeParent } from "./parent-view.ts";
import type { Registrations } from "./registrations.ts";
import { retry } from "./retry.ts";
import type { ProposerStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

/** "0x" and 20 bytes; a lock of an old version may name no fee recipient. */
const ADDRESS_CHARACTERS = 42;

export interface ProposerOptions {
  /** At most 32 bytes of text; the beacon node's own when left out. */
  readonly graffiti?: string;
  /** Whether blocks of builders are wanted; without, the beacon node is told to weigh their bids with nothing. */
  readonly builder: boolean;
  /** Whether a threshold of operators agreed that blocks of builders are wanted; never when left out. */
  readonly buildersAgreed?: (slot: Slot) => boolean | undefined;
}

export function createProposerStages(
  context: DutyContext,
  more: {
    readonly known: Known;
    readonly inclusion: Inclusion;
    readonly options: ProposerOptions;
    readonly registrations: Registrations;
  },
): ProposerStages {
  const { chain, clock, cluster, consensus, beacon, log, metrics } = context;
  /** What our own beacon node's blocks are built on, and whom they pay. */
  const ofOurs = new KnownBySlot<{ readonly parentRoot: Root; readonly paid: Hex | undefined }>();
  const builders = (slot: Slot): boolean =>
    more.options.builder || more.options.buildersAgreed?.(slot) === true;
  const fromLock = new Map(
    context.cluster.validators.map(({ groupKey, feeRecipient }) => [groupKey, feeRecipient]),
  );
  // Operators can change whom the builder registration pays without a new lock.
  const wanted = (groupKey: GroupKey): readonly Hex[] =>
    [fromLock.get(groupKey), more.registrations.feeRecipientOf(groupKey)].flatMap((address) =>
      address === undefined || address.length !== ADDRESS_CHARACTERS ? [] : [address.toLowerCase() as Hex],
    );

  return {
    async fetch(duty, signal) {
      const set = new Map<GroupKey, Proposal>();
      for (const groupKey of duty.validators.keys()) {
        const randaoReveal = await more.known.randaos
          .wait(duty.id.slot, groupKey, signal)
          .catch((error: unknown) => {
            duty.record.blame("no-randao");
            throw error;
          });
        const proposal = await retry(
          clock,
          signal,
          () =>
            produce(
              context,
              duty.id.slot,
              { ...more.options, randaoReveal, builders: builders(duty.id.slot) },
              signal,
            ),
          (error, attempts) => {
            duty.record.blame("beacon-node-down");
            if (attempts === 1)
              log.warn("Block not fetched, trying again", { duty: dutyName(duty.id), why: explain(error) });
          },
        );
        const paid = feeRecipientOf(proposal);
        ofOurs.set(duty.id.slot, groupKey, { parentRoot: proposal.block.parentRoot, paid });
        checkFeeRecipient(context, duty, groupKey, { proposal, paid, wanted: wanted(groupKey) });
        set.set(groupKey, proposal);
      }
      ofOurs.forgetBefore(duty.id.slot - chain.slotsPerEpoch);
      duty.record.absolve("beacon-node-down");
      metrics.stage(duty.id, "fetched");
      duty.record.note("fetched", { blinded: [...set.values()].some(({ blinded }) => blinded) });
      return encodeUnsignedSet("proposer", set);
    },

    async agree(duty, proposal, signal) {
      const { slot } = duty.id;
      const terms = (groupKey: GroupKey): BlockTerms => {
        const paid = ofOurs.known(slot, groupKey)?.paid;
        return {
          randaoReveal: more.known.randaos.known(slot, groupKey),
          // Where every beacon node pays another address than the lock's, the block is not lost: ours pays it too.
          feeRecipients: [...wanted(groupKey), ...(paid === undefined ? [] : [paid])],
          builders: builders(slot),
        };
      };
      const refuse = (why: string): false => {
        log.warn("A proposed value is not acceptable", { duty: dutyName(duty.id), why });
        return false;
      };
      const hasOurParent = ({ block }: Proposal): boolean =>
        [...duty.validators.keys()].some((groupKey) => {
          const own = ofOurs.known(slot, groupKey);
          return own !== undefined && equalBytes(own.parentRoot, block.parentRoot);
        });
      const acceptable = (value: ConsensusValue, ofRound: number): boolean | Promise<boolean> => {
        const blocks = acceptableBlocks(chain, duty.id, duty.validators, terms, value);
        if (blocks === undefined) return refuse("not the block of this slot on the cluster's terms");
        // Once every operator has led in vain, beacon nodes see different chains, and any block is better than none.
        const strange = ofRound > cluster.operators.length ? [] : blocks.filter((one) => !hasOurParent(one));
        if (strange.length === 0) return true;
        return Promise.all(
          strange.map(({ block }) => canBeParent(context, slot, block.parentRoot, signal)),
        ).then((known) => known.every(Boolean) || refuse("our beacon node would not build on its parent"));
      };
      const { value, round } = await consensus.agree(duty.id, { proposal, acceptable }, signal);
      metrics.stage(duty.id, "decided");
      duty.record.note("decided", { round });
      return ours(context, duty, decodeUnsignedSet("proposer", value));
    },

    guard: (duty, decided, signal) =>
      guard(
        context,
        duty,
        decided,
        ({ value: { block }, root }) => ({ kind: "block", slot: block.slot, signingRoot: root }),
        signal,
      ),

    offer: (duty, admitted, signal) =>
      signAndOffer(
        context,
        duty,
        admitted,
        ({ value }, signature) => encodeSignedProposal(signProposal(value, signature)),
        signal,
      ),

    collect: (duty, signal) => collect(context, duty, signal),

    async broadcast(duty, signed, signal) {
      await Promise.all(
        signed.map(async ({ groupKey, data, signature }) => {
          if (!duty.validators.has(groupKey)) return;
          const proposal = unsignedProposal(decodeSignedProposal(data));
          const publish = (): Promise<void> => beacon.publishBlock(signProposal(proposal, signature), signal);
          more.inclusion.expectBlock(duty.record, groupKey, blockRoot(proposal));
          await broadcast(context, duty, [groupKey], publish, signal);
        }),
      );
    },
  };
}

async function produce(
  { beacon, chain }: DutyContext,
  slot: Slot,
  {
    randaoReveal,
    graffiti,
    builder,
    builders,
  }: ProposerOptions & { readonly randaoReveal: Uint8Array; readonly builders: boolean },
  signal: AbortSignal,
): Promise<Proposal> {
  const proposal = await beacon.produceBlock(
    slot,
    {
      randaoReveal,
      ...(graffiti === undefined ? {} : { graffiti: graffitiBytes(graffiti) }),
      ...(builder ? {} : { builderBoostFactor: 0n }),
    },
    signal,
  );
  const fits = isSignableBlock(chain, slot, proposal);
  if (!fits || !equalBytes(proposal.block.body.randaoReveal, randaoReveal))
    throw new Error("the beacon node's block is not for this slot and randao");
  if (proposal.blinded && !builders)
    throw new Error("the beacon node has a builder's block, and no builder is wanted");
  return proposal;
}

/** 32 bytes, cut at a whole character and filled with zeros. */
function graffitiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(32);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

/** Says so when our own beacon node would pay somebody else: it was told whom to pay. */
function checkFeeRecipient(
  { log, metrics }: DutyContext,
  duty: SlotDuty<ProposerDuty>,
  groupKey: GroupKey,
  {
    proposal,
    paid,
    wanted,
  }: { readonly proposal: Proposal; readonly paid: Hex | undefined; readonly wanted: readonly Hex[] },
): void {
  const good = paid === undefined || wanted.length === 0 || wanted.includes(paid);
  metrics.proposal(proposal.blinded, good);
  if (good) return;
  log.warn("Block pays another fee recipient than the cluster's; check the beacon node", {
    duty: dutyName(duty.id),
    validator: groupKey,
    wanted: wanted.join(" "),
    found: paid,
  });
}

/** The part of a decision that our share may sign. Roots are made from the decided bytes alone (S2). */
function ours(
  { chain, log }: DutyContext,
  duty: SlotDuty<ProposerDuty>,
  decided: ReadonlyMap<GroupKey, Proposal>,
): readonly ToSign<Proposal>[] {
  return [...duty.validators.keys()].flatMap((groupKey) => {
    const value = decided.get(groupKey);
    if (value === undefined) {
      duty.record.blame("left-out", [groupKey]);
      return [];
    }
    if (!isSignableBlock(chain, duty.id.slot, value)) {
      duty.record.blame("bad-proposal", [groupKey]);
      log.error("A block was decided that is not one for its slot", { duty: dutyName(duty.id) });
      return [];
    }
    return [{ groupKey, value, root: proposalSigningRoot(chain, value) }];
  });
}
