import { Command, CommanderError } from "commander";
import { checkAddresses } from "./check-addresses.ts";
import { type CommandInput, runners } from "./commands/index.ts";
import type { Flag } from "./flags.ts";
import { type CommandRow, commands } from "./flags.ts";
import { choosePreset } from "./preset.ts";
import { Chosen, environmentNames, misspelt, nearest, resolveSettings, UsageError } from "./settings.ts";

/** As wide as the terminal, within what reads well. */
const HELP_WIDTH = { least: 60, most: 110 };

const helpWidth = ({ columns = HELP_WIDTH.most }: CommandInput["io"]): number =>
  Math.min(HELP_WIDTH.most, Math.max(HELP_WIDTH.least, columns));

const INTRO = `Trireme runs one Ethereum validator on several machines.

Try it:            trireme demo
Join a cluster:    trireme create enr, trireme dkg, trireme test, trireme run
Split your keys:   trireme create cluster --help
Look at a folder:  trireme verify <folder>`;

/** So many choices stand in the place of the value; more are listed behind the sentence. */
const CHOICES_IN_TERM_MAX = 4;

function term(flag: Flag): string {
  if (flag.kind === "switch") return `--${flag.name}`;
  const choices = choicesOf(flag);
  const value = choices.length > 1 && choices.length <= CHOICES_IN_TERM_MAX ? choices.join("|") : flag.value;
  return `--${flag.name} <${value ?? (flag.kind === "number" ? "n" : flag.kind)}>`;
}

const choicesOf = (flag: Flag): readonly string[] => (flag.choices ?? []).filter((choice) => choice !== "");

/** Default and choices, as the help shows them behind the sentence. */
function suffix(flag: Flag): string {
  const choices = choicesOf(flag);
  const parts = choices.length === 1 || choices.length > CHOICES_IN_TERM_MAX ? [choices.join(" | ")] : [];
  const value = Array.isArray(flag.default) ? flag.default.join(",") : flag.default;
  // A choice that is called "default" says so itself.
  if (flag.kind !== "switch" && !["", 0, "default", undefined].includes(value as string | number | undefined))
    parts.push(`default ${String(value)}`);
  if (flag.required === true) parts.push("required");
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}

/** "create cluster", with its positional argument. */
function fullName(command: Command): string {
  const parent = command.parent;
  const name = [
    command.name(),
    ...command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`)),
  ].join(" ");
  return parent === null || parent.parent === null ? name : `${fullName(parent)} ${name}`;
}

/** The commands below one, groups opened up, so that one look shows everything there is. */
function leaves(command: Command): Command[] {
  return command.commands.flatMap((one) => (one.commands.length === 0 ? [one] : leaves(one)));
}

/** What all commands have in common. Errors are said by `main`; only help is printed by commander. */
function configured(command: Command, io: CommandInput["io"]): Command {
  return command
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, outputError: () => {} })
    .configureHelp({
      sortOptions: false,
      helpWidth: helpWidth(io),
      minWidthToWrap: 15,
      visibleCommands: leaves,
      subcommandTerm: fullName,
      styleTitle: (title) => title,
    })
    .helpCommand(false)
    .helpOption("-h, --help", "Show this help");
}

/** The command tree, made from the table. */
export function buildProgram(io: CommandInput["io"]): Command {
  const program = configured(new Command("trireme"), io).description(INTRO).usage("<command> [flags]");
  program.option("-V, --version", "Print the version");
  program.addHelpText("after", "\nFlags of a command: trireme <command> --help");
  for (const row of commands) addCommand(program, row, io);
  return program;
}

/** Of all commands: an environment may serve several. */
const EVERY_VARIABLE: ReadonlySet<string> = new Set([
  "TRIREME_CONFIG_FILE",
  ...commands.flatMap((row) => row.flags.map((flag) => environmentNames(flag)[0] as string)),
]);

/** Charon's, and the one of its settings whose loss would show only when a beacon node fails. */
const FALLBACK = "CHARON_FALLBACK_BEACON_NODE_ENDPOINTS";

/** A command line as a shell takes it, broken before flags where it is long. */
function inLines(example: string, width: number): string {
  const lines = [""];
  for (const part of example.split(/ (?=--)/)) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + part.length > width - 4) lines.push(part);
    else lines[lines.length - 1] = line === "" ? part : `${line} ${part}`;
  }
  return `  ${lines.join(" \\\n    ")}`;
}

function addCommand(program: Command, row: CommandRow, io: CommandInput["io"]): void {
  let parent = program;
  for (const name of row.path.slice(0, -1)) {
    const known = parent.commands.find((command) => command.name() === name);
    parent =
      known ??
      configured(parent.command(name), io)
        .description(groupHelp[name] ?? "")
        .usage("<command> [flags]");
  }
  const command = configured(parent.command(row.path.at(-1) as string), io).description(row.help);
  for (const flag of row.flags) command.option(term(flag), flag.help + suffix(flag));
  if (row.arguments !== undefined) command.argument(row.arguments);
  command.usage([...(row.arguments === undefined ? [] : [row.arguments]), "[flags]"].join(" "));
  command.option("--config-file <file>", "JSON file with flag names as keys");
  const examples = row.examples.map((example) => inLines(example, helpWidth(io))).join("\n");
  command.addHelpText(
    "after",
    `\nEvery flag can be set in the environment too, e.g. ${environmentNames(row.flags[0] ?? { name: "data-dir", kind: "text", help: "" })[0]}.\n\nExamples:\n${examples}`,
  );
  command.action(async (...received: unknown[]) => {
    const typed = typedFlags(command, row.flags);
    const fromEnvironment = io.environment["TRIREME_CONFIG_FILE"];
    const file =
      command.opts<{ configFile?: string }>().configFile ??
      (fromEnvironment === "" ? undefined : fromEnvironment);
    const chosen = new Chosen(resolveSettings(row.flags, { typed, environment: io.environment, file }));
    for (const { name, meant } of misspelt(io.environment, EVERY_VARIABLE))
      io.err(`warning: ${name} is no setting, and is passed over. ${meant}\n`);
    if (
      row.flags.some(({ name }) => name === "beacon-node-endpoints") &&
      (io.environment[FALLBACK] ?? "") !== ""
    )
      io.err(
        `warning: ${FALLBACK} is passed over. List all beacon nodes with --beacon-node-endpoints; the best one is asked.\n`,
      );
    const required = row.flags.filter((flag) => flag.required === true);
    if (row.path[0] !== "config") chosen.require(...required.map(({ name }) => name));
    choosePreset(row.flags, chosen);
    await checkAddresses(row.flags, chosen);
    const run = runners[row.path.join(" ")];
    if (run === undefined) throw new Error(`no runner for ${row.path.join(" ")}`);
    const given = row.arguments === undefined ? [] : [received[0] ?? []].flat().map(String);
    await run({ chosen, io, positional: given[0] ?? "", positionals: given });
  });
}

const groupHelp: Readonly<Record<string, string>> = {
  exit: "End validators: operators sign, and one sends what a threshold has signed",
  create: "Make a node key, a cluster, or the definition of one",
  definition: "Sign the definition of a cluster",
  config: "Look at the configuration",
  "slashing-protection": "Move the record of what was signed between programs (EIP-3076)",
};

function typedFlags(command: Command, flags: readonly Flag[]): Record<string, unknown> {
  const camel = (name: string): string =>
    name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const options = command.opts<Record<string, unknown>>();
  const typed: Record<string, unknown> = {};
  for (const flag of flags) {
    // Commander reads "--no-x" as "x is off"; in our table it is a switch of its own.
    if (flag.name.startsWith("no-")) {
      if (options[camel(flag.name.slice(3))] === false) typed[flag.name] = true;
    } else if (options[camel(flag.name)] !== undefined) typed[flag.name] = options[camel(flag.name)];
  }
  return typed;
}

/** What commander says about a wrong command line, in our words. Help and version are no errors. */
export function usageOf(error: CommanderError, args: readonly string[]): UsageError | undefined {
  if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return undefined;
  if (error.code === "commander.help")
    return new UsageError("cli/usage", "no command", { hint: "The commands are listed above." });
  const message = error.message.replace(/^error: /, "").replace(/\s*\(Did you mean.*$/s, "");
  if (error.code === "commander.missingArgument")
    return new UsageError("cli/usage", message, {
      hint: "Write it behind the command; --help has examples.",
    });
  if (error.code === "commander.excessArguments")
    return new UsageError(
      "cli/usage",
      message.replace(/ for '.*?'\. Expected (\d+) arguments? but got .*: /, ", expected $1: "),
      {
        hint: "A value belongs behind its flag; several are separated by commas, without spaces.",
      },
    );
  const typed = /'([^']+)'/.exec(error.message)?.[1] ?? "";
  const ofGroup = commands.filter(({ path }) => path.length > 1 && path[0] === args[0]);
  const names = typed.startsWith("-")
    ? commands.flatMap((row) => row.flags.map((flag) => `--${flag.name}`))
    : ofGroup.length > 0
      ? ofGroup.map(({ path }) => path.at(-1) as string)
      : commands.flatMap(({ path }) => [path.join(" "), path[0] as string, path.at(-1) as string]);
  return new UsageError("cli/usage", message, { hint: nearest(typed, [...new Set(names)]) });
}

export { CommanderError };
