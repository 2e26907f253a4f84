import { equalBytes, type Hex } from "../base/index.ts";
import type { Proposal, ProposerDuty } from "../ports/index.ts";
import { dutyName, type GroupKey, type Slot } from "../spec/index.ts";
import { acceptableBlocks, type BlockTerms, feeRecipientOf, isSignableBlock } from "./accept.ts";
import { agree, allHaveLed, type Opinion, refuse } from "./agree.ts";
import { BlockView } from "./block-view.ts";
import { broadcast } from "./broadcast.ts";
import {
  blockRoot,
  decodeSignedProposal,
  encodeSignedProposal,
  proposalSigningRoot,
  signProposal,
  unsignedProposal,
} from "./codec/proposal.ts";
import { encodeUnsignedSet } from "./codec/sets.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import { guard, type ToSign } from "./guard.ts";
import type { Inclusion } from "./inclusion.ts";
import type { Known } from "./known.ts";
import type { Registrations } from "./registrations.ts";
import type { ProposerStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";
import type { SlotDuty } from "./slot-duty.ts";

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
    readonly registrations: Registrations;
    readonly options: ProposerOptions;
  },
): ProposerStages {
  const { beacon } = context;
  const { known, options } = more;
  const builders = (slot: Slot): boolean => options.builder || options.buildersAgreed?.(slot) === true;
  const view = new BlockView(context, { ...more, builders });

  return {
    async fetch(duty, signal) {
      const ask = () => fetchBlocks(context, duty, { ...options, known, builders }, signal);
      const factsOf = (set: ReadonlyMap<GroupKey, Proposal>) => ({
        blinded: [...set.values()].some(({ blinded }) => blinded),
      });
      const set = await fetching(context, duty, "Block", ask, signal, factsOf);
      for (const [groupKey, proposal] of set) {
        view.saw(groupKey, proposal);
        checkFeeRecipient(context, duty, groupKey, proposal, view.wanted(groupKey));
      }
      return encodeUnsignedSet("proposer", set);
    },

    async agree(duty, proposal, signal) {
      const acceptable = opinion(context, duty, view, signal);
      const decided = await agree(context, "proposer", duty, { proposal, acceptable }, signal);
      return ours(context, duty, decided);
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

/** What we think of the block that somebody proposes for a slot (docs/adr/0081). */
function opinion(
  context: DutyContext,
  duty: SlotDuty<ProposerDuty>,
  view: BlockView,
  signal: AbortSignal,
): Opinion {
  const { id, validators } = duty;
  const terms = (groupKey: GroupKey): BlockTerms => view.terms(id.slot, groupKey);
  return (value, round) => {
    const blocks = acceptableBlocks(context.chain, id, validators, terms, value);
    if (blocks === undefined)
      return refuse(context, duty, "not the block of this slot on the cluster's terms");
    // Once every operator has led in vain, beacon nodes see different chains, and any block is better than none.
    const bears = allHaveLed(context, round) || view.bears(blocks, [...validators.keys()], signal);
    const say = (good: boolean): boolean =>
      good || refuse(context, duty, "our beacon node would not build on its parent");
    return typeof bears === "boolean" ? say(bears) : bears.then(say);
  };
}

interface Wish extends ProposerOptions {
  readonly known: Known;
  readonly builders: (slot: Slot) => boolean;
}

/** A block for each validator, once the cluster's randao for it is there. */
async function fetchBlocks(
  { beacon, chain }: DutyContext,
  { id: { slot }, validators, record }: SlotDuty<ProposerDuty>,
  { known, graffiti, builder, builders }: Wish,
  signal: AbortSignal,
): Promise<ReadonlyMap<GroupKey, Proposal>> {
  const wish = {
    ...(graffiti === undefined ? {} : { graffiti: graffitiBytes(graffiti) }),
    ...(builder ? {} : { builderBoostFactor: 0n }),
  };
  const blocks = [...validators.keys()].map(async (groupKey) => {
    const randaoReveal = await known.randaos.wait(slot, groupKey, signal).catch((error: unknown) => {
      record.blame("no-randao");
      throw error;
    });
    const proposal = await beacon.produceBlock(slot, { ...wish, randaoReveal }, signal);
    if (
      !isSignableBlock(chain, slot, proposal) ||
      !equalBytes(proposal.block.body.randaoReveal, randaoReveal)
    )
      throw new Error("the beacon node's block is not for this slot and randao");
    if (proposal.blinded && !builders(slot))
      throw new Error("the beacon node has a builder's block, and no builder is wanted");
    return [groupKey, proposal] as const;
  });
  return new Map(await Promise.all(blocks));
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
  proposal: Proposal,
  wanted: readonly Hex[],
): void {
  const paid = feeRecipientOf(proposal);
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
