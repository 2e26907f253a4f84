import { DvError, readInput, withoutSecrets } from "../base/index.ts";
import type { Flag } from "./flags.ts";

/** A wrong use of the command line; the program ends with exit code 2. */
export class UsageError extends DvError<"cli/usage"> {}

export type Value = string | number | boolean | readonly string[];
export type Origin = "flag" | "environment" | "file" | "default";

/** What was meant, with where each value came from. */
export interface Settings {
  readonly values: ReadonlyMap<
    string,
    { readonly value: Value; readonly origin: Origin; readonly from: string }
  >;
}

const usage = (message: string, hint: string): UsageError => new UsageError("cli/usage", message, { hint });

/** A value as an error may show it: without the secrets of a URL, also where its scheme is missing. */
export const shownValue = (text: string): string =>
  (text.includes("://") ? withoutSecrets(text) : withoutSecrets(`x://${text}`).slice("x://".length)).slice(
    0,
    128,
  );

/** "TRIREME_DATA_DIR"; the name that Charon reads is accepted too, so that an operator's environment goes on working. */
export function environmentNames(flag: Flag): readonly string[] {
  const tail = flag.name.toUpperCase().replaceAll("-", "_");
  return [`TRIREME_${tail}`, `CHARON_${tail}`];
}

/**
 * Puts together what was typed, what the environment says, what the file says, and the defaults; the first that says
 * anything counts.
 *
 * @throws UsageError names the flag, variable or file entry that is wrong, and what it should be.
 */
export function resolveSettings(
  flags: readonly Flag[],
  sources: {
    readonly typed: Readonly<Record<string, unknown>>;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly file: string | undefined;
  },
): Settings {
  const fromFile = sources.file === undefined ? {} : readFile(sources.file, flags);
  const values = new Map<string, { value: Value; origin: Origin; from: string }>();
  for (const flag of flags) {
    const typed = sources.typed[flag.name];
    const variable = environmentNames(flag).find((name) => (sources.environment[name] ?? "") !== "");
    const stated = fromFile[flag.name];
    if (typed !== undefined)
      values.set(flag.name, {
        value: convert(flag, typed, `--${flag.name}`),
        origin: "flag",
        from: `--${flag.name}`,
      });
    else if (variable !== undefined)
      values.set(flag.name, {
        value: convert(flag, sources.environment[variable], variable),
        origin: "environment",
        from: variable,
      });
    else if (stated !== undefined)
      values.set(flag.name, {
        value: convert(flag, stated, `${flag.name} in ${sources.file}`),
        origin: "file",
        from: sources.file ?? "",
      });
    else values.set(flag.name, { value: flag.default ?? "", origin: "default", from: "" });
  }
  return { values };
}

/** A JSON file with flag names as keys. */
function readFile(path: string, flags: readonly Flag[]): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(readInput(path));
  } catch (cause) {
    throw new UsageError("cli/usage", `read the configuration file ${path}`, {
      cause,
      hint: 'It is a JSON object with flag names as keys, e.g. { "log-level": "debug" }.',
    });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw usage(`read the configuration file ${path}`, "It is a JSON object with flag names as keys.");
  const unknown = Object.keys(json).find((name) => !flags.some((flag) => flag.name === name));
  if (unknown !== undefined)
    throw usage(
      `unknown setting "${unknown}" in ${path}`,
      nearest(
        unknown,
        flags.map((flag) => flag.name),
      ),
    );
  return json as Record<string, unknown>;
}

function convert(flag: Flag, raw: unknown, where: string): Value {
  const text = typeof raw === "string" ? raw.trim() : raw;
  switch (flag.kind) {
    case "switch":
      if (typeof text === "boolean") return text;
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw usage(`${where} is neither true nor false`, "Write true or false.");
    case "number":
      return wholeNumber(flag, text, where);
    case "list": {
      const items = Array.isArray(text) ? (text as unknown[]) : [text];
      return items
        .flatMap((item) => plainText(item, where).split(","))
        .map((item) => item.trim())
        .filter((item) => item !== "");
    }
    case "text": {
      const value = plainText(text, where);
      if (flag.choices !== undefined && !flag.choices.includes(value))
        throw usage(`${where} is "${value.slice(0, 40)}"`, `Write one of ${flag.choices.join(", ")}.`);
      if (flag.bytesMax !== undefined && Buffer.byteLength(value) > flag.bytesMax)
        throw usage(`${where} is longer than ${flag.bytesMax} bytes`, "Shorten it.");
      return value;
    }
  }
}

function plainText(value: unknown, where: string): string {
  if (typeof value === "string") return value.toWellFormed(); // Half a character from JSON would be no UTF-8 for others.
  if (typeof value === "number") return String(value);
  throw usage(`${where} is not a text`, "Write it in quotes.");
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** Digits; for milliseconds also "2s" or "500ms", as environments made for Charon have them. */
function wholeNumber(flag: Flag, value: unknown, where: string): number {
  const hint = flag.value === "ms" ? "Write milliseconds, e.g. 2000, or 2s." : "Write digits only.";
  const [, digits, unit] = /^(\d{1,16})(ms|s|m)?$/.exec(String(value)) ?? [];
  if (digits === undefined || (unit !== undefined && flag.value !== "ms"))
    throw usage(`${where} is not a whole number`, hint);
  const number = Number(digits) * (UNIT_MS[unit ?? "ms"] ?? 1);
  if (!Number.isSafeInteger(number)) throw usage(`${where} is too large`, hint);
  const [least, most] = flag.range ?? [0, Number.MAX_SAFE_INTEGER];
  if (number < least || number > most)
    throw usage(`${where} is ${number}`, `It may be from ${least} to ${most}.`);
  return number;
}

/** Variables of ours that name no setting and look like one; what looks like none may be anybody's. */
export function misspelt(
  environment: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
): readonly { readonly name: string; readonly meant: string }[] {
  const strange = Object.keys(environment).filter((name) => name.startsWith(OURS) && !known.has(name));
  const tails = [...known].map((name) => name.slice(OURS.length));
  return strange
    .map((name) => ({ name, best: nearestOf(name.slice(OURS.length), tails) }))
    .filter(({ best }) => best.length > 0)
    .map(({ name, best }) => ({ name, meant: didYouMean(best.map((tail) => OURS + tail)) }));
}

/** What the names of our variables begin with. */
const OURS = "TRIREME_";

/** The names that look most like what was typed. */
export function nearest(typed: string, names: readonly string[]): string {
  const best = nearestOf(typed, names);
  return best.length === 0 ? "See --help." : didYouMean(best);
}

const didYouMean = (names: readonly string[]): string => `Did you mean ${names.join(" or ")}?`;

function nearestOf(typed: string, names: readonly string[]): readonly string[] {
  return names
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .toSorted((a, b) => a.distance - b.distance)
    .filter(({ distance }) => distance <= Math.max(2, typed.length / 3))
    .slice(0, 2)
    .map(({ name }) => name);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] as number) + 1,
        (next[j - 1] as number) + 1,
        (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] as number;
}

/** Typed access; the table says which kind a name has. */
export class Chosen {
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  #value(name: string): Value {
    const entry = this.settings.values.get(name);
    if (entry === undefined) throw new Error(`no flag ${name} in the table`);
    return entry.value;
  }

  text(name: string): string {
    return String(this.#value(name));
  }

  /** The text, or what it stands for when it is empty. */
  textOr(name: string, otherwise: string): string {
    return this.text(name) === "" ? otherwise : this.text(name);
  }

  number(name: string): number {
    return Number(this.#value(name));
  }

  flag(name: string): boolean {
    return this.#value(name) === true;
  }

  list(name: string): readonly string[] {
    const value = this.#value(name);
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }

  /** @throws UsageError names all that nothing says */
  require(...names: readonly string[]): void {
    const missing = names.filter((name) => {
      const value = this.#value(name);
      return value === "" || (Array.isArray(value) && value.length === 0);
    });
    if (missing.length === 0) return;
    const and = (words: readonly string[]): string => words.join(" and ");
    const flags = and(missing.map((name) => `--${name}`));
    const variables = missing.map((name) => `TRIREME_${name.toUpperCase().replaceAll("-", "_")}`);
    throw usage(
      `${flags} ${missing.length === 1 ? "is" : "are"} missing`,
      `Give ${missing.length === 1 ? flags : "them"}, or set ${and(variables)}.`,
    );
  }
}
