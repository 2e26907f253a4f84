import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Path of a file in the folder of shared fixtures beside the project; undefined when it is not there. A test that
 * needs it then skips with the reason `missingShared(name)`.
 */
export function sharedPath(name: string): string | undefined {
  const path = join(resolve(import.meta.dirname, "../../shared"), name);
  return existsSync(path) ? path : undefined;
}

export function missingShared(name: string): string {
  return `NOT TESTED: ../shared/${name} is not there; put the shared fixtures beside the project folder`;
}
