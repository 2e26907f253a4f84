import assert from "node:assert/strict";
import { countDuties } from "../e2e/local-run.ts";
import { type Sample, sumOf } from "./metrics.ts";
import { FIRST_WATCHED_SLOT, type MixedCluster, type MixedNode } from "./mixed-cluster.ts";

/** Duties of a span of slots as the chain judged them, and what was wrong with those that were not on time. */
export function dutiesOf(
  cluster: MixedCluster,
  from: number,
  to: number,
  kinds: readonly string[],
): ReturnType<typeof countDuties> {
  return countDuties(cluster.chain.report(), from, to, kinds);
}

/** A consensus instance as a node's log told it. */
export interface Decision {
  readonly duty: string;
  readonly round: number;
  readonly leader: number;
}

const DECIDED: Readonly<Record<"trireme" | "charon", RegExp>> = {
  trireme: /Consensus decided\s+duty=(\d+)\/(\S+) round=(\d+) leader=(\d+)/g,
  charon: /QBFT consensus decided\s+\{"duty": "(\w+)", "slot": (\d+), "round": (\d+), "leader_index": (\d+)/g,
};

/** Decisions on attestations and proposals of slots [from, to), by a node's own account. */
export function decisionsOf(node: MixedNode, from: number, to: number): readonly Decision[] {
  return [...node.process.log().matchAll(DECIDED[node.program])].flatMap((match) => {
    const [slot, kind] = node.program === "trireme" ? [match[1], match[2]] : [match[2], match[1]];
    if (Number(slot) < from || Number(slot) >= to) return [];
    if (kind !== "attester" && kind !== "proposer") return [];
    return [{ duty: `${slot}/${kind}`, round: Number(match[3]), leader: Number(match[4]) }];
  });
}

/** How many partial signatures of attestations a node has taken from another. */
export function partialsTaken(samples: readonly Sample[], from: MixedNode): number {
  return sumOf(samples, "core_parsigdb_store_count", { duty: "attester", peer_idx: String(from.index) });
}

/** What Charon calls an operator, by its own log. */
export function charonNames(charon: MixedNode): readonly string[] {
  const match = /"peers": "\[([^\]]*)\]"/.exec(charon.process.log());
  assert.ok(match, "Charon's log names its peers");
  return (match[1] as string).split(" ").map((entry) => entry.split(":")[1] as string);
}

/**
 * Lines at warning or error level in Charon's log that name an operator, were written after a moment (HH:MM:SS), and are not about
 * a duty from before the watch: Charon looks at a failed slot when two epochs are over, and before it some clients were not up.
 */
export function complaints(
  { nodes }: MixedCluster,
  charon: MixedNode,
  name: string,
  after: string,
): readonly string[] {
  const mocked = nodes.some(({ seat }) => seat === "charon");
  return charon.process
    .log()
    .split("\n")
    .filter((line) => /^\d\d:\d\d:\d\d\.\d+ (WARN|ERRO)/.test(line) && line.slice(0, 8) >= after)
    .filter((line) => line.includes(name) && !(mocked && FORGOTTEN_DUTIES.test(line)))
    .filter(
      (line) => Number(/"duty": "(\d+)\//.exec(line)?.[1] ?? Number.POSITIVE_INFINITY) >= FIRST_WATCHED_SLOT,
    );
}

/**
 * Charon's mock client signs no selection proofs, so those of others stay below the threshold. Charon v1.11's tracker looks at such
 * a failed slot when two epochs are over, has forgotten its attester duties by then, and says that nobody expected the proofs.
 */
const FORGOTTEN_DUTIES = /WARN tracker +Unexpected event found .*\/prepare_aggregator"/;
