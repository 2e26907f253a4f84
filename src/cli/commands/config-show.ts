import { withoutSecrets } from "../../base/index.ts";
import { runFlags } from "../run-flags.ts";
import type { Value } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** Every setting of `run`, and where it came from; fit to be shown to others. */
export async function configShow({ chosen, io }: CommandInput): Promise<void> {
  const rows = [...chosen.settings.values]
    .filter(([name]) => name !== "json")
    .map(([name, { value, ...where }]) => [name, { value: shown(name, value), ...where }] as const);
  if (chosen.flag("json")) {
    io.out(
      `${JSON.stringify(Object.fromEntries(rows.map(([name, { value, origin, from }]) => [name, { value, origin, from }])), null, 1)}\n`,
    );
    return;
  }
  const names = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, { value, origin, from }]) => {
    const text = Array.isArray(value) ? value.join(",") : String(value);
    return {
      name: name.padEnd(names),
      text: text === "" ? "–" : text,
      origin: origin === "default" ? "default" : `${origin} ${from}`,
    };
  });
  const widths = Math.min(60, Math.max(...lines.map(({ text }) => text.length)));
  io.out(
    `${lines.map(({ name, text, origin }) => `${name}  ${text.padEnd(widths)}  ${origin}`).join("\n")}\n`,
  );
}

function shown(name: string, value: Value): Value {
  const isSet = Array.isArray(value) ? value.length > 0 : value !== "";
  if (isSet && runFlags.some((flag) => flag.name === name && flag.secret === true)) return "[secret]";
  if (typeof value === "string") return withoutSecrets(value);
  return Array.isArray(value) ? value.map((one: string) => withoutSecrets(one)) : value;
}
