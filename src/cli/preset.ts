import { readFileSync } from "node:fs";

/** Genesis fork versions of networks with the Gnosis preset: gnosis and chiado. All others have mainnet's. */
export const GNOSIS_FORK_VERSIONS: ReadonlySet<string> = new Set(["0x00000064", "0x0000006f"]);

/**
 * The preset of a lock's network. Containers are fixed when they are first loaded, so this has to be known before anything
 * that could read the lock properly is: a file that cannot be read is told of later, by its reader.
 */
export function presetOf(lockFile: string): "mainnet" | "gnosis" {
  try {
    const lock = JSON.parse(readFileSync(lockFile, "utf8")) as {
      readonly cluster_definition?: { readonly fork_version?: unknown };
    };
    const version = String(lock.cluster_definition?.fork_version).toLowerCase();
    return GNOSIS_FORK_VERSIONS.has(version) ? "gnosis" : "mainnet";
  } catch {
    return "mainnet";
  }
}
