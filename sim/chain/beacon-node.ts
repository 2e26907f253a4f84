import { type Hex, toHex } from "../../src/base/index.ts";
import type {
  Aggregate,
  BeaconNode,
  ChainEvent,
  Clock,
  Fork,
  IncludedBlock,
  Proposal,
  SignedAggregate,
  SignedProposal,
  SyncDuty,
  ValidatorRecord,
} from "../../src/ports/index.ts";
import {
  type altair,
  type BeaconBlock,
  BitArray,
  type bellatrix,
  type Epoch,
  type electra,
  forkAt,
  type GroupKey,
  type phase0,
  type Root,
  type SingleAttestation,
  type Slot,
  ssz,
  type ValidatorIndex,
} from "../../src/spec/index.ts";
import type { SimChain } from "./chain.ts";
import { label } from "./drawn-duties.ts";
import { type Signed, SimBeaconError } from "./published.ts";

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
  alterAggregate: (aggregate: Aggregate) => Aggregate = (aggregate) => aggregate;
  alterContribution: (one: altair.SyncCommitteeContribution) => altair.SyncCommitteeContribution = (one) =>
    one;
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

  /** Exits that this node has taken. */
  get exits(): readonly phase0.SignedVoluntaryExit[] {
    const own = this.#chain.of("exit").filter(({ by }) => by === this.#operator);
    return own.map(({ signed }) => signed.value);
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
        status:
          this.statuses.get(pubkey) ?? (this.#chain.isLeaving(pubkey) ? "active_exiting" : "active_ongoing"),
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
      dependentRoot: this.#chain.duties.dependentRoot(epoch),
      duties: this.#chain.duties
        .attesterDuties(epoch)
        .filter(({ validatorIndex }) => indices.includes(validatorIndex)),
    }));
  }

  proposerDuties(epoch: Epoch, signal: AbortSignal): ReturnType<BeaconNode["proposerDuties"]> {
    return this.#answer("proposerDuties", signal, () => ({
      dependentRoot: this.#chain.duties.dependentRoot(epoch),
      duties: this.#chain.duties.proposerDuties(epoch),
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
        block.proposerIndex = this.#chain.duties.proposer(slot);
        block.parentRoot = this.#chain.head.root;
        block.stateRoot = label(`state ${slot} by ${this.#operator}`);
        block.body.randaoReveal = options.randaoReveal;
        if (options.graffiti !== undefined) block.body.graffiti = options.graffiti;
      };
      if (this.blinded) {
        const block = ssz.fulu.BlindedBeaconBlock.defaultValue();
        fill(block);
        return this.alterBlock({ fork: forkAt(this.#chain.spec, slot), blinded: true, block });
      }
      const block = ssz.fulu.BeaconBlock.defaultValue();
      fill(block);
      block.body.executionPayload.feeRecipient = this.feeRecipient;
      return this.alterBlock({
        fork: forkAt(this.#chain.spec, slot),
        blinded: false,
        block,
        kzgProofs: [],
        blobs: [],
      });
    });
  }

  #publish<T>(
    name: string,
    signal: AbortSignal,
    values: readonly T[],
    read: (value: T) => readonly [ValidatorIndex, Signed],
  ): Promise<void> {
    return this.#answer(name, signal, () => {
      // One that is refused keeps none of the others back.
      const refusals = values.flatMap((value) => {
        try {
          this.#chain.publish(this.#operator, ...read(value));
          return [];
        } catch (error) {
          return [error];
        }
      });
      if (refusals.length > 0) throw refusals[0];
    });
  }

  publishAttestations(
    fork: Fork,
    attestations: readonly SingleAttestation[],
    signal: AbortSignal,
  ): Promise<void> {
    const votes = attestations as readonly electra.SingleAttestation[];
    return this.#publish("publishAttestations", signal, votes, (value) => [
      value.attesterIndex,
      { kind: "attester", fork, value },
    ]);
  }

  syncDuties(
    _epoch: Epoch,
    indices: readonly ValidatorIndex[],
    signal: AbortSignal,
  ): Promise<readonly SyncDuty[]> {
    return this.#answer("syncDuties", signal, () =>
      this.#chain.duties.syncDuties().filter(({ validatorIndex }) => indices.includes(validatorIndex)),
    );
  }

  subscribeToCommittees(_subscriptions: unknown, signal: AbortSignal): Promise<void> {
    return this.#answer("subscribeToCommittees", signal, () => {});
  }

  subscribeToSyncCommittees(_subscriptions: unknown, signal: AbortSignal): Promise<void> {
    return this.#answer("subscribeToSyncCommittees", signal, () => {});
  }

  aggregate(slot: Slot, dataRoot: Root, committee: number, signal: AbortSignal): Promise<Aggregate> {
    return this.#answer("aggregate", signal, () =>
      this.alterAggregate(this.#chain.aggregate(slot, dataRoot, committee)),
    );
  }

  publishAggregates(aggregates: readonly SignedAggregate[], signal: AbortSignal): Promise<void> {
    return this.#publish("publishAggregates", signal, aggregates, (value) => [
      value.value.message.aggregatorIndex,
      { kind: "aggregator", value },
    ]);
  }

  headRoot(signal: AbortSignal): Promise<Root> {
    return this.#answer("headRoot", signal, () => this.alterHead(this.#chain.head.root));
  }

  publishSyncMessages(messages: readonly altair.SyncCommitteeMessage[], signal: AbortSignal): Promise<void> {
    return this.#publish("publishSyncMessages", signal, messages, (value) => [
      value.validatorIndex,
      { kind: "sync-message", value },
    ]);
  }

  syncContribution(
    slot: Slot,
    subcommitteeIndex: number,
    beaconBlockRoot: Root,
    signal: AbortSignal,
  ): Promise<altair.SyncCommitteeContribution> {
    const aggregationBits = BitArray.fromBoolArray(Array.from({ length: 128 }, () => true));
    const signature = new Uint8Array(96);
    return this.#answer("syncContribution", signal, () =>
      this.alterContribution({ slot, beaconBlockRoot, subcommitteeIndex, aggregationBits, signature }),
    );
  }

  publishContributions(
    contributions: readonly altair.SignedContributionAndProof[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#publish("publishContributions", signal, contributions, (value) => [
      value.message.aggregatorIndex,
      { kind: "sync-contribution", value },
    ]);
  }

  registerValidators(
    registrations: readonly bellatrix.SignedValidatorRegistrationV1[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#publish("registerValidators", signal, registrations, (value) => [
      this.#chain.indexOf(toHex(value.message.pubkey) as GroupKey),
      { kind: "builder-registration", value },
    ]);
  }

  publishExit(exit: phase0.SignedVoluntaryExit, signal: AbortSignal): Promise<void> {
    return this.#publish("publishExit", signal, [exit], (value) => [
      value.message.validatorIndex,
      { kind: "exit", value },
    ]);
  }

  publishBlock(proposal: SignedProposal, signal: AbortSignal): Promise<void> {
    return this.#publish("publishBlock", signal, [proposal], (value) => [
      value.signedBlock.message.proposerIndex,
      { kind: "proposer", value },
    ]);
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
