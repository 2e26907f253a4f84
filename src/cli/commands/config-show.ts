import type { CommandInput } from "./index.ts";

/** Every setting of `run`, and where it came from. */
export async function configShow({ chosen, io }: CommandInput): Promise<void> {
  const rows = [...chosen.settings.values].filter(([name]) => name !== "json");
  if (chosen.flag("json")) {
    io.out(
      `${JSON.stringify(Object.fromEntries(rows.map(([name, { value, origin, from }]) => [name, { value, origin, from }])), null, 1)}\n`,
    );
    return;
  }
  const names = Math.max(...rows.map(([name]) => name.length));
  const shown = rows.map(([name, { value, origin, from }]) => {
    const text = Array.isArray(value) ? value.join(",") : String(value);
    return {
      name: name.padEnd(names),
      text: text === "" ? "–" : text,
      origin: origin === "default" ? "default" : `${origin} ${from}`,
    };
  });
  const widths = Math.min(60, Math.max(...shown.map(({ text }) => text.length)));
  io.out(
    `${shown.map(({ name, text, origin }) => `${name}  ${text.padEnd(widths)}  ${origin}`).join("\n")}\n`,
  );
}
