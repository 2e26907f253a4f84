import { createRequire } from "node:module";

/** From package.json, the only place where it is written; reached from source and from the build alike. */
function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      return (require(path) as { version: string }).version;
    } catch {
      // One level further up in the build.
    }
  }
  return "0.0.0";
}

export const version: string = `v${readVersion()}`;
