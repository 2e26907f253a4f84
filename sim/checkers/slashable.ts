import { toHex } from "../../src/base/index.ts";
import type { GroupKey, OperatorIndex, Root } from "../../src/spec/index.ts";

interface Vote {
  readonly source: number;
  readonly target: number;
  readonly root: string;
}

/**
 * S1: nothing that a share says, in this life or an earlier one, contradicts what it said before. The same question is asked
 * of whole validators by what the chain took.
 */
export class SlashableChecker {
  readonly #violations: string[];
  readonly #votes = new Map<string, Vote[]>();
  readonly #blocks = new Map<string, string>();

  constructor(violations: string[]) {
    this.#violations = violations;
  }

  /** @param who - An operator, or "the cluster". */
  seeVote(
    who: OperatorIndex | "the cluster",
    groupKey: GroupKey,
    { source, target, root }: { readonly source: number; readonly target: number; readonly root: Root },
  ): void {
    const name = `${who} ${groupKey}`;
    const vote = { source, target, root: toHex(root) };
    const before = this.#votes.get(name) ?? [];
    if (before.some((old) => old.root === vote.root)) return;
    for (const old of before) {
      const double = old.target === target;
      const surround =
        (old.source < source && target < old.target) || (source < old.source && old.target < target);
      if (double || surround)
        this.#violations.push(
          `S1: ${nameOf(who)} signed ${double ? "two votes for one target" : "a surrounding vote"} ${source}->${target}`,
        );
    }
    this.#votes.set(name, [...before, vote]);
  }

  seeBlock(who: OperatorIndex | "the cluster", groupKey: GroupKey, slot: number, root: Root): void {
    const name = `${who} ${groupKey} ${slot}`;
    const old = this.#blocks.get(name) ?? toHex(root);
    if (old !== toHex(root)) this.#violations.push(`S1: ${nameOf(who)} signed two blocks for slot ${slot}`);
    this.#blocks.set(name, old);
  }
}

function nameOf(who: OperatorIndex | "the cluster"): string {
  return typeof who === "number" ? `operator ${who}` : who;
}
