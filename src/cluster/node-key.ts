import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { NodeKey } from "../crypto/index.ts";
import { drawNodeKey } from "./create.ts";
import { ClusterError } from "./errors.ts";

/** Makes a node key in a new file. @throws ClusterError `cluster/exists` - the file is there; it was not touched. */
export function createNodeKey(path: string): NodeKey {
  if (existsSync(path)) {
    throw new ClusterError("cluster/exists", "make a node key: there is one already", {
      facts: { path },
      hint: "Print its ENR with `trireme enr`. A new key would not be a member of a cluster that knows the old one.",
    });
  }
  const key = drawNodeKey();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.from(key.revealBytes()).toString("hex"), { mode: 0o600, flag: "wx" });
  return key;
}
