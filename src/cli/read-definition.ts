import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ClusterError, type Definition, parseDefinition } from "../cluster/index.ts";
import type { Chosen } from "./settings.ts";

/** The file that --definition-file names; by default in the data folder. */
export const definitionPath = (chosen: Chosen): string =>
  chosen.textOr("definition-file", join(chosen.text("data-dir"), "cluster-definition.json"));

/** Reads a definition; nothing of it is verified. @throws ClusterError with the path of the file */
export function readDefinitionFile(path: string): Definition {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ClusterError("cluster/missing", "read the cluster definition", {
      cause,
      facts: { path },
      hint: "Put the definition that all operators agreed to there, or name it with --definition-file.",
    });
  }
  try {
    return parseDefinition(text);
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause;
    throw new ClusterError(cause.code, `open ${path}`, { cause, facts: { path } });
  }
}
