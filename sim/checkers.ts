import { toHex } from "../src/base/index.ts";
import { decodePartials, PARSIGEX_PROTOCOL, signedCodecs } from "../src/duty/index.ts";
import { dutyName, type GroupKey } from "../src/spec/index.ts";
import type { DutyWorld } from "./duty-world.ts";

/** What an operator has said with its share about one validator, and could be punished for. */
type Said =
  | { readonly source: number; readonly target: number; readonly root: string }
  | { readonly slot: number; readonly root: string };

/**
 * Watches a world for broken promises. Each violation names the safety rule (docs/architecture.md) and what was seen.
 */
export class Checkers {
  readonly violations: string[] = [];
  readonly #world: DutyWorld;
  readonly #votes = new Map<string, { source: number; target: number; root: string }[]>();
  readonly #blocks = new Map<string, Map<number, string>>();
  readonly #signedFor = new Map<string, string>();
  /** Operators that lie; nothing is promised about them. */
  readonly #liars: ReadonlySet<number>;

  constructor(world: DutyWorld, liars: ReadonlySet<number>) {
    this.#world = world;
    this.#liars = liars;
    world.network.intercept(({ from, protocol, message }) => {
      if (protocol === PARSIGEX_PROTOCOL && !liars.has(from)) this.#seePartials(from, message);
      return undefined;
    });
  }

  #seePartials(from: number, message: Uint8Array): void {
    const { duty, partials } = decodePartials(message);
    for (const { groupKey, data } of partials) {
      if (duty.kind === "attester") {
        const { attestation } = signedCodecs.attester.decode(data) as {
          attestation: { data: { source: { epoch: number }; target: { epoch: number } } };
        };
        const root = this.#root("attester", data);
        this.#seeVote(from, groupKey, {
          source: attestation.data.source.epoch,
          target: attestation.data.target.epoch,
          root,
        });
        this.#seeAgreement(dutyName(duty), groupKey, root);
      }
      if (duty.kind === "proposer") {
        const root = this.#root("proposer", data);
        this.#seeBlock(from, groupKey, { slot: duty.slot, root });
        this.#seeAgreement(dutyName(duty), groupKey, root);
      }
    }
  }

  #root(kind: "attester" | "proposer", data: Uint8Array): string {
    const codec = signedCodecs[kind];
    const root = codec.signingRoot(codec.decode(data) as never, this.#world.spec);
    return root === undefined ? "" : toHex(root);
  }

  /** S1: nothing that contradicts what the same share said before, in this life or an earlier one. */
  #seeVote(from: number, groupKey: GroupKey, vote: Extract<Said, { source: number }>): void {
    const name = `${from} ${groupKey}`;
    const before = this.#votes.get(name) ?? [];
    for (const old of before) {
      if (old.root === vote.root) return;
      const double = old.target === vote.target;
      const surround =
        (old.source < vote.source && vote.target < old.target) ||
        (vote.source < old.source && old.target < vote.target);
      if (double || surround)
        this.violations.push(
          `S1: operator ${from} signed ${double ? "two votes for one target" : "a surrounding vote"} ${vote.source}->${vote.target}`,
        );
    }
    this.#votes.set(name, [...before, vote]);
  }

  #seeBlock(from: number, groupKey: GroupKey, block: Extract<Said, { slot: number }>): void {
    const name = `${from} ${groupKey}`;
    const slots = this.#blocks.get(name) ?? new Map<number, string>();
    const old = slots.get(block.slot);
    if (old !== undefined && old !== block.root)
      this.violations.push(`S1: operator ${from} signed two blocks for slot ${block.slot}`);
    this.#blocks.set(name, slots.set(block.slot, block.root));
  }

  /** S2: whatever honest operators sign for one duty and validator is one and the same, namely what was decided. */
  #seeAgreement(duty: string, groupKey: GroupKey, root: string): void {
    const name = `${duty} ${groupKey}`;
    const first = this.#signedFor.get(name);
    if (first === undefined) this.#signedFor.set(name, root);
    else if (first !== root) this.violations.push(`S2: two values were signed for ${duty}`);
  }

  /** S3: the chain's `verify` refuses a wrong group signature; an honest operator never sends one. */
  seeRefusedSignature(by: string): void {
    this.violations.push(`S3: a wrong group signature was broadcast for ${by}`);
  }

  /** S7: between two slots of good weather every vote of the cluster is on the chain. */
  checkLiveness(fromSlot: number, toSlot: number): void {
    const { chain, spec } = this.#world;
    const epochs = new Set<number>();
    for (let slot = fromSlot; slot < toSlot; slot++) epochs.add(Math.floor(slot / spec.slotsPerEpoch));
    const voted = new Set(
      chain.votes.map(({ groupKey, attestation: { data } }) => `${data.slot} ${groupKey}`),
    );
    for (const epoch of epochs) {
      for (const duty of chain.attesterDuties(epoch)) {
        if (duty.slot < fromSlot || duty.slot >= toSlot) continue;
        if (!voted.has(`${duty.slot} ${duty.pubkey}`))
          this.violations.push(
            `S7: the vote of ${duty.pubkey.slice(0, 12)} for slot ${duty.slot} is missing`,
          );
      }
    }
  }

  get liars(): ReadonlySet<number> {
    return this.#liars;
  }
}
