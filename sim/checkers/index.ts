import {
  decodePartials,
  PARSIGEX_PROTOCOL,
  type SignedCodec,
  type SignedDataOf,
  signedCodecs,
} from "../../src/duty/index.ts";
import { dutyName, type OperatorIndex } from "../../src/spec/index.ts";
import type { DutyWorld } from "../duty-world.ts";
import { rootSigned } from "../signing.ts";
import { AgreedChecker } from "./agreed.ts";
import { type Expected, missingDuties } from "./alive.ts";
import { SlashableChecker } from "./slashable.ts";

/**
 * Watches a world for broken promises. Each violation names the safety rule (docs/architecture.md) and what was seen.
 *
 * @param liars - Operators that lie; nothing is promised about them.
 */
export class Checkers {
  readonly violations: string[] = [];
  readonly #world: DutyWorld;
  readonly #liars: ReadonlySet<number>;
  readonly #slashable: SlashableChecker = new SlashableChecker(this.violations);
  readonly #agreed: AgreedChecker = new AgreedChecker(this.violations);

  constructor(world: DutyWorld, liars: ReadonlySet<number>) {
    this.#world = world;
    this.#liars = liars;
    const seen = new WeakSet<Uint8Array>(); // Every peer gets the same bytes.
    world.network.intercept(({ from, protocol, message }) => {
      if (protocol === PARSIGEX_PROTOCOL && !liars.has(from) && !seen.has(message))
        this.#seePartials(from, message);
      seen.add(message);
      return undefined;
    });
    world.onDecision = (by, duty, value) => {
      if (!liars.has(by)) this.#agreed.seeDecision(by, duty, value);
    };
  }

  #seePartials(from: OperatorIndex, message: Uint8Array): void {
    const { spec, keys } = this.#world;
    const { duty, partials } = decodePartials(message);
    if (duty.kind === "info-sync") return;
    const codec = signedCodecs[duty.kind] as SignedCodec<unknown>;
    for (const { groupKey, share, data } of partials) {
      const value = codec.decode(data);
      const root = codec.signingRoot(value, spec);
      if (root === undefined || !keys.verifyShare(groupKey, share, root, codec.signature(value))) {
        this.violations.push(`S2: operator ${from} let a wrong partial signature out for ${dutyName(duty)}`);
        continue;
      }
      this.#agreed.seePartial(from, duty, { groupKey, part: codec.part?.(value) ?? 0, root });
      if (duty.kind === "attester") {
        const { source, target } = (value as SignedDataOf["attester"]).attestation.data;
        this.#slashable.seeVote(from, groupKey, { source: source.epoch, target: target.epoch, root });
      }
      if (duty.kind === "proposer") this.#slashable.seeBlock(from, groupKey, duty.slot, root);
    }
  }

  /** What can be said at the end: of what the chain took and refused, of causes, of bugs, and of what is missing where something is expected. */
  finish(expected?: Expected): void {
    const { chain, wrong, operators, spec } = this.#world;
    for (const { groupKey, signed } of chain.published) {
      const root = rootSigned(signed, spec);
      if (root === undefined) continue;
      if (signed.kind === "attester") {
        const { source, target } = signed.value.data;
        const vote = { source: source.epoch, target: target.epoch, root };
        this.#slashable.seeVote("the cluster", groupKey, vote);
      }
      if (signed.kind === "proposer")
        this.#slashable.seeBlock("the cluster", groupKey, signed.value.signedBlock.message.slot, root);
    }
    // S3: a beacon node refuses a wrong group signature; an honest operator never sends one.
    for (const { by, fault, signed } of wrong)
      if (!this.#liars.has(by))
        this.violations.push(`S3: operator ${by} sent a ${signed.kind}: wrong ${fault}`);
    for (const { index, outcomes } of operators)
      for (const { duty, outcome, cause } of outcomes)
        if (cause === undefined && (outcome === "failed" || outcome === "not-included"))
          this.violations.push(`no cause: operator ${index} does not say why ${dutyName(duty)} failed`);
    for (const { by, why } of this.#world.bugs)
      if (!this.#liars.has(by)) this.violations.push(`bug: operator ${by} found a bug of ours: ${why}`);
    if (expected === undefined) return;
    for (const one of missingDuties(this.#world, this.#agreed, expected)) this.violations.push(`S7: ${one}`);
  }
}
