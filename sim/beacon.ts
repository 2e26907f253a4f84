import { createHash } from "node:crypto";
import { DvError, type Hex, type SeededRandom, seededRandom, toHex } from "../src/base/index.ts";
import type {
  Aggregate,
  AttesterDuty,
  BeaconNode,
  ChainEvent,
  Clock,
  Fork,
  IncludedBlock,
  Proposal,
  ProposerDuty,
  SignedAggregate,
  SignedProposal,
  SyncDuty,
  ValidatorRecord,
} from "../src/ports/index.ts";
import {
  type Attestation,
  type altair,
  type BeaconBlock,
  BitArray,
  type bellatrix,
  type ChainSpec,
  type Epoch,
  type electra,
  epochOf,
  firstSlotOf,
  type GroupKey,
  type phase0,
  type Root,
  type SingleAttestation,
  type Slot,
  slotAt,
  slotStart,
  ssz,
  type ValidatorIndex,
} from "../src/spec/index.ts";

class SimBeaconError extends DvError<"beacon/unavailable" | "beacon/refused"> {}

export interface SimChainOptions {
  /** Our validators; they get the indices from 0 on. */
  readonly groupKeys: readonly GroupKey[];
  /** All validators of the chain, ours among them. */
  readonly validatorCount: number;
  readonly committeesPerSlot: number;
  /** Share of the slots whose proposer is one of ours. */
  readonly ownProposers: number;
  /** When the blocks of others come, into their slot. */
  readonly blockDelayMs: number;
  /** Share of the slots of others without a block. */
  readonly missedBlocks: number;
  /** How many of ours sit in the sync committee, from the first on; none when left out. */
  readonly syncMembers?: number;
  /** Judges what is published; a bad signature is refused as a beacon node does. */
  readonly verify?: (
    vote:
      | { groupKey: GroupKey; attestation: SingleAttestation }
      | { groupKey: GroupKey; proposal: SignedProposal }
      | { groupKey: GroupKey; message: PublishedMessage["message"] },
  ) => boolean;
}

export interface PublishedVote {
  readonly by: number;
  readonly at: number;
  readonly groupKey: GroupKey;
  readonly attestation: electra.SingleAttestation;
}
/** An aggregate, a sync message or a contribution. */
export interface PublishedMessage {
  readonly by: number;
  readonly at: number;
  readonly groupKey: GroupKey;
  readonly message:
    | { readonly kind: "aggregator"; readonly value: SignedAggregate }
    | { readonly kind: "sync-message"; readonly value: altair.SyncCommitteeMessage }
    | { readonly kind: "sync-contribution"; readonly value: altair.SignedContributionAndProof };
}
export interface PublishedBlock {
  readonly by: number;
  readonly at: number;
  readonly groupKey: GroupKey;
  readonly proposal: SignedProposal;
}

/** A chain that all operators' beacon nodes follow: duties from a seed, blocks with the votes that were published. */
export class SimChain {
  readonly votes: PublishedVote[] = [];
  readonly blocks: PublishedBlock[] = [];
  readonly messages: PublishedMessage[] = [];
  /** Validators of ours that another program signs for in an epoch. */
  strangers: (epoch: Epoch) => readonly ValidatorIndex[] = () => [];
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly spec: ChainSpec;
  readonly #options: SimChainOptions;
  readonly #chain: IncludedBlock[] = [];
  readonly #byRoot = new Map<Hex, IncludedBlock>();
  readonly #pool = new Map<
    string,
    { readonly data: phase0.AttestationData; readonly voters: Set<ValidatorIndex> }
  >();
  /** How often the duties of an epoch were drawn anew. */
  readonly #redrawn = new Map<Epoch, number>();
  readonly nodes: SimBeaconNode[] = [];

  constructor(spec: ChainSpec, clock: Clock, seed: number, options: SimChainOptions) {
    this.spec = spec;
    this.#clock = clock;
    this.#seed = seed;
    this.#random = seededRandom(seed).fork("chain");
    this.#options = options;
    const genesis = {
      fork: "fulu",
      root: label("genesis"),
      slot: 0,
      proposerIndex: 0,
      parentRoot: new Uint8Array(32),
      attestations: [],
    };
    this.#append(genesis);
    const first = Math.max(1, slotAt(spec, clock.now()) + 1);
    this.#atSlot(first);
  }

  /** A beacon node of operator `operator` that follows this chain. */
  node(operator: number, clock: Clock = this.#clock): SimBeaconNode {
    const node = new SimBeaconNode(this, operator, clock);
    this.nodes.push(node);
    return node;
  }

  get options(): SimChainOptions {
    return this.#options;
  }

  get head(): IncludedBlock {
    return this.#chain.at(-1) as IncludedBlock;
  }

  block(id: Slot | Hex | "head"): IncludedBlock | undefined {
    if (id === "head") return this.head;
    return typeof id === "number" ? this.#chain.find(({ slot }) => slot === id) : this.#byRoot.get(id);
  }

  indexOf(groupKey: GroupKey): ValidatorIndex {
    return this.#options.groupKeys.indexOf(groupKey);
  }

  /** Draws the duties of `epoch` and of all later ones anew, as a deep reorganisation does. */
  reorganise(epoch: Epoch): void {
    for (const later of [epoch, epoch + 1, epoch + 2])
      this.#redrawn.set(later, (this.#redrawn.get(later) ?? 0) + 1);
    const { slot, root } = this.head;
    this.#tell({
      kind: "reorg",
      slot,
      depth: slot - firstSlotOf(this.spec, epoch) + 2,
      oldHead: toHex(root),
      newHead: toHex(root),
    });
  }

  dependentRoot(epoch: Epoch): Hex {
    return toHex(label(`dependent ${this.#seed} ${epoch} ${this.#redrawn.get(epoch) ?? 0}`));
  }

  #draw(epoch: Epoch, what: string): SeededRandom {
    return seededRandom(this.#seed).fork(`${what} ${epoch} ${this.#redrawn.get(epoch) ?? 0}`);
  }

  /** Every validator of the epoch in the order of its committees. */
  #shuffled(epoch: Epoch): readonly ValidatorIndex[] {
    const random = this.#draw(epoch, "attesters");
    const order = Array.from({ length: this.#options.validatorCount }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const other = random.integer(i + 1);
      [order[i], order[other]] = [order[other] as number, order[i] as number];
    }
    return order;
  }

  committee(slot: Slot, committee: number): readonly ValidatorIndex[] {
    const { slotsPerEpoch } = this.spec;
    const count = this.#options.committeesPerSlot * slotsPerEpoch;
    const place = (slot % slotsPerEpoch) * this.#options.committeesPerSlot + committee;
    const order = this.#shuffled(epochOf(this.spec, slot));
    return order.slice(
      Math.floor((order.length * place) / count),
      Math.floor((order.length * (place + 1)) / count),
    );
  }

  attesterDuties(epoch: Epoch): readonly AttesterDuty[] {
    const duties: AttesterDuty[] = [];
    for (let i = 0; i < this.spec.slotsPerEpoch; i++) {
      const slot = firstSlotOf(this.spec, epoch) + i;
      for (let committeeIndex = 0; committeeIndex < this.#options.committeesPerSlot; committeeIndex++) {
        const members = this.committee(slot, committeeIndex);
        for (const [place, validatorIndex] of members.entries()) {
          const pubkey = this.#options.groupKeys[validatorIndex];
          if (pubkey === undefined) continue;
          duties.push({
            pubkey,
            validatorIndex,
            slot,
            committeeIndex,
            committeeLength: members.length,
            committeesAtSlot: this.#options.committeesPerSlot,
            validatorCommitteeIndex: place,
          });
        }
      }
    }
    return duties;
  }

  proposer(slot: Slot): ValidatorIndex {
    const random = this.#draw(epochOf(this.spec, slot), `proposer ${slot}`);
    const own = this.#options.groupKeys.length;
    return random.chance(this.#options.ownProposers)
      ? random.integer(own)
      : own + random.integer(this.#options.validatorCount - own);
  }

  proposerDuties(epoch: Epoch): readonly ProposerDuty[] {
    return Array.from({ length: this.spec.slotsPerEpoch }, (_, i) => {
      const slot = firstSlotOf(this.spec, epoch) + i;
      const validatorIndex = this.proposer(slot);
      const pubkey =
        this.#options.groupKeys[validatorIndex] ?? (toHex(label48(`other ${validatorIndex}`)) as GroupKey);
      return { pubkey, validatorIndex, slot };
    });
  }

  attestationData(slot: Slot, head: IncludedBlock): phase0.AttestationData {
    const epoch = epochOf(this.spec, slot);
    const source = Math.max(0, epoch - 1);
    return {
      slot,
      index: 0,
      beaconBlockRoot: head.root,
      source: { epoch: source, root: source === 0 ? new Uint8Array(32) : this.#checkpoint(source) },
      target: { epoch, root: this.#checkpoint(epoch) },
    };
  }

  #checkpoint(epoch: Epoch): Root {
    const start = firstSlotOf(this.spec, epoch);
    return this.#chain.findLast(({ slot }) => slot <= start)?.root ?? label("genesis");
  }

  /** Who of ours was seen in `epoch`: those who voted, and `strangers`. */
  liveIn(epoch: Epoch): ReadonlySet<ValidatorIndex> {
    const voted = this.votes
      .filter(({ attestation }) => attestation.data.target.epoch === epoch)
      .map(({ groupKey }) => this.indexOf(groupKey));
    return new Set([...voted, ...this.strangers(epoch)]);
  }

  publishVote(by: number, attestation: electra.SingleAttestation): void {
    const groupKey = this.#options.groupKeys[attestation.attesterIndex];
    const good = groupKey !== undefined && (this.#options.verify?.({ groupKey, attestation }) ?? true);
    if (!good) throw new SimBeaconError("beacon/refused", "bad attestation signature");
    this.votes.push({ by, at: this.#clock.now(), groupKey, attestation });
    const name = toHex(ssz.phase0.AttestationData.hashTreeRoot(attestation.data));
    const entry = this.#pool.get(name) ?? { data: attestation.data, voters: new Set() };
    this.#pool.set(name, entry);
    entry.voters.add(attestation.attesterIndex);
  }

  syncDuties(): readonly SyncDuty[] {
    return this.#options.groupKeys.slice(0, this.#options.syncMembers ?? 0).map((pubkey, validatorIndex) => ({
      pubkey,
      validatorIndex,
      positions: [(101 * validatorIndex) % 512],
    }));
  }

  /** Everybody's votes of a committee, ours where they came. */
  aggregate(slot: Slot, dataRoot: Root, committeeIndex: number): Aggregate {
    const same = (data: phase0.AttestationData): boolean =>
      toHex(ssz.phase0.AttestationData.hashTreeRoot(data)) === toHex(dataRoot);
    const voters = this.votes.filter(({ attestation }) => same(attestation.data));
    const [first] = voters;
    if (first === undefined) throw new SimBeaconError("beacon/refused", "find votes with this root");
    const voted = new Set(voters.map(({ attestation }) => attestation.attesterIndex));
    const own = this.#options.groupKeys.length;
    const members = this.committee(slot, committeeIndex);
    const aggregationBits = BitArray.fromBoolArray(members.map((index) => index >= own || voted.has(index)));
    const committeeBits = BitArray.fromBitLen(64);
    committeeBits.set(committeeIndex, true);
    const { data } = first.attestation;
    return { fork: "fulu", value: { aggregationBits, data, committeeBits, signature: new Uint8Array(96) } };
  }

  publishMessage(by: number, index: ValidatorIndex, message: PublishedMessage["message"]): void {
    const groupKey = this.#options.groupKeys[index];
    if (groupKey === undefined || !(this.#options.verify?.({ groupKey, message }) ?? true))
      throw new SimBeaconError("beacon/refused", `bad ${message.kind}`);
    this.messages.push({ by, at: this.#clock.now(), groupKey, message });
  }

  publishBlock(by: number, proposal: SignedProposal): void {
    const { message } = proposal.signedBlock;
    const groupKey = this.#options.groupKeys[message.proposerIndex];
    const good = groupKey !== undefined && (this.#options.verify?.({ groupKey, proposal }) ?? true);
    if (!good || this.proposer(message.slot) !== message.proposerIndex)
      throw new SimBeaconError("beacon/refused", "bad block");
    this.blocks.push({ by, at: this.#clock.now(), groupKey, proposal });
    if (this.block(message.slot) !== undefined || message.slot !== slotAt(this.spec, this.#clock.now()))
      return;
    const root = proposal.blinded
      ? ssz.fulu.BlindedBeaconBlock.hashTreeRoot(proposal.signedBlock.message as never)
      : ssz.fulu.BeaconBlock.hashTreeRoot(proposal.signedBlock.message as never);
    this.#extend(message.slot, message.proposerIndex, root);
  }

  #atSlot(slot: Slot): void {
    this.#clock.at(slotStart(this.spec, slot), () => {
      this.#atSlot(slot + 1);
      const proposer = this.proposer(slot);
      const missed = this.#random.chance(this.#options.missedBlocks);
      if (proposer < this.#options.groupKeys.length || missed) return;
      this.#clock.at(slotStart(this.spec, slot) + this.#options.blockDelayMs, () =>
        this.#extend(slot, proposer, label(`block ${this.#seed} ${slot}`)),
      );
    });
  }

  #extend(slot: Slot, proposerIndex: ValidatorIndex, root: Root): void {
    const attestations = [...this.#pool.values()]
      .filter(({ data }) => data.slot < slot)
      .map((entry) => this.#aggregate(entry));
    for (const { data } of attestations)
      this.#pool.delete(toHex(ssz.phase0.AttestationData.hashTreeRoot(data)));
    this.#append({ fork: "fulu", root, slot, proposerIndex, parentRoot: this.head.root, attestations });
    const epoch = epochOf(this.spec, slot);
    this.#tell({ kind: "block", slot, block: toHex(root) });
    this.#tell({
      kind: "head",
      slot,
      block: toHex(root),
      epochTransition: slot % this.spec.slotsPerEpoch === 0,
      previousDutyDependentRoot: this.dependentRoot(epoch),
      currentDutyDependentRoot: this.dependentRoot(epoch + 1),
    });
  }

  /** All committees of the slot in one aggregate, every other validator's bit set, ours where they voted. */
  #aggregate({
    data,
    voters,
  }: {
    data: phase0.AttestationData;
    voters: ReadonlySet<ValidatorIndex>;
  }): Attestation {
    const committees = Array.from({ length: this.#options.committeesPerSlot }, (_, i) =>
      this.committee(data.slot, i),
    );
    const members = committees.flat();
    const own = this.#options.groupKeys.length;
    const aggregationBits = BitArray.fromBoolArray(members.map((index) => index >= own || voters.has(index)));
    const committeeBits = BitArray.fromBitLen(64);
    for (const i of committees.keys()) committeeBits.set(i, true);
    return { aggregationBits, data, committeeBits, signature: new Uint8Array(96) };
  }

  #append(block: IncludedBlock): void {
    this.#chain.push(block);
    this.#byRoot.set(toHex(block.root), block);
  }

  #tell(event: ChainEvent): void {
    for (const node of this.nodes) node.hear(event);
  }
}

/** One operator's beacon node: slow, down, behind or lying, as the test wants. */
export class SimBeaconNode implements BeaconNode {
  /** While true every call fails and no event comes. */
  down = false;
  /** How long an answer takes. */
  latencyMs = 2;
  /** How late events come. */
  eventDelayMs = 20;
  /** Whether its blocks are blinded ones. */
  blinded = false;
  /** What is changed in the data it gives; the place for lying and broken nodes. */
  alterVote: (data: phase0.AttestationData) => phase0.AttestationData = (data) => data;
  alterBlock: (proposal: Proposal) => Proposal = (proposal) => proposal;
  alterHead: (root: Root) => Root = (root) => root;
  readonly registrations: bellatrix.SignedValidatorRegistrationV1[] = [];
  readonly exits: phase0.SignedVoluntaryExit[] = [];
  feeRecipient: Uint8Array = new Uint8Array(20).fill(0xfe);
  readonly statuses = new Map<GroupKey, string>();
  readonly preparations: { validatorIndex: ValidatorIndex; feeRecipient: Hex }[] = [];
  readonly calls: string[] = [];
  readonly #chain: SimChain;
  readonly #operator: number;
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: ChainEvent) => void>();

  constructor(chain: SimChain, operator: number, clock: Clock) {
    this.#chain = chain;
    this.#operator = operator;
    this.#clock = clock;
  }

  hear(event: ChainEvent): void {
    this.#clock.at(this.#clock.now() + this.eventDelayMs, () => {
      if (!this.down) for (const listener of this.#listeners) listener(event);
    });
  }

  #answer<T>(name: string, signal: AbortSignal, make: () => T): Promise<T> {
    this.calls.push(name);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        cancel();
        reject(signal.reason as Error);
      };
      const cancel = this.#clock.at(this.#clock.now() + this.latencyMs, () => {
        signal.removeEventListener("abort", onAbort);
        try {
          if (this.down) throw new SimBeaconError("beacon/unavailable", `call ${name}`);
          resolve(make());
        } catch (error) {
          reject(error);
        }
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  validators(pubkeys: readonly GroupKey[], signal: AbortSignal): Promise<readonly ValidatorRecord[]> {
    return this.#answer("validators", signal, () =>
      pubkeys.map((pubkey) => ({
        pubkey,
        index: this.#chain.indexOf(pubkey),
        status: this.statuses.get(pubkey) ?? "active_ongoing",
      })),
    );
  }

  liveValidators(
    epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): ReturnType<BeaconNode["liveValidators"]> {
    return this.#answer("liveValidators", signal, () => {
      const live = this.#chain.liveIn(epoch);
      return new Set(indices.filter((index) => live.has(index)));
    });
  }

  attesterDuties(
    epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): ReturnType<BeaconNode["attesterDuties"]> {
    return this.#answer("attesterDuties", signal, () => ({
      dependentRoot: this.#chain.dependentRoot(epoch),
      duties: this.#chain
        .attesterDuties(epoch)
        .filter(({ validatorIndex }) => indices.includes(validatorIndex)),
    }));
  }

  proposerDuties(epoch: Epoch, signal: AbortSignal): ReturnType<BeaconNode["proposerDuties"]> {
    return this.#answer("proposerDuties", signal, () => ({
      dependentRoot: this.#chain.dependentRoot(epoch),
      duties: this.#chain.proposerDuties(epoch),
    }));
  }

  attestationData(slot: Slot, _committee: number, signal: AbortSignal): Promise<phase0.AttestationData> {
    return this.#answer("attestationData", signal, () =>
      this.alterVote(this.#chain.attestationData(slot, this.#chain.head)),
    );
  }

  produceBlock(
    slot: Slot,
    options: { readonly randaoReveal: Uint8Array; readonly graffiti?: Uint8Array },
    signal: AbortSignal,
  ): Promise<Proposal> {
    return this.#answer("produceBlock", signal, () => {
      const fill = (block: BeaconBlock): void => {
        block.slot = slot;
        block.proposerIndex = this.#chain.proposer(slot);
        block.parentRoot = this.#chain.head.root;
        block.stateRoot = label(`state ${slot} by ${this.#operator}`);
        block.body.randaoReveal = options.randaoReveal;
        if (options.graffiti !== undefined) block.body.graffiti = options.graffiti;
      };
      if (this.blinded) {
        const block = ssz.fulu.BlindedBeaconBlock.defaultValue();
        fill(block);
        return this.alterBlock({ fork: "fulu", blinded: true, block });
      }
      const block = ssz.fulu.BeaconBlock.defaultValue();
      fill(block);
      block.body.executionPayload.feeRecipient = this.feeRecipient;
      return this.alterBlock({ fork: "fulu", blinded: false, block, kzgProofs: [], blobs: [] });
    });
  }

  publishAttestations(
    _fork: Fork,
    attestations: readonly SingleAttestation[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#answer("publishAttestations", signal, () => {
      for (const attestation of attestations)
        this.#chain.publishVote(this.#operator, attestation as electra.SingleAttestation);
    });
  }

  syncDuties(
    _epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): Promise<readonly SyncDuty[]> {
    return this.#answer("syncDuties", signal, () =>
      this.#chain.syncDuties().filter(({ validatorIndex }) => indices.includes(validatorIndex)),
    );
  }

  subscribeToCommittees(_subscriptions: unknown, signal: AbortSignal): Promise<void> {
    return this.#answer("subscribeToCommittees", signal, () => {});
  }

  subscribeToSyncCommittees(_subscriptions: unknown, signal: AbortSignal): Promise<void> {
    return this.#answer("subscribeToSyncCommittees", signal, () => {});
  }

  aggregate(slot: Slot, dataRoot: Root, committee: number, signal: AbortSignal): Promise<Aggregate> {
    return this.#answer("aggregate", signal, () => this.#chain.aggregate(slot, dataRoot, committee));
  }

  publishAggregates(aggregates: readonly SignedAggregate[], signal: AbortSignal): Promise<void> {
    return this.#answer("publishAggregates", signal, () => {
      for (const value of aggregates)
        this.#chain.publishMessage(this.#operator, value.value.message.aggregatorIndex, {
          kind: "aggregator",
          value,
        });
    });
  }

  headRoot(signal: AbortSignal): Promise<Root> {
    return this.#answer("headRoot", signal, () => this.alterHead(this.#chain.head.root));
  }

  publishSyncMessages(messages: readonly altair.SyncCommitteeMessage[], signal: AbortSignal): Promise<void> {
    return this.#answer("publishSyncMessages", signal, () => {
      for (const value of messages)
        this.#chain.publishMessage(this.#operator, value.validatorIndex, { kind: "sync-message", value });
    });
  }

  syncContribution(
    slot: Slot,
    subcommitteeIndex: number,
    beaconBlockRoot: Root,
    signal: AbortSignal,
  ): Promise<altair.SyncCommitteeContribution> {
    return this.#answer("syncContribution", signal, () => ({
      slot,
      beaconBlockRoot,
      subcommitteeIndex,
      aggregationBits: BitArray.fromBoolArray(Array.from({ length: 128 }, () => true)),
      signature: new Uint8Array(96),
    }));
  }

  publishContributions(
    contributions: readonly altair.SignedContributionAndProof[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#answer("publishContributions", signal, () => {
      for (const value of contributions)
        this.#chain.publishMessage(this.#operator, value.message.aggregatorIndex, {
          kind: "sync-contribution",
          value,
        });
    });
  }

  registerValidators(
    registrations: readonly bellatrix.SignedValidatorRegistrationV1[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#answer("registerValidators", signal, () => void this.registrations.push(...registrations));
  }

  publishExit(exit: phase0.SignedVoluntaryExit, signal: AbortSignal): Promise<void> {
    return this.#answer("publishExit", signal, () => void this.exits.push(exit));
  }

  publishBlock(proposal: SignedProposal, signal: AbortSignal): Promise<void> {
    return this.#answer("publishBlock", signal, () => this.#chain.publishBlock(this.#operator, proposal));
  }

  prepareProposers(
    preparations: readonly { readonly validatorIndex: ValidatorIndex; readonly feeRecipient: Hex }[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#answer("prepareProposers", signal, () => void this.preparations.push(...preparations));
  }

  block(id: Slot | Hex | "head", signal: AbortSignal): Promise<IncludedBlock | undefined> {
    return this.#answer("block", signal, () => this.#chain.block(id));
  }

  subscribe(listener: (event: ChainEvent) => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }
}

function label(text: string): Root {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

function label48(text: string): Uint8Array {
  return new Uint8Array(createHash("sha384").update(text).digest());
}
