/**
 * Is all well? One sentence, with the reason and what to do. The node decides (src/node/findings.ts); whether the node
 * answers at all only the page can say.
 *
 * @import { Known } from "./asking.js"
 * @import { Finding } from "../../node/index.ts"
 */
import { SLOTS } from "./asking.js";
import { el, place, show } from "./dom.js";
import { clockTime, counted, whole } from "./words.js";

const SIGNS = { good: "✓", note: "i", warning: "!", bad: "✕", stale: "?" };

/**
 * @param {Known | undefined} known
 * @param {string | undefined} failure Why the node does not answer, when what is known is old.
 */
export function showVerdict(known, failure) {
  if (failure !== undefined) return tell("stale", [unanswered(known, failure)]);
  if (known === undefined) return undefined;
  const { findings } = known.status;
  const [gravest] = findings;
  if (gravest === undefined) return tell("good", [{ what: "All is well.", advice: achievements(known) }]);
  return tell(gravest.level, findings);
}

/** @param {readonly Finding[]} findings The gravest first; not empty. */
export function showFindings(findings) {
  tell(findings[0]?.level ?? "note", findings);
}

/**
 * @param {keyof typeof SIGNS} level
 * @param {readonly Pick<Finding, "what" | "advice">[]} findings
 */
function tell(level, [first, ...others]) {
  const { dataset } = place("verdict");
  // Numbers in the sentences change all the time; read out is what is new.
  if (dataset["level"] !== level) show("announcement", first?.what ?? "");
  dataset["level"] = level;
  document.title = `${SIGNS[level]} ${place("names").querySelector("h1")?.textContent ?? "Trireme"}`;
  show(
    "verdict",
    el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[level]),
    el(
      "div",
      {},
      el("p", { class: "headline" }, first?.what ?? ""),
      el("p", { class: "advice" }, first?.advice ?? ""),
      ...(others.length === 0 ? [] : [el("ul", {}, ...others.map(also))]),
    ),
  );
}

/** @param {Pick<Finding, "what" | "advice">} finding */
function also({ what, advice }) {
  return el("li", {}, el("strong", {}, what), " ", advice);
}

/** @param {Known} known */
function achievements({ status: { peers }, duties }) {
  const states = [...duties.values()].map(({ state }) => state);
  const ended = states.filter((state) => state === "done" || state === "late" || state === "failed").length;
  const done = states.filter((state) => state === "done").length;
  const work = `${whole(done)} of ${counted(ended, "duty", "duties")} of the last ${SLOTS} slots went out on time`;
  return `All ${peers.length + 1} operators are connected, and ${ended === 0 ? "no duty is over yet" : work}.`;
}

/**
 * @param {Known | undefined} known
 * @param {string} why
 */
function unanswered(known, why) {
  const what = "The node does not answer";
  const advice = `Check that it runs, and that this machine reaches it (${why}). This page asks again by itself.`;
  if (known === undefined) return { what: `${what}.`, advice };
  return {
    what: `${what}. What you see is of ${clockTime(known.status.at)}, and old.`,
    advice,
  };
}
