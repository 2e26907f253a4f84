import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseLock } from "../../cluster/index.ts";
import { slashingDatabase } from "../../node/index.ts";
import { exportSlashingProtection, importSlashingProtection, writeFileAtomic } from "../../storage/index.ts";
import type { CommandInput } from "./index.ts";

/** Writes the interchange file of a stopped node. */
export async function exportCommand({ chosen, io, positional }: CommandInput): Promise<void> {
  const text = exportSlashingProtection(slashingDatabase(chosen.text("data-dir")));
  await writeFileAtomic(positional, text);
  io.out(
    `Wrote what this node has signed to ${positional}. Do not start this node again once another program uses the file.\n`,
  );
}

/** Adds an interchange file to a stopped node's memory. */
export async function importCommand({ chosen, io, positional }: CommandInput): Promise<void> {
  const lock = parseLock(
    readFileSync(chosen.textOr("lock-file", join(chosen.text("data-dir"), "cluster-lock.json")), "utf8"),
  );
  const summary = importSlashingProtection(
    slashingDatabase(chosen.text("data-dir")),
    readFileSync(positional, "utf8"),
    { lockHash: lock.lockHash },
  );
  io.out(`Imported ${positional}: ${JSON.stringify(summary)}\n`);
}
