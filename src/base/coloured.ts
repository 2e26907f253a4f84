import { stripVTControlCharacters } from "node:util";

// Lines of a terminal with colours in them.

const ESCAPE = "\u001b[";

/** Writes in a colour or weight. @param code - Of ECMA-48's SGR: "1" for bold, "32" for green. */
export const styled =
  (code: string) =>
  (text: string): string =>
    `${ESCAPE}${code}m${text}${ESCAPE}0m`;

/** Length on screen: colours take no room. */
export function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Cuts a coloured line to `columns` without cutting into a colour code. */
export function clip(line: string, columns: number): string {
  if (width(line) <= columns) return line;
  let seen = 0;
  let out = "";
  for (let i = 0; i < line.length && seen < columns - 1; i++) {
    if (line[i] === "\u001b") {
      const end = line.indexOf("m", i);
      out += line.slice(i, end + 1);
      i = end;
    } else {
      out += line[i];
      seen++;
    }
  }
  return `${out}…${ESCAPE}0m`;
}
