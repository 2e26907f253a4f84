import { type BeaconNodeStatus, whyUnusable } from "../beacon/index.ts";
import { CAUSES, type Cause, type DoubleEvidence, type WatchReason } from "../duty/index.ts";
import type { UnixMs } from "../spec/index.ts";
import type { DutyDigest, NotReady } from "../telemetry/index.ts";
import { aboutPeers, lastAttempt, nameAll } from "./peer-findings.ts";
import type { NodeStatus } from "./status.ts";

/** Something that an operator should know: a sentence, and what to do. */
export interface Finding {
  /** `bad`: duties are missed by this node now, or will be. `warning`: the cluster works, and somebody should look. `note`: as it should be, and passing. */
  readonly level: "bad" | "warning" | "note";
  readonly what: string;
  readonly advice: string;
}

/** What findings are made of. */
export type Facts = Omit<NodeStatus, "findings">;

/** The event loop does all duties; one that stands still for so long makes them late. */
const LOOP_HELD_MS = 500;
/** Causes that are named one by one. */
const CAUSES_MAX = 3;
const GRAVITY = ["bad", "warning", "note"] as const;

/**
 * What is not as it should be, the gravest first.
 *
 * @param duties - Of the last epoch.
 */
export function findings(facts: Facts, duties: readonly DutyDigest[]): readonly Finding[] {
  const all = [
    ...facts.ready.map((reason) => whyNotReady(reason, facts)),
    ...aboutDouble(facts),
    ...aboutMemory(facts),
    ...aboutPeers(facts),
    ...aboutBeaconNodes(facts),
    ...aboutDuties(duties, facts.ready),
    ...aboutProcess(facts),
  ];
  return GRAVITY.flatMap((level) => all.filter((finding) => finding.level === level));
}

/** What an operator should know while the node starts. */
export function findingsAtStart(doing: string, beacon: readonly BeaconNodeStatus[]): readonly Finding[] {
  if (!isBeaconDown(beacon))
    return [
      { level: "note", what: `The node is starting: it ${doing}.`, advice: "This page goes on by itself." },
    ];
  const nodes = beacon
    .map(
      (node) =>
        `${node.node} ${whyUnusable(node.chain === "unknown" ? { ...node, reachable: false } : node)}`,
    )
    .join("; ");
  return [
    {
      level: "bad",
      what: `The node waits for a beacon node: ${nodes}.`,
      advice: "Start it, or correct --beacon-node-endpoints. It begins by itself once one can be used.",
    },
  ];
}

/** Whether all that were asked have failed to answer; not yet, while none was asked. */
export function isBeaconDown(beacon: readonly BeaconNodeStatus[]): boolean {
  return beacon.length > 0 && beacon.every(({ usable, lastError }) => !usable && lastError !== "");
}

/** A reason not to be ready in words, with what to do. */
export function whyNotReady(reason: NotReady, facts: Facts): Finding {
  const { what, advice } = REASONS[reason](facts);
  return { level: reason === "watching for a double" ? "note" : "bad", what, advice };
}

const REASONS: Readonly<Record<NotReady, (facts: Facts) => Omit<Finding, "level">>> = {
  starting: () => ({ what: "The node is starting.", advice: "It takes some seconds." }),
  stopping: () => ({ what: "The node is stopping.", advice: "It finishes the signatures under way first." }),
  "beacon node down": ({ beacon }) => ({
    what: noneUsable(beacon),
    advice: "Start it, or correct --beacon-node-endpoints. This node does no duties until one can be used.",
  }),
  "beacon node not synced": ({ beacon }) => ({
    what: noneUsable(beacon),
    advice: "Wait until it has caught up, or add another one to --beacon-node-endpoints.",
  }),
  "beacon node has zero peers": () => ({
    what: "The beacon node has no peers.",
    advice: "Check its connection to the network and its port.",
  }),
  "beacon node far behind": () => ({
    what: "The beacon node is far behind the chain.",
    advice: "Check that its machine and its execution client keep up.",
  }),
  "quorum peers not connected": ({ peers, cluster }) => ({
    what: `Too few operators are connected: ${peers.filter(({ connected }) => connected).length + 1} with this one, and ${cluster.threshold} must sign.`,
    advice: `Ask whether the nodes of ${nameAll(peers.filter(({ connected }) => !connected))} run. If they do, check this machine's connection, its p2p port and the relays.${lastAttempt(peers)}`,
  }),
  "vc not connected": () => ({
    what: "No validator client has asked for anything lately, so nothing is signed here.",
    advice: "Start it, and point it at --validator-api-address as its beacon node.",
  }),
  "slashing memory unavailable": () => ({
    what: "The slashing memory cannot be written, so nothing is signed.",
    advice: CAUSES["slashing-memory-unavailable"],
  }),
  "slashing memory doubted": () => ({
    what: "A bug was found on the way to the slashing memory, so this node signs nothing more. The other operators go on.",
    advice: "Report the log's line on it, then start the node again.",
  }),
  "key shares missing": () => ({
    what: "There are no key shares, so nothing is signed.",
    advice: "Put this operator's keystores into validator_keys/ of the data folder and restart.",
  }),
  "watching for a double": ({ at, duties: { watching } }) => ({
    what: `This node watches the chain before it signs, as its slashing memory ${WATCHED_MEMORY[watching?.reason ?? "new memory"]}. The other operators sign.`,
    advice:
      watching?.reason === "memory may be a copy"
        ? "Wait until a beacon node has caught up; then it begins by itself."
        : `Nothing to do: it begins by itself after two quiet epochs${watching === undefined ? "" : `, in about ${minutesUntil(watching.signsAt, at)} min`} (docs/moving.md).`,
  }),
};

function noneUsable(beacon: readonly BeaconNodeStatus[]): string {
  return `No beacon node can be used: ${beacon.map((node) => `${node.node} ${whyUnusable(node)}`).join("; ")}.`;
}

/** What is to be said of a slashing memory for which the node watches first. */
const WATCHED_MEMORY: Readonly<Record<WatchReason, string>> = {
  "new memory": "is new",
  "imported memory": "was imported",
  "memory behind": "is behind",
  "memory may be a copy":
    "may be a copy that came back with this machine, and no beacon node has the chain as it is now",
};

function minutesUntil(time: UnixMs, now: UnixMs): number {
  return Math.max(1, Math.ceil((time - now) / 60_000));
}

/** How somebody else gave himself away; continues "it". */
const GAVE_AWAY: Readonly<Record<DoubleEvidence, string>> = {
  signed: "signed a message with this node's key",
  led: "led a round in this node's place",
};

function aboutDouble({ double, slashingMemory }: Facts): readonly Finding[] {
  if (double === undefined) return [];
  return [
    {
      level: "bad",
      what: `Another program runs as this operator: it ${GAVE_AWAY[double.evidence]} (${double.duty}).`,
      advice: slashingMemory.signs
        ? "Find it, on a machine that was thought to be off or as a second container, and stop one of the two: together they are one faulty operator (docs/moving.md)."
        : "Find it, on a machine that was thought to be off or as a second container, and stop it: this node signs nothing until two epochs after that (docs/moving.md).",
    },
  ];
}

function aboutMemory({ duties: { watching } }: Facts): readonly Finding[] {
  if (watching === undefined || watching.unexplained === 0) return [];
  return [
    {
      level: "bad",
      what: `${watching.unexplained} of the validators were seen signing, and not by this cluster.`,
      advice: "Find what else has their keys and stop it. This node signs nothing until then.",
    },
  ];
}

function aboutBeaconNodes({ beacon }: Facts): readonly Finding[] {
  const usable = beacon.filter((node) => node.usable);
  if (usable.length === 0) return []; // Said as a reason not to be ready.
  const down = beacon.filter((node) => !node.usable);
  const found: Finding[] = down.map((node) => ({
    level: "warning",
    what: `Beacon node ${node.node} ${whyUnusable(node)}.`,
    advice: `Check it. ${usable.map((other) => other.node).join(", ")} ${usable.length === 1 ? "serves" : "serve"} in its place.`,
  }));
  for (const node of usable) {
    if (node.executionOffline)
      found.push({
        level: "warning",
        what: `The execution client of ${node.node} is offline.`,
        advice: "Start it: without it the beacon node makes no blocks and soon verifies none.",
      });
    if (node.peers === 0)
      found.push({
        level: "warning",
        what: `Beacon node ${node.node} has no peers.`,
        advice: "Check its connection to the network and its port.",
      });
  }
  return found;
}

/** Causes of which a reason not to be ready says already what to do. */
const EXPLAINED: Partial<Readonly<Record<string, NotReady>>> = {
  "slashing-memory-doubted": "slashing memory doubted",
  "slashing-memory-unavailable": "slashing memory unavailable",
} satisfies Partial<Record<Cause, NotReady>>;

function aboutDuties(duties: readonly DutyDigest[], ready: readonly NotReady[]): readonly Finding[] {
  // What was left when the node was stopped says nothing of how it is.
  const ended = duties.filter(
    (duty) =>
      duty.state === "done" ||
      duty.state === "late" ||
      (duty.state === "failed" && causeOf(duty) !== ("stopped" satisfies Cause)),
  );
  const failed = ended.filter(({ state }) => state === "failed");
  const causes = [...Map.groupBy(failed, causeOf)].toSorted(([, a], [, b]) => b.length - a.length);
  const [most] = causes;
  if (most === undefined) return [];
  const named = causes.slice(0, CAUSES_MAX).map(([cause, some]) => `${cause} (${some.length})`);
  return [
    {
      level: failed.length > ended.length / 2 ? "bad" : "warning",
      what: `${failed.length} of the ${ended.length} duties of the last epoch failed: ${causes.length === 1 ? most[0] : named.join(", ")}.`,
      advice: ready.includes(EXPLAINED[most[0]] as NotReady) ? "" : (CAUSES[most[0] as Cause] ?? ""),
    },
  ];
}

function causeOf({ outcomes }: DutyDigest): string {
  return outcomes.find(({ outcome, cause }) => isBad(outcome) && cause !== undefined)?.cause ?? "unknown";
}

function isBad(outcome: string): boolean {
  return outcome === "failed" || outcome === "not-included";
}

function aboutProcess({ process: { eventLoopWorstMs, eventLoopHeldMs } }: Facts): readonly Finding[] {
  if (eventLoopWorstMs < LOOP_HELD_MS) return [];
  const ours = 2 * eventLoopHeldMs > eventLoopWorstMs;
  return [
    {
      level: "warning",
      what: `The process stood still for ${Math.round(eventLoopWorstMs)} ms.`,
      advice: ours
        ? "The node itself computed in that time: duties may come late, and its developers should know of it."
        : "The machine is overloaded, or it slept: duties may come late.",
    },
  ];
}
