/**
 * The page: asks the node (asking.js) and shows each part of what it said. Parts are functions of what is known; only the
 * chosen duty is remembered, in duties.js.
 *
 * @import { Known } from "./asking.js"
 */
import { keepAsking } from "./asking.js";
import { el, show } from "./dom.js";
import { showDuties } from "./duties.js";
import { showLatency } from "./latency.js";
import { showBeaconNodes, showProcess, showSigning } from "./machine.js";
import { showOperators } from "./operators.js";
import { showVerdict } from "./verdict.js";
import { counted, whole } from "./words.js";

/** An answer older than this is not of now. */
const STALE_MS = 10_000;

/** @type {Known | undefined} */
let known;
/** Why the node does not answer. @type {string | undefined} */
let failure;

void keepAsking({
  answered(now) {
    known = now;
    failure = undefined;
    draw(now);
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
  showNames(now);
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
  showVerdict(known, isStale ? failure : undefined);
  if (known !== undefined) showSlot(known, ageMs);
}

/** @param {Known} now */
function showNames({ status: { cluster, chain, operator, nickname, version } }) {
  const facts = [
    `operator-${operator}${nickname === "" ? "" : ` “${nickname}”`}`,
    counted(cluster.validators, "validator"),
    `any ${cluster.threshold} of ${cluster.operators} operators sign`,
    ...(chain.network === "unknown" ? [] : [chain.network]),
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
