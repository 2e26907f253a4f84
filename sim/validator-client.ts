import { equalBytes, fromHex } from "../src/base/index.ts";
import {
  DeskError,
  type DutyDesk,
  type Selected,
  type Sender,
  type ShareSigner,
  type Submission,
} from "../src/ports/index.ts";
import {
  type altair,
  dutyDue,
  epochOf,
  firstSlotOf,
  forkAt,
  type GroupKey,
  isAggregator,
  isSyncAggregator,
  type OperatorIndex,
  type Slot,
  slotAt,
  slotStart,
  subcommitteesOf,
} from "../src/spec/index.ts";
import type { SimChain } from "./chain/chain.ts";
import type { OperatorClock } from "./clock.ts";
import { otherThan } from "./other-data.ts";
import { rootSigned } from "./signing.ts";
import type { ToyCluster } from "./toy-keys.ts";

/** How a validator client behaves; may be changed while it runs. */
export interface Temper {
  /** Does nothing at all. */
  absent: boolean;
  /** Asks for the cluster's selection proofs, without which it aggregates nothing. */
  selects: boolean;
  /** How long it thinks before it submits. */
  slowMs: number;
  /** What is wrong with what it signs. */
  wrong: "nothing" | "other-data" | "other-share" | "other-domain";
}

export interface ClientContext {
  readonly desk: DutyDesk;
  readonly clock: OperatorClock;
  readonly chain: SimChain;
  readonly keys: ToyCluster;
  readonly signer: ShareSigner;
  readonly index: OperatorIndex;
}

const NO_SIGNATURE = new Uint8Array(96);
/** The desk ends every wait itself. */
const patient = new AbortController().signal;

/** A validator client at the desk of one operator: every slot it does what its validators have to do. */
export class SimValidatorClient {
  readonly temper: Temper = { absent: false, selects: true, slowMs: 0, wrong: "nothing" };
  /** How often the desk said no, by code. */
  readonly refusals = new Map<DeskError["code"], number>();
  /** What it wants builders to be told, every epoch anew; nothing when left out. */
  registration: { readonly gasLimit: number; readonly timestamp: number } | undefined;
  readonly #context: ClientContext;
  readonly #connection: Sender = { address: "client" };
  /** Selection proofs that the desk has taken. */
  readonly #selected = new Set<string>();
  /** The newest slot whose work was begun: a clock that is set back repeats nothing. */
  #slot: Slot = -1;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  start(): void {
    const { clock, chain } = this.#context;
    this.#at(Math.max(0, slotAt(chain.spec, clock.now())));
  }

  #at(slot: Slot): void {
    const { clock, chain } = this.#context;
    clock.at(slotStart(chain.spec, slot), () => {
      const now = Math.max(slot, slotAt(chain.spec, clock.now()));
      this.#at(now + 1);
      if (this.temper.absent || now <= this.#slot) return;
      this.#slot = now;
      const work = [this.#propose, this.#attest, this.#selectAndAggregate, this.#sync, this.#register];
      for (const one of work) one.call(this, now).catch((error: unknown) => this.#note(error));
    });
  }

  #note(error: unknown): void {
    if (!(error instanceof DeskError)) throw error;
    this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1);
  }

  /** Signs and submits; `make` puts a signature into what is signed. */
  async submit(makers: readonly ((signature: Uint8Array) => Submission)[]): Promise<readonly boolean[]> {
    const { clock, desk } = this.#context;
    const items = await Promise.all(makers.map((make) => this.#sign(make)));
    const { slowMs } = this.temper;
    if (slowMs > 0) await new Promise<void>((resolve) => void clock.at(clock.now() + slowMs, resolve));
    const refusals = items.length === 0 ? [] : await desk.submit(items, patient, this.#connection);
    for (const refusal of refusals) if (refusal !== undefined) this.#note(refusal);
    return refusals.map((refusal) => refusal === undefined);
  }

  async #sign(make: (signature: Uint8Array) => Submission): Promise<Submission> {
    const { keys, signer, index, chain } = this.#context;
    const { wrong } = this.temper;
    const made = wrong === "other-data" ? (s: Uint8Array) => otherThan(make(s)) : make;
    const item = made(NO_SIGNATURE);
    const value = item.kind === "attester" ? item.signed.vote : item.signed;
    const right = rootSigned({ kind: item.kind, value }, chain.spec);
    const root = wrong === "other-domain" ? right?.toReversed() : right;
    if (root === undefined) return item;
    const others = (index + 1) % keys.cluster.operators.length;
    const share = wrong === "other-share" ? keys.signer(others as OperatorIndex) : signer;
    const [signature] = await share.sign([{ groupKey: item.groupKey, root }], patient);
    return signature === undefined || equalBytes(signature, NO_SIGNATURE) ? item : made(signature);
  }

  async #propose(slot: Slot): Promise<void> {
    const { chain, desk } = this.#context;
    const groupKey = chain.options.groupKeys[chain.duties.proposer(slot)];
    if (groupKey === undefined) return;
    const epoch = epochOf(chain.spec, slot);
    await this.submit([(signature) => ({ kind: "randao", slot, groupKey, signed: { epoch, signature } })]);
    const proposal = (await desk.decided("proposer", slot, patient)).get(groupKey);
    if (proposal === undefined) return;
    await this.submit([
      (signature) => ({
        kind: "proposer",
        slot,
        groupKey,
        signed: { ...proposal, signedBlock: { message: proposal.block, signature } } as never,
      }),
    ]);
  }

  async #attest(slot: Slot): Promise<void> {
    const { chain, desk } = this.#context;
    if (this.#attesters(slot).length === 0) return;
    const decided = await desk.decided("attester", slot, patient);
    const fork = forkAt(chain.spec, slot);
    await this.submit(
      [...decided].map(([groupKey, { data, duty }]) => (signature) => {
        const { committeeIndex, validatorIndex: attesterIndex } = duty;
        const vote = { committeeIndex, attesterIndex, data, signature };
        return { kind: "attester", slot, groupKey, signed: { fork, vote } };
      }),
    );
  }

  #attesters(slot: Slot): ReturnType<SimChain["duties"]["attesterDuties"]> {
    const { duties, spec } = this.#context.chain;
    return duties.attesterDuties(epochOf(spec, slot)).filter((duty) => duty.slot === slot);
  }

  /** Who is chosen is known only of proofs that the desk took, as a client hears it through the API. */
  async #selectAndAggregate(slot: Slot): Promise<void> {
    if (!this.temper.selects) return;
    await this.#select(slot);
    await Promise.all([this.#aggregate(slot), this.#contribute(slot)]);
  }

  /** The group's proofs of those that the desk took, as far as they are there when `kind` is due. */
  async #proofs(
    kind: "aggregator" | "sync-contribution",
    asked: readonly Selected[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const { desk, clock, chain } = this.#context;
    const slot = asked[0]?.slot ?? 0;
    const over = new AbortController();
    const cancel = clock.at(dutyDue(chain.spec, { slot, kind }), () => over.abort());
    const taken = asked.filter((one) => this.#selected.has(selectionName(one)));
    const proofs = await desk.combined(taken, over.signal).finally(cancel);
    return asked.map((one) => proofs[taken.indexOf(one)]);
  }

  /** Proofs for all votes until the end of the next epoch, and for the sync committee's next slot. */
  async #select(slot: Slot): Promise<void> {
    const { duties, spec } = this.#context.chain;
    const makers = new Map<string, (signature: Uint8Array) => Submission>();
    const until = firstSlotOf(spec, epochOf(spec, slot) + 2);
    for (let at = slot; at < until; at++)
      for (const { pubkey: groupKey, validatorIndex } of this.#attesters(at))
        makers.set(selectionName({ slot: at, groupKey }), (selectionProof) => ({
          kind: "prepare-aggregator",
          slot: at,
          groupKey,
          signed: { slot: at, validatorIndex, selectionProof },
        }));
    for (const { pubkey: groupKey, validatorIndex, positions } of duties.syncDuties())
      for (const at of [slot, slot + 1])
        for (const subcommitteeIndex of subcommitteesOf(positions))
          makers.set(selectionName({ slot: at, groupKey, subcommitteeIndex }), (selectionProof) => ({
            kind: "prepare-sync-contribution",
            slot: at,
            groupKey,
            signed: { slot: at, validatorIndex, subcommitteeIndex, selectionProof },
          }));
    const open = [...makers].filter(([name]) => !this.#selected.has(name));
    const taken = await this.submit(open.map(([, make]) => make));
    for (const [i, [name]] of open.entries()) if (taken[i] === true) this.#selected.add(name);
  }

  async #aggregate(slot: Slot): Promise<void> {
    const { desk } = this.#context;
    const chosen = new Map<GroupKey, { proof: Uint8Array; validatorIndex: number }>();
    const attesters = this.#attesters(slot);
    const proofs = await this.#proofs(
      "aggregator",
      attesters.map(({ pubkey: groupKey }) => ({ kind: "prepare-aggregator", slot, groupKey })),
    );
    for (const [i, { pubkey: groupKey, validatorIndex, committeeLength }] of attesters.entries()) {
      const proof = proofs[i];
      if (proof !== undefined && isAggregator(committeeLength, proof))
        chosen.set(groupKey, { proof, validatorIndex });
    }
    if (chosen.size === 0) return;
    const decided = await desk.decided("aggregator", slot, patient);
    await this.submit(
      [...chosen].flatMap(([groupKey, { proof: selectionProof, validatorIndex: aggregatorIndex }]) => {
        const aggregate = decided.get(groupKey);
        if (aggregate === undefined) return [];
        const message = { aggregatorIndex, aggregate: aggregate.value, selectionProof };
        return (signature: Uint8Array): Submission => ({
          kind: "aggregator",
          slot,
          groupKey,
          signed: { fork: aggregate.fork, value: { message, signature } },
        });
      }),
    );
  }

  async #sync(slot: Slot): Promise<void> {
    const { chain, desk } = this.#context;
    const members = chain.duties.syncDuties();
    if (members.length === 0) return;
    const decided = await desk.decided("sync-message", slot, patient);
    await this.submit(
      members.flatMap(({ pubkey: groupKey, validatorIndex }) => {
        const beaconBlockRoot = decided.get(groupKey)?.beaconBlockRoot;
        if (beaconBlockRoot === undefined) return [];
        return (signature: Uint8Array): Submission => ({
          kind: "sync-message",
          slot,
          groupKey,
          signed: { slot, beaconBlockRoot, validatorIndex, signature },
        });
      }),
    );
  }

  async #contribute(slot: Slot): Promise<void> {
    const { chain, desk } = this.#context;
    const chosen: { groupKey: GroupKey; part: number; proof: Uint8Array; validatorIndex: number }[] = [];
    const seats = chain.duties
      .syncDuties()
      .flatMap(({ pubkey: groupKey, positions, validatorIndex }) =>
        subcommitteesOf(positions).map((part) => ({ groupKey, part, validatorIndex })),
      );
    const proofs = await this.#proofs(
      "sync-contribution",
      seats.map(({ groupKey, part: subcommitteeIndex }) => ({
        kind: "prepare-sync-contribution",
        slot,
        groupKey,
        subcommitteeIndex,
      })),
    );
    for (const [i, seat] of seats.entries()) {
      const proof = proofs[i];
      if (proof !== undefined && isSyncAggregator(proof)) chosen.push({ ...seat, proof });
    }
    if (chosen.length === 0) return;
    const decided = await desk.decided("sync-contribution", slot, patient);
    await this.submit(
      chosen.flatMap(({ groupKey, part, proof: selectionProof, validatorIndex: aggregatorIndex }) => {
        const contribution: altair.SyncCommitteeContribution | undefined = decided
          .get(groupKey)
          ?.find(({ subcommitteeIndex }) => subcommitteeIndex === part);
        if (contribution === undefined) return [];
        const message = { aggregatorIndex, contribution, selectionProof };
        return (signature: Uint8Array): Submission => ({
          kind: "sync-contribution",
          slot,
          groupKey,
          signed: { message, signature },
        });
      }),
    );
  }

  async #register(slot: Slot): Promise<void> {
    const { chain, keys } = this.#context;
    const wanted = this.registration;
    if (wanted === undefined || slot % chain.spec.slotsPerEpoch !== 1) return;
    await this.submit(
      keys.cluster.validators.map(({ groupKey, feeRecipient }) => (signature) => {
        const message = { ...wanted, feeRecipient: fromHex(feeRecipient), pubkey: fromHex(groupKey) };
        return { kind: "builder-registration", slot, groupKey, signed: { message, signature } };
      }),
    );
  }
}

function selectionName({ slot, groupKey, subcommitteeIndex }: Omit<Selected, "kind">): string {
  return [slot, groupKey, subcommitteeIndex].join(" ");
}
