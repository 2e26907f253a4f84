/**
 * The cluster: who is here, how far away, and whether they sign.
 *
 * @import { Known } from "./asking.js"
 * @import { PeerStatus } from "../../p2p/index.ts"
 */
import { el, show, svg } from "./dom.js";
import { duration, milliseconds, roundTrip } from "./words.js";

const COLUMNS = ["Operator", "Connection", "Round trip", "Last seen", "Signs", "Version"];
/** Clocks closer than this are as good as equal. */
const CLOCK_OFF_MS = 250;

/** @param {Known} known */
export function showOperators(known) {
  const { status } = known;
  const rows = [...status.peers.map((peer) => peerRow(known, peer)), selfRow(known)];
  const inOrder = rows.toSorted((a, b) => Number(a.dataset["operator"]) - Number(b.dataset["operator"]));
  show(
    "operators",
    // Roles in words, since a table that is laid out as cards is no table to a screen reader.
    el(
      "table",
      { role: "table", class: "operators" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map(headCell))),
      el("tbody", { role: "rowgroup" }, ...inOrder),
    ),
    el(
      "p",
      { class: "note" },
      "Signs: in how many of the duties that the cluster did in the last epoch its partial signature was seen here.",
    ),
    ...status.relays.map(({ name, ready }) =>
      el(
        "p",
        { class: "note" },
        `Relay ${name}: ${ready ? "it holds a place for this node" : "it cannot be used now"}.`,
      ),
    ),
  );
}

/** @param {string} text */
function headCell(text) {
  return el("th", { role: "columnheader", scope: "col" }, text);
}

/** @param {Known} known */
function selfRow({ status }) {
  return row(status.operator, "self", [
    name(status.operator, status.nickname),
    cell(1, badge("self", "this node")),
    cell(2, ""),
    cell(3, ""),
    signs(status, status.operator),
    cell(5, `trireme ${status.version}`),
  ]);
}

/**
 * @param {Known} known
 * @param {PeerStatus} peer
 */
function peerRow({ status }, peer) {
  const { operator, connected, path, rttMs, silentMs, client, version, clockOffsetMs, lastError } = peer;
  const state = connected ? (path ?? "direct") : "away";
  // An offset is known to half a round trip.
  const isOff = connected && Math.abs(clockOffsetMs ?? 0) > CLOCK_OFF_MS + (rttMs ?? 0);
  const why = state !== "direct" && lastError !== undefined ? [el("span", { class: "why" }, lastError)] : [];
  return row(operator, state, [
    name(operator, peer.nickname ?? ""),
    cell(1, badge(state, state), ...why),
    cell(2, connected && rttMs !== undefined ? roundTrip(rttMs) : "–"),
    cell(3, seen(silentMs)),
    signs(status, operator),
    cell(
      5,
      client === undefined ? "–" : `${client} ${version ?? ""}`,
      ...(isOff ? [el("span", { class: "why" }, `clock ${offBy(clockOffsetMs ?? 0)}`)] : []),
    ),
  ]);
}

/** @param {number | undefined} silentMs */
function seen(silentMs) {
  if (silentMs === undefined) return "never";
  return silentMs < 10_000 ? "now" : `${duration(silentMs / 1_000)} ago`;
}

/** @param {number} ms */
function offBy(ms) {
  return `${milliseconds(Math.abs(ms))} ${ms > 0 ? "ahead" : "behind"}`;
}

/**
 * @param {number} operator
 * @param {string} state
 * @param {readonly HTMLElement[]} cells
 */
function row(operator, state, cells) {
  return el("tr", { role: "row", "data-operator": operator, "data-state": state }, ...cells);
}

/**
 * @param {number} operator
 * @param {string} nickname
 */
function name(operator, nickname) {
  const nick = nickname === "" ? [] : [" ", el("span", { class: "soft" }, nickname)];
  return el("th", { role: "rowheader", scope: "row" }, `operator-${operator}`, ...nick);
}

/**
 * @param {number} column
 * @param {...(Node | string)} children
 */
function cell(column, ...children) {
  return el("td", { role: "cell", "data-label": COLUMNS[column] }, ...children);
}

/**
 * @param {string} state
 * @param {string} text
 */
function badge(state, text) {
  return el("span", { class: `badge ${state}` }, text);
}

/**
 * In how many of the last epoch's duties its partial signature was seen.
 *
 * @param {Known["status"]} status
 * @param {number} operator
 */
function signs({ participation }, operator) {
  const part = participation.find((one) => one.operator === operator);
  if (part === undefined || part.of === 0) return cell(4, "–");
  const share = part.signed / part.of;
  const level = share >= 0.9 ? "good" : share >= 0.5 ? "warning" : "bad";
  return cell(
    4,
    svg(
      "svg",
      { class: `bar ${level}`, viewBox: "0 0 60 8", width: 60, height: 8, "aria-hidden": "true" },
      svg("rect", { class: "all", width: 60, height: 8, rx: 2 }),
      svg("rect", { class: "part", width: Math.max(part.signed > 0 ? 2 : 0, 60 * share), height: 8, rx: 2 }),
    ),
    ` ${part.signed} of ${part.of}`,
  );
}
