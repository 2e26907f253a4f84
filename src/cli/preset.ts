import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Flag } from "./flag.ts";
import type { Chosen } from "./settings.ts";

/** Genesis fork versions of networks with the Gnosis preset: gnosis and chiado. All others have mainnet's. */
export const GNOSIS_FORK_VERSIONS: ReadonlySet<string> = new Set(["0x00000064", "0x0000006f"]);

/** Settles the preset of a command about a cluster: that of its lock, unless the environment says which. */
export function choosePreset(flags: readonly Flag[], chosen: Chosen): void {
  if (!["lock-file", "data-dir"].every((name) => flags.some((flag) => flag.name === name))) return;
  const lockFile = chosen.textOr("lock-file", join(chosen.text("data-dir"), "cluster-lock.json"));
  process.env["LODESTAR_PRESET"] ??= presetOf(lockFile);
}

/**
 * The preset of a lock's network. Containers are fixed when they are first loaded, so this has to be known before anything
 * that could read the lock properly is: a file that cannot be read is told of later, by its reader.
 */
export function presetOf(lockFile: string): "mainnet" | "gnosis" {
  try {
    // What comes out of a pipe comes once, and is for its reader.
    if (!statSync(lockFile).isFile()) return "mainnet";
    const lock = JSON.parse(readFileSync(lockFile, "utf8")) as {
      readonly cluster_definition?: { readonly fork_version?: unknown };
    };
    const version = String(lock.cluster_definition?.fork_version).toLowerCase();
    return GNOSIS_FORK_VERSIONS.has(version) ? "gnosis" : "mainnet";
  } catch {
    return "mainnet";
  }
}
