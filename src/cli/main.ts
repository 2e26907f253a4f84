import { DvError, explain, printable, printableLines, systemAdvice, withoutSecrets } from "../base/index.ts";
import type { Io } from "./commands/index.ts";
import { buildProgram, CommanderError, usageOf } from "./program.ts";
import { UsageError } from "./settings.ts";

/**
 * Runs the command line. Results go to `out`, everything else to `err`.
 *
 * @returns The exit code: 0 done, 1 failed, 2 wrong usage.
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    // Results quote files that others wrote. What goes to `err` has colours of ours, and is clean where it is made.
    const out = (text: string): void => io.out(printableLines(text));
    await buildProgram({ ...io, out }).parseAsync(asCommands(args), { from: "user" });
    return 0;
  } catch (error) {
    const usage = error instanceof CommanderError ? usageOf(error, args) : error;
    if (usage === undefined) return 0;
    io.err(formatError(usage, args.includes("debug")));
    return usage instanceof UsageError ? 2 : 1;
  }
}

/** Message, causes, facts and what to do, all of it printable and without passwords of URLs; the stack only on request. */
export function formatError(error: unknown, withStack: boolean): string {
  return withoutSecrets(textOf(error, withStack));
}

function textOf(error: unknown, withStack: boolean): string {
  const lines = [`error: ${printable(explain(error))}${nameOf(error)}`];
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (!(e instanceof DvError)) continue;
    for (const [name, value] of Object.entries(e.facts)) {
      const text = (Array.isArray(value) ? value : [value])
        .map((one) => printable(String(one)))
        .join("\n    ");
      const line = `  ${name}: ${text}`;
      if (text !== "" && !lines.includes(line)) lines.push(line); // Who wraps an error may know the same.
    }
  }
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  ${printableLines(hint)}`);
  if (withStack && error instanceof Error && error.stack !== undefined)
    lines.push(printableLines(error.stack));
  return `${lines.join("\n")}\n`;
}

/** The innermost hint says most about what to do; without any, what is known of failures of the system. */
function hintOf(error: unknown): string | undefined {
  let hint: string | undefined;
  let advice: string | undefined;
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof DvError) hint = e.hint ?? hint;
    else advice = systemAdvice(e) ?? advice;
  }
  return hint ?? advice;
}

/** Under which docs/errors.md has it. A wrong use explains itself. */
function nameOf(error: unknown): string {
  let code = "";
  for (let e: unknown = error; e instanceof Error; e = e.cause) if (e instanceof DvError) code = e.code;
  return code === "" || code === "cli/usage" ? "" : ` [${code}]`;
}

/** What every program is asked for its version and for help with, as ours has them. */
function asCommands(args: readonly string[]): string[] {
  const [first, ...rest] = args;
  if (first === "help") return [...rest, "--help"];
  return first === "--version" || first === "-V" ? ["version", ...rest] : [...args];
}
