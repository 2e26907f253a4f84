import { equalBytes, type Hex } from "../base/index.ts";
import type { Proposal } from "../ports/index.ts";
import type { GroupKey, Root, Slot } from "../spec/index.ts";
import { type BlockTerms, feeRecipientOf } from "./accept.ts";
import type { DutyContext } from "./context.ts";
import type { Known } from "./known.ts";
import { KnownBySlot } from "./known-by-slot.ts";
import { canBeParent } from "./parent-view.ts";
import type { Registrations } from "./registrations.ts";

/** "0x" and 20 bytes; a lock of an old version may name no fee recipient. */
const ADDRESS_CHARACTERS = 42;

interface BlockViewContext {
  readonly known: Known;
  readonly registrations: Registrations;
  /** Whether blocks of builders are wanted in a slot. */
  readonly builders: (slot: Slot) => boolean;
}

/** What a block of ours has to be like, by all that this node knows itself (docs/adr/0081). */
export class BlockView {
  readonly #context: DutyContext;
  readonly #more: BlockViewContext;
  readonly #fromLock: ReadonlyMap<GroupKey, string>;
  /** What our own beacon node's blocks are built on, and whom they pay. */
  readonly #ofOurs = new KnownBySlot<{ readonly parentRoot: Root; readonly paid: Hex | undefined }>();

  constructor(context: DutyContext, more: BlockViewContext) {
    this.#context = context;
    this.#more = more;
    this.#fromLock = new Map(
      context.cluster.validators.map(({ groupKey, feeRecipient }) => [groupKey, feeRecipient]),
    );
  }

  /** Our own beacon node's block. */
  saw(groupKey: GroupKey, proposal: Proposal): void {
    const { slot, parentRoot } = proposal.block;
    this.#ofOurs.set(slot, groupKey, { parentRoot, paid: feeRecipientOf(proposal) });
    this.#ofOurs.forgetBefore(slot - this.#context.chain.slotsPerEpoch);
  }

  /** Whom the operators want paid for a validator's block. Operators can change the registration without a new lock. */
  wanted(groupKey: GroupKey): readonly Hex[] {
    const addresses = [this.#fromLock.get(groupKey), this.#more.registrations.feeRecipientOf(groupKey)];
    return addresses.flatMap((address) =>
      address === undefined || address.length !== ADDRESS_CHARACTERS ? [] : [address.toLowerCase() as Hex],
    );
  }

  terms(slot: Slot, groupKey: GroupKey): BlockTerms {
    const paid = this.#ofOurs.known(slot, groupKey)?.paid;
    return {
      randaoReveal: this.#more.known.randaos.known(slot, groupKey),
      // Where every beacon node pays another address than the lock's, the block is not lost: ours pays it too.
      feeRecipients: [...this.wanted(groupKey), ...(paid === undefined ? [] : [paid])],
      builders: this.#more.builders(slot),
    };
  }

  /** Whether our beacon node would build on the parents of these blocks; asked only where its own block has another. */
  bears(
    blocks: readonly Proposal[],
    groupKeys: readonly GroupKey[],
    signal: AbortSignal,
  ): boolean | Promise<boolean> {
    const strange = blocks.filter(({ block }) => !groupKeys.some((key) => this.#hasOurParent(key, block)));
    if (strange.length === 0) return true;
    const asked = strange.map(({ block }) =>
      canBeParent(this.#context, block.slot, block.parentRoot, signal),
    );
    return Promise.all(asked).then((known) => known.every(Boolean));
  }

  #hasOurParent(groupKey: GroupKey, { slot, parentRoot }: Proposal["block"]): boolean {
    const own = this.#ofOurs.known(slot, groupKey);
    return own !== undefined && equalBytes(own.parentRoot, parentRoot);
  }
}
