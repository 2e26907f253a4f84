/** Numbers and kinds as people read them. */

const MINUS = "−";

/**
 * What the cluster does, in the order of the page.
 *
 * @typedef {object} Kind
 * @property {string} kind
 * @property {string} many
 * @property {string} one
 * @property {string} about What it is, for who does not know the word.
 * @property {boolean} [isStep] It only leads to another duty.
 */

/** @type {readonly Kind[]} */
export const KINDS = [
  { kind: "proposer", many: "Blocks", one: "block", about: "A block of the chain that a validator makes." },
  {
    kind: "attester",
    many: "Attestations",
    one: "attestation",
    about: "The vote that every validator casts once an epoch.",
  },
  {
    kind: "aggregator",
    many: "Aggregates",
    one: "aggregate",
    about: "The votes of a committee put together, by the few validators that are drawn for it.",
  },
  {
    kind: "sync-message",
    many: "Sync messages",
    one: "sync message",
    about: "What a member of the sync committee says of every slot, for light clients.",
  },
  {
    kind: "sync-contribution",
    many: "Sync contributions",
    one: "sync contribution",
    about: "Messages of the sync committee put together, by the few members that are drawn for it.",
  },
  {
    kind: "randao",
    many: "Randao",
    one: "randao signature",
    about: "A step on the way to a block: no beacon node makes one without it.",
    isStep: true,
  },
  {
    kind: "prepare-aggregator",
    many: "Committee proofs",
    one: "selection proof of a committee",
    about: "A step on the way to an aggregate: it shows who is drawn.",
    isStep: true,
  },
  {
    kind: "prepare-sync-contribution",
    many: "Sync proofs",
    one: "selection proof of a sync subcommittee",
    about: "A step on the way to a sync contribution: it shows who is drawn.",
    isStep: true,
  },
  {
    kind: "builder-registration",
    many: "Registrations",
    one: "builder registration",
    about: "Tells builders whom a block shall pay.",
  },
  { kind: "exit", many: "Exits", one: "exit", about: "The end of a validator." },
];

/** @param {number} value */
export function whole(value) {
  return Math.round(value).toLocaleString("en").replace("-", MINUS);
}

/**
 * A short time: "98 ms", "−1.87 s".
 *
 * @param {number} ms
 */
export function milliseconds(ms) {
  const size = Math.abs(ms);
  const text = size < 1_000 ? `${Math.round(size)} ms` : `${(size / 1_000).toFixed(2)} s`;
  return ms < 0 && text !== "0 ms" ? MINUS + text : text;
}

/**
 * A round trip: below ten milliseconds with a decimal.
 *
 * @param {number} ms
 */
export function roundTrip(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : milliseconds(ms);
}

/**
 * A long time in its two largest units: "3 d 4 h", "12 min 5 s".
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  /** @type {readonly [number, string][]} */
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = Math.max(
    0,
    units.findIndex(([size]) => seconds >= size),
  );
  if (seconds < 1) return "0 s";
  let rest = Math.floor(seconds);
  const parts = units.slice(first, first + 2).map(([size, name]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return `${count} ${name}`;
  });
  return parts.filter((part, i) => i === 0 || !part.startsWith("0 ")).join(" ");
}

/** @param {number} value */
export function bytes(value) {
  return value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/**
 * The time of day where the reader is.
 *
 * @param {number} unixMs
 */
export function clockTime(unixMs) {
  return new Date(unixMs).toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/** @param {readonly string[]} names */
export function listed(names) {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
