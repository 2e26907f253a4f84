/**
 * What this node leans on and what it costs: beacon nodes, what signs here, the process.
 *
 * @import { Known } from "./asking.js"
 * @import { BeaconNodeStatus } from "../../beacon/index.ts"
 */
import { el, show } from "./dom.js";
import { bytes, clockTime, counted, duration, milliseconds, roundTrip, whole } from "./words.js";

/** CPU is told over so long; over the whole life of the process before. */
const CPU_WINDOW_MS = 30_000;

/** @param {Known} known */
export function showBeaconNodes({ status: { beacon } }) {
  show("beacon", ...beacon.map(beaconNode));
}

/** @param {BeaconNodeStatus} node */
function beaconNode(node) {
  const { usable, reachable, syncDistance, latencyMs, peers, version, lastError } = node;
  const state = usable ? "direct" : "away";
  /** @type {(readonly [string, string])[]} */
  const facts = [
    [
      "Sync",
      !reachable ? "unknown" : syncDistance === 0 ? "at the head" : `${counted(syncDistance, "slot")} behind`,
    ],
    ["Answers in", !reachable || latencyMs === 0 ? "–" : roundTrip(latencyMs)],
    ["Peers", reachable && peers !== undefined ? whole(peers) : "unknown"],
    ["Execution client", executionOf(node)],
    ["Version", version === "" ? "–" : version],
  ];
  if (!usable && lastError !== "") facts.push(["Last error", lastError]);
  return el(
    "article",
    { "data-usable": String(usable) },
    el("h3", {}, node.node, " ", el("span", { class: `badge ${state}` }, wordFor(node))),
    list(facts),
  );
}

/** @param {BeaconNodeStatus} node */
function executionOf({ reachable, executionOffline, optimistic }) {
  if (!reachable) return "unknown";
  return executionOffline ? "offline" : optimistic ? "behind" : "well";
}

/** @param {BeaconNodeStatus} node */
function wordFor({ usable, reachable, chain, optimistic }) {
  if (usable) return "in use";
  if (!reachable) return "no answer";
  if (chain === "other") return "other chain";
  return optimistic || chain === "ours" ? "syncing" : "unknown";
}

/** @param {Known} known */
export function showSigning({ status: { duties, slashingMemory, validatorClient, ready, cluster } }) {
  const { watching, validators } = duties;
  /** @type {(readonly [string, string])[]} */
  const facts = [
    [
      "This node",
      slashingMemory.signs ? "signs" : watching === undefined ? "signs nothing" : "watches and signs nothing",
    ],
    ["Slashing memory", duties.memory === "well" ? MEMORY[slashingMemory.origin] : duties.memory],
  ];
  if (watching !== undefined) {
    facts.push(["Why it watches", watching.reason]);
    facts.push(["Quiet epochs", `${watching.quietEpochs} of 2`]);
    facts.push(["Signs from", clockTime(watching.signsAt)]);
    if (watching.unexplained > 0)
      facts.push(["Signed elsewhere", `${watching.unexplained}: ${watching.unexplainedKeys.join(", ")}`]);
  }
  facts.push(["Signer", validatorClient === undefined ? "built in" : clientOf(validatorClient)]);
  facts.push(["Validators", `${whole(validators.active)} of ${whole(cluster.validators)} active`]);
  facts.push(["Sent, not on chain yet", counted(duties.awaitingInclusion, "signature")]);
  facts.push(["Ready", ready.length === 0 ? "yes" : `no: ${ready.join(", ")}`]);
  show("signing", list(facts));
}

/** @param {{ readonly client: string }} validatorClient */
function clientOf({ client }) {
  return client === "" ? "a validator client, which has asked nothing yet" : `validator client, ${client}`;
}

const MEMORY = { kept: "kept by this node", imported: "imported", new: "new at the start" };

/** @type {{ at: number; cpuSeconds: number; pid: number }[]} */
let samples = [];

/** @param {Known} known */
export function showProcess({ status, answeredAt }) {
  const { pid, cpuSeconds, residentBytes, eventLoopWorstMs, eventLoopHeldMs, uptimeSeconds } = status.process;
  samples = [...samples, { at: answeredAt, cpuSeconds, pid }].filter(
    (sample) => sample.pid === pid && answeredAt - sample.at <= CPU_WINDOW_MS,
  );
  const [first] = samples;
  const isWindow = first !== undefined && answeredAt - first.at > CPU_WINDOW_MS / 4;
  const share = isWindow
    ? (cpuSeconds - first.cpuSeconds) / ((answeredAt - first.at) / 1_000)
    : cpuSeconds / Math.max(1, uptimeSeconds);
  show(
    "process",
    list([
      ["CPU", `${(100 * share).toFixed(1)} % of a core`],
      ["Memory", bytes(residentBytes)],
      ["Stood still, worst of 10 s", milliseconds(eventLoopWorstMs)],
      ["… for work of its own", milliseconds(eventLoopHeldMs)],
      ["Version", status.version],
      ["Up for", duration(uptimeSeconds)],
      ["Process", String(pid)],
    ]),
  );
}

/** @param {readonly (readonly [string, string])[]} facts */
function list(facts) {
  return el(
    "dl",
    {},
    ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}
