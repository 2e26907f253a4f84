import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { networkByName } from "../cluster/index.ts";
import { GNOSIS_FORK_VERSIONS, presetOf } from "./preset.ts";

/** Calls `work` with a lock file of a network, as far as its network is concerned. */
function withLock(forkVersion: string, work: (lockFile: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "trireme-preset-"));
  try {
    const lockFile = join(folder, "cluster-lock.json");
    writeFileSync(lockFile, JSON.stringify({ cluster_definition: { fork_version: forkVersion } }));
    work(lockFile);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the preset is that of the lock's network, and mainnet's where the lock cannot be read", () => {
  assert.deepEqual(
    [...GNOSIS_FORK_VERSIONS],
    ["gnosis", "chiado"].map((name) => networkByName(name)?.genesisForkVersion),
  );
  for (const [forkVersion, preset] of [
    ["0x00000064", "gnosis"],
    ["0x0000006F", "gnosis"],
    ["0x10000910", "mainnet"],
  ] as const)
    withLock(forkVersion, (lockFile) => assert.equal(presetOf(lockFile), preset));
  assert.equal(presetOf("/nowhere/cluster-lock.json"), "mainnet");
});

test("a node of a Gnosis cluster hashes the containers of Gnosis: nothing loads them before its lock was looked at", () => {
  // The whole program as `trireme run` loads it; the lock ends it, and which preset is then loaded is what is asked.
  const script = (lockFile: string): string => `
    const { main } = await import("${join(import.meta.dirname, "index.ts")}");
    const quiet = { out() {}, err() {}, environment: {} };
    const flags = ["--beacon-node-endpoints", "http://127.0.0.1:1", "--p2p-tcp-address", "127.0.0.1:0"];
    await main(["run", "--lock-file", "${lockFile}", ...flags], quiet);
    const { ssz } = await import("${join(import.meta.dirname, "../spec/index.ts")}");
    console.log(ssz.capella.Withdrawals.limit);
    process.exit();`;
  const limitOf = (forkVersion: string): string => {
    let out = "";
    withLock(forkVersion, (lockFile) => {
      const { LODESTAR_PRESET: _, ...environment } = process.env;
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ["--input-type=module", "--eval", script(lockFile)],
        { env: environment, encoding: "utf8", cwd: join(lockFile, "..") },
      );
      out = stdout.trim() || stderr;
    });
    return out;
  };
  assert.equal(limitOf("0x00000064"), "8");
  assert.equal(limitOf("0x00000000"), "16");
});
