import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

interface Row {
  /** As code says it: "LIMITS.retryFirstMs". */
  readonly path: readonly string[];
  readonly reason: string;
}

/** docs/limits.md, made from every room's limits.ts: names and reasons from its text, values from the module. */
export async function limitsReference(): Promise<string> {
  const sections: string[] = [];
  for (const file of globSync("src/*/limits.ts", { cwd: root }).toSorted()) {
    const values: unknown = await import(join(root, file));
    const rows = rowsOf(readFileSync(join(root, file), "utf8")).flatMap(({ path, reason }) => {
      const value = path.reduce((at, name) => (at as Record<string, unknown>)[name], values);
      return typeof value === "function" || typeof value === "object"
        ? []
        : [`| \`${path.join(".")}\` | ${show(path.at(-1) ?? "", value)} | ${reason} |`];
    });
    sections.push(`## ${file.split("/")[1]}`, "", "| limit | value | reason |", "|---|---|---|", ...rows, "");
  }
  return [
    "# Limits",
    "",
    "Made from each room's `limits.ts` by `npm run docs`; do not edit. Bounds on what peers, clients, beacon nodes and time could make grow,",
    "and on how long things are waited for; where no reason stands, the one above it holds for both.",
    "",
    ...sections,
  ].join("\n");
}

/** Every exported constant, and every field of one that is an object, with the comment before it or behind it. */
function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let comment = "";
  let inside: string | undefined;
  const parts =
    /\/\*\*([\s\S]*?)\*\/|^export const (\w+)[^=]* =( \{$)?|^ {2}(\w+)(?::[^\n]*?)?,(?: \/\/ (.*))?$|^(\}.*;)$/gm;
  for (const [, doc, constant, opens, field, behind, closes] of text.matchAll(parts)) {
    if (doc !== undefined) comment = doc.replaceAll(/\s*\n \s*\* ?/g, " ").trim();
    else if (constant !== undefined) {
      if (opens === undefined) rows.push({ path: [constant], reason: comment });
      else inside = constant;
      // The reason of a whole object stands at its first field.
      if (opens === undefined) comment = "";
    } else if (field !== undefined && inside !== undefined) {
      rows.push({ path: [inside, field], reason: behind ?? comment });
      comment = "";
    } else if (closes !== undefined) inside = undefined;
  }
  return rows;
}

/** In the unit that its name ends with. */
function show(name: string, value: unknown): string {
  if (typeof value !== "number" && typeof value !== "bigint") return String(value);
  const number = Number(value);
  const kibibytes = number / 1024;
  if (/bytes/i.test(name) && Number.isInteger(kibibytes))
    return Number.isInteger(kibibytes / 1024) ? `${kibibytes / 1024} MiB` : `${kibibytes} KiB`;
  if (/Ms|_MS/.test(name)) return number % 1_000 === 0 ? `${grouped(number / 1_000)} s` : `${number} ms`;
  return grouped(number);
}

const grouped = (number: number): string => number.toLocaleString("en-US", { maximumFractionDigits: 3 });
