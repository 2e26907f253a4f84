import { type Hex, type SeededRandom, seededRandom, toHex } from "../../src/base/index.ts";
import type { Aggregate, AttesterDuty, ChainEvent, Clock, IncludedBlock } from "../../src/ports/index.ts";
import {
  type Attestation,
  BitArray,
  type ChainSpec,
  type Epoch,
  epochOf,
  firstSlotOf,
  forkAt,
  type GroupKey,
  type phase0,
  type Root,
  type Slot,
  slotAt,
  slotStart,
  ssz,
  type ValidatorIndex,
} from "../../src/spec/index.ts";
import { SimBeaconNode } from "./beacon-node.ts";
import { DrawnDuties, type DrawnDutiesOptions, label } from "./drawn-duties.ts";
import { type Fault, type Published, type Refused, type Signed, SimBeaconError } from "./published.ts";

export interface SimChainOptions extends DrawnDutiesOptions {
  /** When the blocks of others come, into their slot. */
  readonly blockDelayMs: number;
  /** Share of the slots of others without a block. */
  readonly missedBlocks: number;
  /** Judges what is published; what has a fault is refused as a beacon node does. */
  readonly judge?: (signed: Signed, chain: SimChain) => Fault | undefined;
}

/** Everybody's votes for one attestation data. */
interface Pooled {
  readonly data: phase0.AttestationData;
  readonly voters: Set<ValidatorIndex>;
  included: boolean;
}

/** A chain that all operators' beacon nodes follow: duties from a seed, blocks with the votes that were published. */
export class SimChain {
  readonly spec: ChainSpec;
  readonly options: SimChainOptions;
  readonly duties: DrawnDuties;
  readonly nodes: SimBeaconNode[] = [];
  /** All that was taken, in the order in which it came. */
  readonly published: Published[] = [];
  readonly refused: Refused[] = [];
  /** Validators of ours that another program signs for in an epoch. */
  strangers: (epoch: Epoch) => readonly ValidatorIndex[] = () => [];
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly #chain: IncludedBlock[] = [];
  readonly #byRoot = new Map<Hex, IncludedBlock>();
  readonly #pool = new Map<Hex, Pooled>();
  readonly #leaving = new Set<GroupKey>();

  constructor(spec: ChainSpec, clock: Clock, seed: number, options: SimChainOptions) {
    this.spec = spec;
    this.options = options;
    this.duties = new DrawnDuties(spec, seed, options);
    this.#clock = clock;
    this.#seed = seed;
    this.#random = seededRandom(seed).fork("chain");
    const parentRoot = new Uint8Array(32);
    const fork = forkAt(spec, 0);
    this.#append({ fork, root: label("genesis"), slot: 0, proposerIndex: 0, parentRoot, attestations: [] });
    this.#atSlot(Math.max(1, slotAt(spec, clock.now()) + 1));
  }

  /** A beacon node of operator `operator` that follows this chain. */
  node(operator: number, clock: Clock = this.#clock): SimBeaconNode {
    const node = new SimBeaconNode(this, operator, clock);
    this.nodes.push(node);
    return node;
  }

  get head(): IncludedBlock {
    return this.#chain.at(-1) as IncludedBlock;
  }

  block(id: Slot | Hex | "head"): IncludedBlock | undefined {
    if (id === "head") return this.head;
    return typeof id === "number" ? this.#chain.find(({ slot }) => slot === id) : this.#byRoot.get(id);
  }

  indexOf(groupKey: GroupKey): ValidatorIndex {
    return this.options.groupKeys.indexOf(groupKey);
  }

  attesterDuties(epoch: Epoch): readonly AttesterDuty[] {
    return this.duties.attesterDuties(epoch);
  }

  proposer(slot: Slot): ValidatorIndex {
    return this.duties.proposer(slot);
  }

  /** What was taken of one kind. */
  of<K extends Signed["kind"]>(kind: K): readonly Published<K>[] {
    const found: readonly unknown[] = this.published.filter(({ signed }) => signed.kind === kind);
    return found as readonly Published<K>[];
  }

  get votes(): readonly (Published<"attester"> & { readonly attestation: SingleVote })[] {
    return this.of("attester").map((one) => ({ ...one, attestation: one.signed.value }));
  }

  get blocks(): readonly (Published<"proposer"> & { readonly proposal: SignedBlock })[] {
    return this.of("proposer").map((one) => ({ ...one, proposal: one.signed.value }));
  }

  /** Whether a validator's exit has been taken. */
  isLeaving(groupKey: GroupKey): boolean {
    return this.#leaving.has(groupKey);
  }

  /** Draws the duties of `epoch` and of all later ones anew, as a deep reorganisation does. */
  reorganise(epoch: Epoch): void {
    for (const later of [epoch, epoch + 1, epoch + 2]) this.duties.drawAgain(later);
    const { slot, root } = this.head;
    const depth = slot - firstSlotOf(this.spec, epoch) + 2;
    this.#tell({ kind: "reorg", slot, depth, oldHead: toHex(root), newHead: toHex(root) });
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
    const voted = this.of("attester")
      .filter(({ signed }) => signed.value.data.target.epoch === epoch)
      .map(({ signed }) => signed.value.attesterIndex);
    return new Set([...voted, ...this.strangers(epoch)]);
  }

  /** @throws SimBeaconError `beacon/refused` */
  publish(by: number, index: ValidatorIndex, signed: Signed): void {
    const groupKey = this.options.groupKeys[index];
    const at = this.#clock.now();
    const fault = groupKey === undefined ? "duty" : this.options.judge?.(signed, this);
    if (groupKey === undefined || fault !== undefined) {
      this.refused.push({ by, at, signed, fault: fault ?? "duty" });
      throw new SimBeaconError("beacon/refused", `take a ${signed.kind}: wrong ${fault}`);
    }
    this.published.push({ by, at, groupKey, signed });
    if (signed.kind === "attester") this.#poolVote(signed.value);
    if (signed.kind === "proposer") this.#extendWith(signed.value);
    if (signed.kind === "exit") this.#leaving.add(groupKey);
  }

  #poolVote({ data, attesterIndex }: SingleVote): void {
    const name = toHex(ssz.phase0.AttestationData.hashTreeRoot(data));
    const pooled = this.#pool.get(name) ?? { data, voters: new Set(), included: false };
    this.#pool.set(name, pooled);
    pooled.included &&= pooled.voters.has(attesterIndex);
    pooled.voters.add(attesterIndex);
  }

  #extendWith({ blinded, signedBlock: { message } }: SignedBlock): void {
    const late = message.slot !== slotAt(this.spec, this.#clock.now());
    if (late || this.block(message.slot) !== undefined) return;
    // Electra and Fulu have the same blocks.
    const type = blinded ? ssz.fulu.BlindedBeaconBlock : ssz.fulu.BeaconBlock;
    this.#extend(message.slot, message.proposerIndex, type.hashTreeRoot(message as never));
  }

  /** Everybody's votes of a committee, ours where they came. */
  aggregate(slot: Slot, dataRoot: Root, committeeIndex: number): Aggregate {
    const pooled = this.#pool.get(toHex(dataRoot));
    if (pooled === undefined) throw new SimBeaconError("beacon/refused", "find votes with this root");
    const value = this.#aggregate(pooled, this.duties.committee(slot, committeeIndex), [committeeIndex]);
    return { fork: forkAt(this.spec, slot), value };
  }

  /** Every other validator's bit is set, ours where they voted. */
  #aggregate(
    { data, voters }: Pooled,
    members: readonly ValidatorIndex[],
    committees: readonly number[],
  ): Attestation {
    const own = this.options.groupKeys.length;
    const aggregationBits = BitArray.fromBoolArray(members.map((index) => index >= own || voters.has(index)));
    const committeeBits = BitArray.fromBitLen(64);
    for (const committee of committees) committeeBits.set(committee, true);
    return { aggregationBits, data, committeeBits, signature: new Uint8Array(96) };
  }

  #atSlot(slot: Slot): void {
    this.#clock.at(slotStart(this.spec, slot), () => {
      this.#atSlot(slot + 1);
      const proposer = this.duties.proposer(slot);
      const missed = this.#random.chance(this.options.missedBlocks);
      if (proposer < this.options.groupKeys.length || missed) return;
      this.#clock.at(slotStart(this.spec, slot) + this.options.blockDelayMs, () =>
        this.#extend(slot, proposer, label(`block ${this.#seed} ${slot}`)),
      );
    });
  }

  #extend(slot: Slot, proposerIndex: ValidatorIndex, root: Root): void {
    const open = [...this.#pool.values()].filter(({ data, included }) => data.slot < slot && !included);
    const all = Array.from({ length: this.options.committeesPerSlot }, (_, i) => i);
    const attestations = open.map((pooled) => {
      pooled.included = true;
      const members = all.flatMap((committee) => this.duties.committee(pooled.data.slot, committee));
      return this.#aggregate(pooled, members, all);
    });
    const fork = forkAt(this.spec, slot);
    this.#append({ fork, root, slot, proposerIndex, parentRoot: this.head.root, attestations });
    const epoch = epochOf(this.spec, slot);
    this.#tell({ kind: "block", slot, block: toHex(root) });
    this.#tell({
      kind: "head",
      slot,
      block: toHex(root),
      epochTransition: slot % this.spec.slotsPerEpoch === 0,
      previousDutyDependentRoot: this.duties.dependentRoot(epoch),
      currentDutyDependentRoot: this.duties.dependentRoot(epoch + 1),
    });
  }

  #append(block: IncludedBlock): void {
    this.#chain.push(block);
    this.#byRoot.set(toHex(block.root), block);
  }

  #tell(event: ChainEvent): void {
    for (const node of this.nodes) node.hear(event);
  }
}

type SingleVote = Published<"attester">["signed"]["value"];
type SignedBlock = Published<"proposer">["signed"]["value"];
