/**
 * The last 64 slots: a row for each kind of duty, a cell for each slot. A cell can be pointed at, tapped, or reached with
 * the arrow keys; below the grid stands what it has to tell.
 *
 * @import { Known } from "./asking.js"
 * @import { Choice } from "./story.js"
 * @import { DutyDigest } from "../../telemetry/index.ts"
 */
import { SLOTS } from "./asking.js";
import { el, place, show } from "./dom.js";
import { STATES, story } from "./story.js";
import { KINDS, whole } from "./words.js";

/** On a narrow screen there is room for so many slots. */
const SLOTS_NARROW = 32;
/** The name of an epoch is as wide as so many slots of a narrow screen. */
const SLOTS_OF_A_NAME = 10;

/** @type {Known | undefined} */
let known;
/** What was tapped or reached with a key. @type {Choice | undefined} */
let chosen;
/** What the pointer is at. @type {Choice | undefined} */
let pointed;

/** @param {Known} now */
export function showDuties(now) {
  known = now;
  const hadFocus = place("duties").contains(document.activeElement);
  const rows = KINDS.filter(
    ({ kind }) => kind === "attester" || [...now.duties.values()].some((duty) => duty.kind === kind),
  );
  const last = Math.max(0, now.slot);
  const slots = Array.from({ length: SLOTS }, (_, i) => last - SLOTS + 1 + i);
  if (chosen !== undefined && chosen.slot < (slots[0] ?? 0)) chosen = undefined;
  const inTabOrder = chosen ?? { slot: last, kind: rows.at(0)?.kind ?? "attester" };
  show(
    "duties",
    el(
      "div",
      { role: "grid", class: "grid", "aria-label": `Duties of the last ${SLOTS} slots by kind` },
      ...rows.map((kind) => row(now, kind, slots, inTabOrder)),
      axis(now, slots),
    ),
    legend(now),
  );
  if (hadFocus) cellOf(inTabOrder)?.focus({ preventScroll: true });
  showChoice();
}

/**
 * @param {Known} now
 * @param {(typeof KINDS)[number]} of
 * @param {readonly number[]} slots
 * @param {Choice} inTabOrder
 */
function row({ duties, status }, { kind, many }, slots, inTabOrder) {
  const ofRow = slots.flatMap((slot) => duties.get(`${slot}/${kind}`) ?? []);
  const ended = ofRow.filter(({ state }) => state === "done" || state === "late" || state === "failed");
  const done = ended.filter(({ state }) => state === "done").length;
  return el(
    "div",
    { role: "row", "data-kind": kind },
    el("span", { role: "rowheader", class: "kind" }, many),
    ...slots.map((slot, i) => {
      const duty = duties.get(`${slot}/${kind}`);
      const isFirst = slot === inTabOrder.slot && kind === inTabOrder.kind;
      return el("span", {
        role: "gridcell",
        class: classes({
          cell: true,
          epoch: slot % status.chain.slotsPerEpoch === 0,
          old: i < SLOTS - SLOTS_NARROW,
        }),
        "data-slot": slot,
        "data-state": duty?.state ?? (slot < 0 ? "void" : "none"),
        "data-part": duty !== undefined && failedOf(duty) < duty.validators && duty.state === "failed",
        tabindex: isFirst ? 0 : -1,
        "aria-label": `slot ${slot}: ${duty === undefined ? "none" : inShort(duty)}`,
        "aria-selected": isFirst && chosen !== undefined ? "true" : undefined,
      });
    }),
    el("span", { role: "gridcell", class: "sum" }, ended.length === 0 ? "–" : `${done}/${ended.length}`),
  );
}

/** @param {DutyDigest} duty */
function inShort({ state, outcomes }) {
  return [STATES[state], ...outcomes.flatMap(({ cause }) => cause ?? [])].join(", ");
}

/** @param {Readonly<Record<string, boolean>>} which */
function classes(which) {
  return Object.keys(which)
    .filter((name) => which[name])
    .join(" ");
}

/**
 * The first slots of epochs, by name.
 *
 * @param {Known} now
 * @param {readonly number[]} slots
 */
function axis({ status: { chain } }, slots) {
  return el(
    "div",
    { class: "axis", "aria-hidden": "true" },
    el("span", { class: "kind" }),
    ...slots.map((slot, i) => {
      const names = slot % chain.slotsPerEpoch === 0 && slot >= 0;
      return el(
        "span",
        {
          class: classes({
            mark: true,
            epoch: names,
            old: i < SLOTS - SLOTS_NARROW,
            last: i > SLOTS - SLOTS_OF_A_NAME,
          }),
        },
        ...(names ? [el("span", {}, `epoch ${whole(slot / chain.slotsPerEpoch)}`)] : []),
      );
    }),
    el("span", { class: "sum" }, "on time"),
  );
}

/** @param {Known} now */
function legend({ duties }) {
  const present = new Set([...duties.values()].map(({ state }) => state));
  const shown = /** @type {(keyof typeof STATES)[]} */ (Object.keys(STATES)).filter(
    (state) => state === "done" || state === "late" || state === "failed" || present.has(state),
  );
  return el(
    "p",
    { class: "legend" },
    ...shown.flatMap((state) => [
      el("span", { class: "key" }, el("span", { class: "cell", "data-state": state }), ` ${STATES[state]}`),
      " ",
    ]),
  );
}

/** Below the grid: what was pointed at or chosen; else the latest failure; else how to choose. */
function showChoice() {
  if (known === undefined) return;
  const choice = pointed ?? chosen ?? latestFailure(known);
  if (choice === undefined)
    return show(
      "duty",
      el(
        "p",
        { class: "soft" },
        "What a cell has to tell: point at it, tap it, or walk there with the arrow keys.",
      ),
    );
  show("duty", ...story(known, choice));
}

/**
 * @param {Known} now
 * @returns {Choice | undefined}
 */
function latestFailure({ duties }) {
  return [...duties.values()]
    .filter(({ state }) => state === "failed")
    .toSorted((a, b) => b.slot - a.slot)[0];
}

/** @param {DutyDigest} duty */
function failedOf({ outcomes }) {
  return outcomes
    .filter(({ outcome }) => outcome === "failed" || outcome === "not-included")
    .reduce((sum, { validators }) => sum + validators, 0);
}

/**
 * @param {Choice} choice
 * @returns {HTMLElement | null}
 */
function cellOf({ slot, kind }) {
  return place("duties").querySelector(`[data-kind="${kind}"] [data-slot="${slot}"]`);
}

/**
 * @param {EventTarget | null} target
 * @returns {Choice | undefined}
 */
function choiceAt(target) {
  const cell = target instanceof Element ? target.closest("[data-slot]") : null;
  const kind = cell?.closest("[data-kind]")?.getAttribute("data-kind");
  return cell === null || kind === null || kind === undefined
    ? undefined
    : { slot: Number(cell.getAttribute("data-slot")), kind };
}

/** @param {Choice} choice */
function choose(choice) {
  chosen = choice;
  pointed = undefined;
  if (known !== undefined) showDuties(known);
  cellOf(choice)?.focus({ preventScroll: true });
}

/** Where the arrow keys lead: a slot further, a kind further, to the ends. */
function onKey(/** @type {KeyboardEvent} */ event) {
  const at = choiceAt(event.target);
  if (at === undefined || known === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = Math.max(0, known.slot);
  const kinds = [...place("duties").querySelectorAll("[data-kind]")].map(
    (one) => one.getAttribute("data-kind") ?? "",
  );
  /** @param {number} by */
  const kindBy = (by) =>
    kinds[Math.min(kinds.length - 1, Math.max(0, kinds.indexOf(at.kind) + by))] ?? at.kind;
  /** @type {Readonly<Record<string, Choice>>} */
  const ways = {
    ArrowLeft: { ...at, slot: Math.max(last - SLOTS + 1, at.slot - 1) },
    ArrowRight: { ...at, slot: Math.min(last, at.slot + 1) },
    ArrowUp: { ...at, kind: kindBy(-1) },
    ArrowDown: { ...at, kind: kindBy(1) },
    Home: { ...at, slot: last - SLOTS + 1 },
    End: { ...at, slot: last },
  };
  const to = ways[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(to);
}

const grid = place("duties");
grid.addEventListener("keydown", onKey);
grid.addEventListener("click", ({ target }) => {
  const choice = choiceAt(target);
  if (choice !== undefined) choose(choice);
});
grid.addEventListener("focusin", ({ target }) => {
  const choice = choiceAt(target);
  if (choice === undefined || (choice.slot === chosen?.slot && choice.kind === chosen.kind)) return;
  choose(choice);
});
grid.addEventListener("pointerover", ({ target, pointerType }) => {
  if (pointerType !== "mouse") return;
  pointed = choiceAt(target);
  showChoice();
});
grid.addEventListener("pointerleave", () => {
  pointed = undefined;
  showChoice();
});
