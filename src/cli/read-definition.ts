import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readBounded } from "../base/index.ts";
import { ClusterError, type Definition, parseDefinition } from "../cluster/index.ts";
import type { Chosen } from "./settings.ts";

/** The file that --definition-file names; by default in the data folder. */
export const definitionPath = (chosen: Chosen): string =>
  chosen.textOr("definition-file", join(chosen.text("data-dir"), "cluster-definition.json"));

/** What Charon reads at the most. */
const DEFINITION_BYTES_MAX = 16 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 10_000;

/** Reads a definition; nothing of it is verified. @throws ClusterError with the path of the file */
export function readDefinitionFile(path: string): Definition {
  try {
    return parsed(path, readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause;
    throw missing(path, cause);
  }
}

/** As `readDefinitionFile`, but the place may be a URL. @throws ClusterError with the place */
export async function readDefinitionFrom(place: string): Promise<Definition> {
  if (!/^https?:\/\//.test(place)) return readDefinitionFile(place);
  return parsed(place, await fetchText(place));
}

async function fetchText(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (!answer.ok || answer.body === null) throw new Error(`the answer is ${answer.status}`);
    return Buffer.from(await readBounded(answer.body, DEFINITION_BYTES_MAX)).toString("utf8");
  } catch (cause) {
    throw missing(url, cause);
  }
}

function parsed(place: string, text: string): Definition {
  try {
    return parseDefinition(text);
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause;
    throw new ClusterError(cause.code, `open ${place}`, { cause, facts: { path: place } });
  }
}

const missing = (path: string, cause: unknown): ClusterError =>
  new ClusterError("cluster/missing", "read the cluster definition", {
    cause,
    facts: { path },
    hint: "Put the definition that all operators agreed to there, or name it with --definition-file.",
  });
