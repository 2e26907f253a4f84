import { DvError } from "../base/index.ts";

/**
 * `ceremony/refused`: something is not as it must be before a ceremony begins; nothing secret was made.
 * `ceremony/failed`: the ceremony cannot go on, and every node ends it; facts say who it lies with. `ceremony/lied`: an
 * operator sent what no honest program sends. `ceremony/journal`: the journal of an interrupted ceremony cannot be used.
 * `ceremony/interrupted`: this program was stopped, or the place of the results is taken; the same command goes on where it was.
 */
export class CeremonyError extends DvError<
  "ceremony/refused" | "ceremony/failed" | "ceremony/lied" | "ceremony/journal" | "ceremony/interrupted"
> {}

const startAgain =
  "Every operator runs the same command again; nothing of this attempt is left that could be used.";

/** An operator sent what no honest program sends. */
export function lied(operator: number, what: string, more: { cause?: unknown } = {}): CeremonyError {
  return new CeremonyError("ceremony/lied", `operator ${operator} ${what}`, {
    ...more,
    facts: { operator },
    hint: `Find out what happened with operator ${operator} before you try again. ${startAgain}`,
  });
}

export function failed(
  what: string,
  facts: Record<string, string | number> = {},
  cause?: unknown,
): CeremonyError {
  return new CeremonyError("ceremony/failed", what, {
    facts,
    hint: startAgain,
    ...(cause === undefined ? {} : { cause }),
  });
}
