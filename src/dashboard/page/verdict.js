/**
 * Is all well? One sentence, with the reason and what to do. The node decides (src/node/findings.ts); whether the node
 * answers at all only the page can say.
 *
 * @import { Known } from "./asking.js"
 * @import { Finding } from "../../node/index.ts"
 */
import { el, place, show } from "./dom.js";
import { clockTime, counted, duration, whole } from "./words.js";

const SIGNS = { good: "✓", note: "i", warning: "!", bad: "✕", stale: "?" };

/**
 * @param {Known | undefined} known
 * @param {{ readonly why: string; readonly againAt: number } | undefined} failure The node does not answer, and what is known is old.
 */
export function showVerdict(known, failure) {
  if (failure !== undefined) return tell("stale", [unanswered(known, failure)]);
  if (known === undefined) return undefined;
  const { findings } = known.status;
  const [gravest] = findings;
  if (gravest === undefined)
    return tell("good", [{ what: `All is well. ${achievements(known)}`, advice: "" }]);
  return tell(gravest.level, findings);
}

/**
 * @param {keyof typeof SIGNS} level
 * @param {readonly Pick<Finding, "what" | "advice">[]} findings
 */
function tell(level, [first, ...others]) {
  place("verdict").dataset["level"] = level;
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
  const connected = peers.filter((peer) => peer.connected).length + 1;
  const ended = [...duties.values()].filter(
    ({ state }) => state === "done" || state === "late" || state === "failed",
  );
  const done = ended.filter(({ state }) => state === "done").length;
  const work =
    ended.length === 0
      ? "no duty is over yet"
      : done === ended.length
        ? `${ended.length === 1 ? "the one duty" : `all ${whole(done)} duties`} of the last 64 slots went out on time`
        : `${whole(done)} of ${counted(ended.length, "duty", "duties")} of the last 64 slots went out on time`;
  return `${connected === peers.length + 1 ? `All ${connected}` : `${connected} of ${peers.length + 1}`} operators are connected; ${work}.`;
}

/**
 * @param {Known | undefined} known
 * @param {{ readonly why: string; readonly againAt: number }} failure
 */
function unanswered(known, { why, againAt }) {
  const now = performance.now();
  const age = known === undefined ? "" : ` for ${duration((now - known.answeredAt) / 1_000)}`;
  const from = known === undefined ? "" : `What you see is from ${clockTime(known.status.at)}.`;
  const again = againAt > now ? `in ${Math.ceil((againAt - now) / 1_000)} s` : "now";
  return {
    what: `The node has not answered${age}.`,
    advice:
      `${from} Check that it runs, and that this machine reaches it (${why}). Asking again ${again}.`.trimStart(),
  };
}
