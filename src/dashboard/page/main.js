/**
 * The page: asks the node (asking.js) and shows each part of what it said. Parts are functions of what is known; only the
 * chosen duty is remembered, in duties.js.
 *
 * @import { Known } from "./asking.js"
 * @import { StartingStatus } from "../../node/index.ts"
 */
import { keepAsking } from "./asking.js";
import { el, show } from "./dom.js";
import { showDuties } from "./duties.js";
import { showLatency } from "./latency.js";
import { showBeaconNodes, showProcess, showSigning } from "./machine.js";
import { showOperators } from "./operators.js";
import { showFindings, showVerdict } from "./verdict.js";
import { counted, whole } from "./words.js";

/** An answer older than this is not of now. */
const STALE_MS = 10_000;

/** @type {Known | undefined} */
let known;
/** Why the node does not answer. @type {string | undefined} */
let failure;
/** What a node says that is not built yet; it may come after one that ran. @type {StartingStatus | undefined} */
let start;

void keepAsking({
  answered(now) {
    known = now;
    start = undefined;
    failure = undefined;
    draw(now);
    tick();
  },
  starts(now) {
    start = now;
    failure = undefined;
    showNames(now);
    tick();
  },
  failed(why) {
    failure = why;
    tick();
  },
});
setInterval(tick, 1_000);

/** @param {Known} now */
function draw(now) {
  showNames(now.status);
  showOperators(now);
  showDuties(now);
  showLatency(now);
  showBeaconNodes(now);
  showSigning(now);
  showProcess(now);
}

/** What changes with time alone: the slot, and how old all this is. */
function tick() {
  const ageMs = known === undefined ? Number.POSITIVE_INFINITY : performance.now() - known.answeredAt;
  const isStale = failure !== undefined && ageMs > STALE_MS;
  document.body.classList.toggle("stale", isStale);
  const starting = failure === undefined ? start : undefined;
  document.body.classList.toggle("starting", starting !== undefined);
  if (starting !== undefined) return showFindings(starting.findings);
  showVerdict(known, isStale ? failure : undefined);
  if (known !== undefined) showSlot(known, ageMs);
}

/** @param {Known["status"] | StartingStatus} status */
function showNames(status) {
  const { cluster, operator, nickname, version } = status;
  const network = "chain" in status ? status.chain.network : "unknown";
  const facts = [
    `operator-${operator}${nickname === "" ? "" : ` “${nickname}”`}`,
    counted(cluster.validators, "validator"),
    `any ${cluster.threshold} of ${cluster.operators} operators sign`,
    ...(network === "unknown" ? [] : [network]),
    `Trireme ${version}`,
  ];
  show("names", el("h1", {}, cluster.name === "" ? "Trireme" : cluster.name), el("p", {}, facts.join(" · ")));
}

/**
 * @param {Known} now
 * @param {number} ageMs
 */
function showSlot({ status: { at, chain } }, ageMs) {
  const { genesisTime, slotMs, slotsPerEpoch } = chain;
  const sinceGenesis = at + ageMs - genesisTime;
  if (sinceGenesis < 0) return show("slot", el("p", {}, `Genesis in ${Math.ceil(-sinceGenesis / 1_000)} s`));
  const slot = Math.floor(sinceGenesis / slotMs);
  const epoch = Math.floor(slot / slotsPerEpoch);
  show(
    "slot",
    el("p", {}, "slot ", el("strong", {}, whole(slot))),
    el("progress", {
      max: slotMs,
      value: Math.round(sinceGenesis % slotMs),
      "aria-label": "how far the slot is",
    }),
    el("p", {}, `epoch ${whole(epoch)}, slot ${(slot % slotsPerEpoch) + 1} of ${slotsPerEpoch}`),
  );
}
