import { DvError, explain } from "../base/index.ts";
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
    await buildProgram(io).parseAsync(asCommands(args), { from: "user" });
    return 0;
  } catch (error) {
    const usage = error instanceof CommanderError ? usageOf(error) : error;
    if (usage === undefined) return 0;
    io.err(formatError(usage, args.includes("debug")));
    return usage instanceof UsageError ? 2 : 1;
  }
}

/** Message, causes, facts and what to do; the stack only on request. */
export function formatError(error: unknown, withStack: boolean): string {
  const lines = [`error: ${explain(error)}`];
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (!(e instanceof DvError)) continue;
    for (const [name, value] of Object.entries(e.facts)) {
      const text = Array.isArray(value) ? value.join("\n    ") : String(value);
      if (text !== "") lines.push(`  ${name}: ${text}`);
    }
  }
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  ${hint}`);
  if (withStack && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${lines.join("\n")}\n`;
}

/** The innermost hint says most about what to do. */
function hintOf(error: unknown): string | undefined {
  let hint: string | undefined;
  for (let e: unknown = error; e instanceof Error; e = e.cause)
    if (e instanceof DvError) hint = e.hint ?? hint;
  return hint;
}

/** What every program is asked for its version with, as our command for it. */
function asCommands(args: readonly string[]): string[] {
  const [first, ...rest] = args;
  return first === "--version" || first === "-V" ? ["version", ...rest] : [...args];
}
