import { type Facts, UNPRINTABLE, withoutSecrets } from "../base/index.ts";
import { FACT_CHARACTERS_MAX, FACT_ITEMS_MAX } from "./limits.ts";

type Fact = Facts[string];

/**
 * A fact that can do no harm in a log: one line, bounded, no terminal commands, and no passwords or keys of URLs (beacon
 * node addresses often carry one). Some facts were written by peers.
 */
export function harmless(fact: Fact): Fact {
  if (typeof fact === "string") return harmlessText(fact);
  if (!Array.isArray(fact)) return fact;
  const items = (fact as readonly (string | number)[])
    .slice(0, FACT_ITEMS_MAX)
    .map((item) => String(harmless(item)));
  return fact.length > FACT_ITEMS_MAX ? [...items, `and ${fact.length - FACT_ITEMS_MAX} more`] : items;
}

export function harmlessText(text: string): string {
  const cut = text.length > FACT_CHARACTERS_MAX ? `${text.slice(0, FACT_CHARACTERS_MAX)}…` : text;
  return withoutSecrets(cut).replaceAll(UNPRINTABLE, (c) =>
    c < " " ? String.fromCodePoint(0x2400 + c.charCodeAt(0)) : "\ufffd",
  );
}

/** A fact as `name=value` shows it: quoted where a space, a quote or an equals sign would mislead. */
export function factText(fact: Fact): string {
  const safe = harmless(fact);
  const text = Array.isArray(safe) ? safe.join(",") : String(safe);
  return text === "" || /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
