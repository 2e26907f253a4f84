import { styleText } from "node:util";
import type { Facts } from "../base/index.ts";
import { factText, harmless, harmlessText } from "./fact-text.ts";

export interface LogLine {
  /** Unix milliseconds. */
  readonly at: number;
  readonly level: "error" | "warn" | "info" | "debug";
  readonly room: string;
  readonly sentence: string;
  readonly facts: Facts;
}

const COLORS = { error: "red", warn: "yellow", info: "green", debug: "gray" } as const;
const ROOM_WIDTH = 9;
const SENTENCE_WIDTH = 36;

/** For eyes: time (UTC), level, room, sentence, facts, each in its column. */
export function writeConsole({ at, level, room, sentence, facts }: LogLine, color: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const time = new Date(at).toISOString().slice(5, 23).replace("T", " ");
  const said = harmlessText(sentence);
  const listed = Object.entries(facts).map(([name, fact]) => `${paint("dim", `${name}=`)}${factText(fact)}`);
  const gap = listed.length === 0 ? said : said.padEnd(SENTENCE_WIDTH);
  const weighty = level === "error" || level === "warn";
  return [
    paint("dim", time),
    paint(COLORS[level], level.toUpperCase().padEnd(5)),
    paint("cyan", room.padEnd(ROOM_WIDTH)),
    weighty ? paint(COLORS[level], gap) : gap,
    ...listed,
  ].join(" ");
}

/** One JSON object a line; `ts`, `level`, `topic` and `msg` as Charon names them, the facts beside them. */
export function writeJson({ at, level, room, sentence, facts }: LogLine): string {
  const head = { ts: new Date(at).toISOString(), level, topic: room, msg: harmlessText(sentence) };
  const rest: [string, unknown][] = [];
  for (const [name, fact] of Object.entries(facts))
    rest.push([name in head ? `${name}_` : name, harmless(fact)]);
  return JSON.stringify({ ...head, ...Object.fromEntries(rest) });
}

export function writeLogfmt({ at, level, room, sentence, facts }: LogLine): string {
  const head = { ts: new Date(at).toISOString(), level, topic: room, msg: sentence };
  const pairs = [...Object.entries(head), ...Object.entries(facts)];
  return pairs.map(([name, fact]) => `${name}=${factText(fact)}`).join(" ");
}
