import { toHex } from "../../src/base/index.ts";
import type { ConsensusValue } from "../../src/consensus/index.ts";
import {
  type DutyId,
  type DutyKind,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  type Root,
} from "../../src/spec/index.ts";

/** Kinds of which every signature follows from a decision. */
const AGREED: ReadonlySet<DutyKind> = new Set(["attester", "proposer", "aggregator", "sync-contribution"]);
/** Kinds in which all honest operators sign the same: what was decided, or what is known beforehand. */
const ALIKE: ReadonlySet<DutyKind> = new Set([
  ...AGREED,
  "randao",
  "prepare-aggregator",
  "prepare-sync-contribution",
]);

/**
 * S2: for each duty honest operators take one and the same value for decided, none signs before it has a decision, and
 * whatever they sign for one validator is one and the same.
 */
export class AgreedChecker {
  readonly #violations: string[];
  readonly #decided = new Map<string, string>();
  readonly #deciders = new Set<string>();
  readonly #signed = new Map<string, string>();

  constructor(violations: string[]) {
    this.#violations = violations;
  }

  seeDecision(by: OperatorIndex, duty: DutyId, { bytes }: ConsensusValue): void {
    const name = dutyName(duty);
    const value = toHex(bytes);
    const first = this.#decided.get(name) ?? value;
    if (first !== value) this.#violations.push(`S2: two values were decided for ${name}`);
    this.#decided.set(name, first);
    this.#deciders.add(`${by} ${name}`);
  }

  hasDecided(by: OperatorIndex, duty: DutyId): boolean {
    return this.#deciders.has(`${by} ${dutyName(duty)}`);
  }

  seePartial(
    by: OperatorIndex,
    duty: DutyId,
    { groupKey, part, root }: { readonly groupKey: GroupKey; readonly part: number; readonly root: Root },
  ): void {
    if (AGREED.has(duty.kind) && !this.hasDecided(by, duty))
      this.#violations.push(`S2: operator ${by} signed ${dutyName(duty)} before it had a decision`);
    if (!ALIKE.has(duty.kind)) return;
    const name = `${dutyName(duty)} ${groupKey} ${part}`;
    const first = this.#signed.get(name) ?? toHex(root);
    if (first !== toHex(root)) this.#violations.push(`S2: two values were signed for ${dutyName(duty)}`);
    this.#signed.set(name, first);
  }
}
