import { dirname } from "node:path";
import { makeFolder, syncPath, writeWhole } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { drawNodeKey } from "./create.ts";
import { ClusterError } from "./errors.ts";
import { isThere, notWritten } from "./on-disk.ts";

/**
 * Makes a node key in a new file, which is on the disk for good before anybody learns of the key.
 *
 * @throws ClusterError `cluster/exists` - the file is there; it was not touched. `cluster/not-written`
 */
export async function createNodeKey(path: string): Promise<NodeKey> {
  const key = drawNodeKey();
  try {
    const made = makeFolder(dirname(path));
    if (made !== undefined) await syncPath(dirname(made));
    await writeWhole(path, Buffer.from(key.revealBytes()).toString("hex"));
  } catch (cause) {
    // A file in the place of its folder exists too, and is another matter.
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST" || !isThere(path))
      throw notWritten(path, "make a node key", cause);
    throw new ClusterError("cluster/exists", "make a node key: there is one already", {
      facts: { path },
      hint: "Print its ENR with `trireme enr`. A new key would not be a member of a cluster that knows the old one.",
    });
  }
  return key;
}
