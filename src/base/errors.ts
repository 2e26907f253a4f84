import { inWords } from "./in-words.ts";

/** JSON-safe details of a failure. Never key material. */
export type Facts = Readonly<
  Record<string, string | number | boolean | null | readonly string[] | readonly number[]>
>;

/** A failure this program expects and names. Tests match on `code`, metrics count by it, docs/errors.md has a heading for it. */
export class DvError<Code extends string = string> extends Error {
  readonly code: Code;
  /** What the caller cannot know itself. JSON-safe, no key material. */
  readonly facts: Facts;
  /** What an operator can do next, one sentence. */
  readonly hint: string | undefined;

  constructor(code: Code, message: string, more: { cause?: unknown; facts?: Facts; hint?: string } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = more.facts ?? {};
    this.hint = more.hint;
  }
}

/** Why; of several attempts that failed together (a name with two addresses) the first. */
function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.message === "") return error.errors[0];
  return error instanceof Error ? error.cause : undefined;
}

/** One line for a log: the message (with the reason that its facts give) and those of its causes, outermost first. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = error; e !== undefined && parts.length < 8; e = causeOf(e)) {
    if (e instanceof AggregateError && e.message === "") continue;
    const reason = e instanceof DvError ? e.facts["reason"] : undefined;
    const message = e instanceof Error ? e.message || e.name : typeof e === "string" ? e : JSON.stringify(e);
    parts.push(typeof reason === "string" ? `${message} (${reason})` : inWords(message));
  }
  // Node's fetch says this of every failure; its cause says which.
  return (parts.length > 1 ? parts.filter((part) => part !== "fetch failed") : parts).join(": ");
}
