/**
 * How long after its due time each duty was sent, kind by kind: a dot for each slot. Before the due time is below zero: votes
 * go out as soon as the block is there. Steps on the way to a duty have no chart: nobody is paid for their time.
 *
 * @import { Known } from "./asking.js"
 * @import { DutyDigest } from "../../telemetry/index.ts"
 */
import { SLOTS } from "./asking.js";
import { el, show, svg } from "./dom.js";
import { KINDS, milliseconds } from "./words.js";

const WIDTH = 320;
const HEIGHT = 132;
const LEFT = 58;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 22;

const NOTE =
  "A dot for each slot. Below the line “due” it was sent before it had to be: votes go out as soon as the block of their slot is there.";

/** @typedef {{ readonly slot: number; readonly ms: number; readonly state: string }} Point */

/** @param {Known} known */
export function showLatency({ duties, slot }) {
  const charts = KINDS.filter(({ isStep }) => isStep !== true).flatMap(({ kind, many }) => {
    const points = [...duties.values()].filter((duty) => duty.kind === kind).flatMap(pointOf);
    return points.length === 0 ? [] : [chart(many, points, slot)];
  });
  show("latency", ...(charts.length === 0 ? [el("p", { class: "soft" }, "Nothing was sent yet.")] : charts));
  show("latency-note", charts.length === 0 ? "" : NOTE);
}

/**
 * @param {DutyDigest} duty
 * @returns {readonly Point[]}
 */
function pointOf({ slot, dueAt, broadcastAt, state }) {
  return dueAt === undefined || broadcastAt === undefined ? [] : [{ slot, ms: broadcastAt - dueAt, state }];
}

/**
 * @param {string} title
 * @param {readonly Point[]} points
 * @param {number} now The slot at the right end.
 */
function chart(title, points, now) {
  const sorted = points.map(({ ms }) => ms).toSorted((a, b) => a - b);
  /** @param {number} share */
  const quantile = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const summary = `median ${milliseconds(quantile(0.5))}, 95 %: ${milliseconds(quantile(0.95))}`;
  const ticks = ticksFor(Math.min(0, sorted[0] ?? 0), Math.max(0, sorted.at(-1) ?? 0));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  /** @param {number} slot */
  const x = (slot) => LEFT + ((slot - now + SLOTS - 0.5) / SLOTS) * (WIDTH - LEFT - RIGHT);
  /** @param {number} ms */
  const y = (ms) => TOP + ((high - ms) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  return el(
    "figure",
    {},
    el("figcaption", {}, el("strong", {}, title), el("span", { class: "soft" }, summary)),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${summary} after due` },
      ...ticks.flatMap((ms) => [
        svg("line", { class: ms === 0 ? "due" : "tick", x1: LEFT, x2: WIDTH - RIGHT, y1: y(ms), y2: y(ms) }),
        svg("text", { x: LEFT - 6, y: y(ms) + 3.5, "text-anchor": "end" }, tickName(ms, high - low)),
      ]),
      svg("text", { x: LEFT, y: HEIGHT - 5 }, `−${SLOTS} slots`),
      svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, "now"),
      ...points.map(({ slot, ms, state }) =>
        svg("circle", { class: state, cx: x(slot).toFixed(1), cy: y(ms).toFixed(1), r: 2.2 }),
      ),
    ),
  );
}

/**
 * Three to five round values that hold both ends between them.
 *
 * @param {number} low
 * @param {number} high
 * @returns {readonly number[]}
 */
function ticksFor(low, high) {
  const rough = Math.max(10, high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? power;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * @param {number} ms
 * @param {number} range
 */
function tickName(ms, range) {
  if (ms === 0) return "due";
  const sign = ms < 0 ? "−" : "+";
  return range < 1_000 ? `${sign}${Math.abs(ms)} ms` : `${sign}${Math.abs(ms) / 1_000} s`;
}
