import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { syncPath, writeWhole } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { drawNodeKey } from "./create.ts";
import { ClusterError } from "./errors.ts";

/**
 * Makes a node key in a new file, which is on the disk for good before anybody learns of the key.
 *
 * @throws ClusterError `cluster/exists` - the file is there; it was not touched.
 */
export async function createNodeKey(path: string): Promise<NodeKey> {
  const key = drawNodeKey();
  const made = mkdirSync(dirname(path), { recursive: true });
  if (made !== undefined) await syncPath(dirname(made));
  try {
    await writeWhole(path, Buffer.from(key.revealBytes()).toString("hex"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new ClusterError("cluster/exists", "make a node key: there is one already", {
      facts: { path },
      hint: "Print its ENR with `trireme enr`. A new key would not be a member of a cluster that knows the old one.",
    });
  }
  return key;
}
