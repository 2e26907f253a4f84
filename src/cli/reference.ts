import { type CommandRow, commands, type Flag } from "./flags.ts";

/** docs/cli.md, made from the table. */
export function commandReference(): string {
  const head = [
    "# Command line",
    "",
    "Made from the table in `src/cli/flags.ts` by `npm run docs`; do not edit.",
    "",
    "Every flag can also be set in the environment (`TRIREME_DATA_DIR` for `--data-dir`; `CHARON_DATA_DIR` is read too) and in a JSON file given",
    "with `--config-file` (flag names as keys). A flag wins over the environment, the environment over the file, the file over the default.",
    "Results go to standard output, logs and errors to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    "",
  ];
  return [...head, ...commands.flatMap(section)].join("\n");
}

function section(row: CommandRow): string[] {
  const title = `## trireme ${row.path.join(" ")}${row.arguments === undefined ? "" : ` ${row.arguments}`}`;
  const table =
    row.flags.length === 0
      ? []
      : ["| flag | default | meaning |", "|---|---|---|", ...row.flags.map(line), ""];
  const examples = row.examples.map((example) => `    ${example}`);
  return [title, "", `${row.help}.`, "", ...table, ...examples, ""];
}

function line(flag: Flag): string {
  const value = Array.isArray(flag.default) ? flag.default.join(",") : String(flag.default ?? "");
  const shown =
    flag.required === true
      ? "required"
      : flag.kind === "switch"
        ? flag.default === true
          ? "on"
          : "off"
        : value === "" || value === "0"
          ? ""
          : `\`${value}\``;
  const choices =
    flag.choices === undefined ? "" : ` One of ${flag.choices.map((one) => `\`${one}\``).join(", ")}.`;
  return `| \`--${flag.name}\`${flag.value === undefined ? "" : ` ${flag.value}`} | ${shown} | ${flag.help}.${choices} |`;
}
