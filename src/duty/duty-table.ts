import type { AttesterDuty, Duties, ProposerDuty, SyncDuty } from "../ports/index.ts";
import { type ChainSpec, type DutyId, type Epoch, epochOf, type GroupKey, type Slot } from "../spec/index.ts";
import type { Validators } from "./validators.ts";

/** The duties of an epoch; undefined where they were not told yet. */
export interface DutiesOfEpoch {
  readonly attesters: Duties<AttesterDuty> | undefined;
  readonly proposers: Duties<ProposerDuty> | undefined;
  readonly syncMembers: readonly SyncDuty[] | undefined;
}

interface Page extends DutiesOfEpoch {
  readonly attestersBySlot: ReadonlyMap<Slot, ReadonlyMap<GroupKey, AttesterDuty>>;
  readonly slotOfAttester: ReadonlyMap<GroupKey, Slot>;
}
const BLANK: Page = {
  attesters: undefined,
  attestersBySlot: new Map(),
  slotOfAttester: new Map(),
  proposers: undefined,
  syncMembers: undefined,
};

/** Who of ours has which duty in which slot, as far as the beacon node has told. */
export class DutyTable {
  readonly #chain: ChainSpec;
  readonly #validators: Validators;
  readonly #groupKeys: ReadonlySet<string>;
  readonly #pages = new Map<Epoch, Page>();

  constructor(chain: ChainSpec, validators: Validators) {
    this.#chain = chain;
    this.#validators = validators;
    this.#groupKeys = new Set(validators.groupKeys);
  }

  /** Undefined where nothing has been told. */
  of(epoch: Epoch): DutiesOfEpoch | undefined {
    return this.#pages.get(epoch);
  }

  #pageOf(slot: Slot): Page {
    return this.#pages.get(epochOf(this.#chain, slot)) ?? BLANK;
  }

  attestersAt(slot: Slot): ReadonlyMap<GroupKey, AttesterDuty> {
    return this.#pageOf(slot).attestersBySlot.get(slot) ?? new Map<GroupKey, AttesterDuty>();
  }

  /** Whether a validator is known to vote in another slot of the same epoch: it votes once in each. */
  votesElsewhere(slot: Slot, groupKey: GroupKey): boolean {
    const own = this.#pageOf(slot).slotOfAttester.get(groupKey);
    return own !== undefined && own !== slot;
  }

  proposersAt(slot: Slot): ReadonlyMap<GroupKey, ProposerDuty> {
    const duties = this.#pageOf(slot).proposers?.duties ?? [];
    return new Map(duties.filter((duty) => duty.slot === slot).map((duty) => [duty.pubkey, duty]));
  }

  /** Whoever signs sync messages in `slot`: the committee of the block that can include them, which is the next slot's. */
  syncMembersAt(slot: Slot): ReadonlyMap<GroupKey, SyncDuty> {
    const members = this.#pageOf(slot + 1).syncMembers ?? [];
    return new Map(members.map((duty) => [duty.pubkey, duty]));
  }

  /** How many of ours have a duty, or may turn out to have it; undefined while that is not known. */
  membersOf({ slot, kind }: DutyId): number | undefined {
    switch (kind) {
      case "attester":
      case "prepare-aggregator":
      case "aggregator":
        return this.#pageOf(slot).attesters && this.attestersAt(slot).size;
      case "proposer":
      case "randao":
        return this.#pageOf(slot).proposers && this.proposersAt(slot).size;
      case "sync-message":
      case "prepare-sync-contribution":
      case "sync-contribution":
        return this.#pageOf(slot + 1).syncMembers?.length;
      case "exit":
      case "builder-registration":
      case "signature":
      case "info-sync":
        return 0;
    }
  }

  /** Whether votes and blocks of an epoch are known. */
  knows(epoch: Epoch): boolean {
    const known = this.of(epoch);
    return known?.attesters !== undefined && known.proposers !== undefined;
  }

  /** Takes what is ours of an answer in place of what was known. @returns Duties that were there and are no more. */
  learn(
    epoch: Epoch,
    { attesters, proposers, syncMembers }: Partial<DutiesOfEpoch>,
  ): readonly (AttesterDuty | ProposerDuty)[] {
    const before = this.#pages.get(epoch) ?? BLANK;
    const after = {
      ...before,
      ...(attesters && this.#ofAttesters(attesters)),
      ...(proposers && { proposers: this.#ofProposers(proposers) }),
      ...(syncMembers && { syncMembers: syncMembers.filter(this.#isOurs) }),
    };
    this.#pages.set(epoch, after);
    return [
      ...gone(before.attesters?.duties, after.attesters?.duties),
      ...gone(before.proposers?.duties, after.proposers?.duties),
    ];
  }

  readonly #isOurs = ({ pubkey }: { readonly pubkey: GroupKey }): boolean => this.#groupKeys.has(pubkey);

  #ofAttesters(
    attesters: Duties<AttesterDuty>,
  ): Pick<Page, "attesters" | "attestersBySlot" | "slotOfAttester"> {
    const duties = attesters.duties.filter(this.#isOurs);
    const bySlot = [...Map.groupBy(duties, ({ slot }) => slot)];
    return {
      attesters: { ...attesters, duties },
      attestersBySlot: new Map(
        bySlot.map(([slot, ofSlot]) => [slot, new Map(ofSlot.map((duty) => [duty.pubkey, duty]))]),
      ),
      slotOfAttester: new Map(duties.map(({ pubkey, slot }) => [pubkey, slot])),
    };
  }

  #ofProposers(proposers: Duties<ProposerDuty>): Duties<ProposerDuty> {
    const indices = new Set(this.#validators.indices);
    const duties = proposers.duties.filter((duty) => this.#isOurs(duty) && indices.has(duty.validatorIndex));
    return { ...proposers, duties };
  }

  forgetBefore(epoch: Epoch): void {
    for (const known of this.#pages.keys()) if (known < epoch) this.#pages.delete(known);
  }
}

function gone<D extends AttesterDuty | ProposerDuty>(
  before: readonly D[] = [],
  after: readonly D[] = [],
): readonly D[] {
  const name = (duty: D): string => `${duty.slot}/${duty.pubkey}`;
  const still = new Set(after.map(name));
  return before.filter((duty) => !still.has(name(duty)));
}
