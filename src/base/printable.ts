/** Control characters, and those that reorder or hide text. */
export const UNPRINTABLE: RegExp = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Text of a file or a peer as a terminal may show it: one line, that hides nothing and gives no commands (colours, titles,
 * the clipboard). What is not printable is written as JSON writes it, so that a JSON document keeps its meaning.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for text whose line ends are ours. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** A part of a path that looks as if it were drawn at random: the key of a provider. What begins with 0x names something public. */
const KEY_IN_PATH = /\/(?!0x)(?=[^/?#]*\d)[\w-]{20,}(?=[/?#]|$)/g;

/** Text without the user names, passwords and queries of the URLs in it, and without keys in their paths. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, "$1[secret]@")
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?#"]*)\?[^\s"]*/gi, "$1?[secret]")
    .replaceAll(
      /([a-z][a-z0-9+.-]*:\/\/[^\s/?#"]*)(\/[^\s"]*)/gi,
      (_, host: string, path: string) => host + path.replaceAll(KEY_IN_PATH, "/[secret]"),
    );
}
