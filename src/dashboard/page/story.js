/**
 * What one duty has to tell: how it stands, when it was sent, who signed, and for what failed the cause and what to do.
 *
 * @import { Known } from "./asking.js"
 * @import { DutyDigest } from "../../telemetry/index.ts"
 */
import { el } from "./dom.js";
import { counted, KINDS, listed, milliseconds, whole } from "./words.js";

/** @typedef {{ readonly slot: number; readonly kind: string }} Choice */

/** How a state is called, in the order of the legend. */
export const STATES = {
  done: "on time",
  sent: "sent, not on chain yet",
  late: "late",
  failed: "failed",
  watched: "only watched",
  waiting: "under way",
};
/**
 * @param {Known} now
 * @param {Choice} choice
 */
export function story(now, { slot, kind }) {
  const { one = kind, about = "" } = KINDS.find((of) => of.kind === kind) ?? {};
  const duty = now.duties.get(`${slot}/${kind}`);
  const title = `Slot ${whole(slot)}, ${one}`;
  if (duty === undefined)
    return [
      el(
        "p",
        {},
        el("strong", {}, title),
        ": no validator of the cluster had one, or nothing is known of it.",
      ),
      el("p", { class: "soft" }, about),
    ];
  return [
    el(
      "p",
      {},
      el("strong", {}, `${title}: `),
      el("span", { class: `state ${duty.state}` }, STATES[duty.state]),
    ),
    el("p", {}, `${steps(duty)} ${signers(now, duty)}`),
    ...duty.outcomes.flatMap(({ cause, validators }) =>
      cause === undefined
        ? []
        : [
            el(
              "p",
              { class: "cause" },
              `${validators} of ${counted(duty.validators, "validator")}: `,
              el("code", {}, cause),
              `: ${now.causes[cause] ?? ""}`,
            ),
          ],
    ),
    el("p", { class: "soft" }, about),
  ];
}

/** @param {DutyDigest} duty */
function steps({ validators, round, broadcastAt, dueAt }) {
  const parts = [counted(validators, "validator")];
  if (round !== undefined) parts.push(`agreed in round ${round}`);
  if (broadcastAt !== undefined && dueAt !== undefined) {
    const after = broadcastAt - dueAt;
    parts.push(`sent ${milliseconds(Math.abs(after))} ${after < 0 ? "before" : "after"} it was due`);
  }
  return `${parts.join(", ")}.`;
}

/**
 * @param {Known} now
 * @param {DutyDigest} duty
 */
function signers({ status: { cluster } }, { signers: present }) {
  if (present.length === 0) return "No partial signature was seen.";
  const missing = Array.from({ length: cluster.operators }, (_, i) => i).filter(
    (operator) => !(/** @type {readonly number[]} */ (present).includes(operator)),
  );
  if (missing.length === 0) return "All operators signed.";
  return `Signed by ${present.length} of ${cluster.operators}; not by ${listed(missing.map((operator) => `operator-${operator}`))}.`;
}
