import { join } from "node:path";
import { readBounded } from "../base/index.ts";
import { ClusterError, type Definition, parseDefinition, readText } from "../cluster/index.ts";
import type { Chosen } from "./settings.ts";

/** The file that --definition-file names; by default in the data folder. */
export const definitionPath = (chosen: Chosen): string =>
  chosen.textOr("definition-file", join(chosen.text("data-dir"), "cluster-definition.json"));

/** What Charon reads at the most. */
const DEFINITION_BYTES_MAX = 16 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 10_000;
const WHAT = "the cluster definition";
const HINT = "Put the definition that all operators agreed to there, or name it with --definition-file.";

/** Reads a definition; nothing of it is verified. @throws ClusterError with the path of the file */
export function readDefinitionFile(path: string): Definition {
  return parsed(path, readText(path, WHAT, HINT));
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
    throw new ClusterError("cluster/missing", `read ${WHAT}`, { cause, facts: { path: url }, hint: HINT });
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
